// A framework that keeps something: it reserves disk for its role, makes a volume of it, writes to
// the volume with one task, reads it with a second one, and gives everything back.
//
//   reserving_framework     with SHOAL_MASTER=HOST:PORT, else 127.0.0.1:7070
//
// A reservation belongs to a role and stays when the framework goes; so does a volume, with its
// data. That is the point of them, and why this program is careful to clean up.
#include <fmt/core.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "sdk/operations.h"
#include "sdk/scheduler_driver.h"

namespace core = shoal::core;
namespace sdk = shoal::sdk;

namespace {

// A role of its own: what is reserved for "*" would be reserved for everybody.
const std::string kRole = "examples";
const core::Volume kVolume{.id = "diary", .container_path = "diary"};

class Diary : public sdk::Scheduler {
 public:
  bool is_done() const { return step_ == Step::kDone; }

  // One offer at a time is enough. Each step needs an offer that holds what the step before made:
  // the master offers reserved resources only to their role, so they come back here.
  void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override {
    for (const sdk::Offer& offer : offers) {
      if (is_waiting_ || !use(driver, offer)) driver.decline({&offer, 1}, kAWhile);
    }
  }

  void update(sdk::Driver& driver, const sdk::TaskStatus& status) override {
    fmt::print("{}: {} {}\n", status.task, core::name_of(status.state), status.message);
    if (!status.is_terminal()) return;
    if (status.state == core::TaskState::kDropped) return next(driver, step_);  // never ran: again
    if (status.state != core::TaskState::kFinished) return fail(driver, "a task failed");
    next(driver, step_ == Step::kWrite ? Step::kRead : Step::kCleanUp);
  }

  // Operations that were given an id are told about here, once the agent has done them.
  void operation_update(sdk::Driver& driver, const sdk::OperationStatus& status) override {
    fmt::print("{}: {} {}\n", status.id, core::name_of(status.state), status.message);
    if (!status.is_finished()) return fail(driver, "an operation failed");
    if (status.id != "unreserve") return;
    step_ = Step::kDone;
    driver.teardown();
  }

  // With operations an accept is done as a whole or not at all.
  void refused(sdk::Driver& driver, core::RefusalCode code, std::string_view message) override {
    // The offer was taken back meanwhile. Tasks of the call are reported as dropped.
    if (code == core::RefusalCode::kInvalidOffer) return next(driver, step_);
    fail(driver, message);
  }

 private:
  enum class Step { kWrite, kRead, kCleanUp, kDone };
  static constexpr std::chrono::milliseconds kAWhile{200};

  bool use(sdk::Driver& driver, const sdk::Offer& offer) {
    const core::Resources volume = sdk::find_volume(offer.resources, kVolume.id);
    if (volume.empty()) return step_ == Step::kWrite && reserve_and_write(driver, offer);
    if (step_ == Step::kCleanUp) return clean_up(driver, offer, volume);
    return launch(driver, offer, {}, volume);  // in the first step: left by a run that was killed
  }

  // Reserve, create and launch in one call: each sees what the ones before it made.
  bool reserve_and_write(sdk::Driver& driver, const sdk::Offer& offer) {
    core::Resources disk;
    disk.disk = 16'000;  // MiB are counted in thousandths: 16 of them
    if (!offer.resources.contains(disk)) return false;
    const core::Resources reserved = sdk::reserved(disk, {.role = kRole});
    return launch(
        driver, offer,
        {sdk::reserve(disk, {.role = kRole}, "reserve"), sdk::create(reserved, kVolume, "create")},
        sdk::as_volume(reserved, kVolume));
  }

  // `volume` among a task's resources is what puts it into the task's sandbox.
  bool launch(sdk::Driver& driver, const sdk::Offer& offer,
              const std::vector<sdk::Operation>& operations, core::Resources volume) {
    sdk::TaskSpec task;
    task.id = fmt::format("{}-{}", step_ == Step::kWrite ? "write" : "read", ++tasks_);
    task.resources = std::move(volume);
    task.resources.cpus = 100;
    task.resources.mem = 32'000;
    task.description.shell = true;
    task.description.command =
        step_ == Step::kWrite ? "echo it rained > diary/today" : "cat diary/today";
    return accept(driver, offer, operations, {task});
  }

  bool clean_up(sdk::Driver& driver, const sdk::Offer& offer, const core::Resources& volume) {
    return accept(
        driver, offer,
        {sdk::destroy(volume, "destroy"), sdk::unreserve(sdk::without_volume(volume), "unreserve")},
        {});
  }

  bool accept(sdk::Driver& driver, const sdk::Offer& offer,
              const std::vector<sdk::Operation>& operations,
              const std::vector<sdk::TaskSpec>& tasks) {
    const absl::Status status =
        driver.accept({&offer, 1}, operations, tasks, core::Duration::zero());
    if (!status.ok()) {
      fail(driver, status.ToString());
      return false;
    }
    is_waiting_ = true;
    return true;
  }

  void next(sdk::Driver& driver, Step step) {
    step_ = step;
    is_waiting_ = false;
    driver.revive();  // offers that were declined meanwhile may be the ones that are needed now
  }

  void fail(sdk::Driver& driver, std::string_view why) {
    fmt::print(stderr, "{}\n", why);
    driver.teardown();
  }

  Step step_ = Step::kWrite;
  int tasks_ = 0;
  bool is_waiting_ = false;  // for the end of what was accepted
};

}  // namespace

int main() {
  const char* master = std::getenv("SHOAL_MASTER");
  Diary diary;
  auto driver =
      sdk::SchedulerDriver::create({.masters = {master != nullptr ? master : "127.0.0.1:7070"},
                                    .info = {.name = "diary", .roles = {kRole}}},
                                   &diary);
  const absl::Status status = driver.ok() ? (*driver)->run() : driver.status();
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return status.ok() && diary.is_done() ? 0 : 1;
}
