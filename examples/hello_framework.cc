// A whole framework: runs N `echo` tasks (3 unless told) wherever there is room and prints how each
// ended.   hello_framework [N]     with SHOAL_MASTER=HOST:PORT, else 127.0.0.1:7070
#include <fmt/core.h>

#include <cstdlib>

#include "core/text.h"
#include "sdk/scheduler_driver.h"

namespace core = shoal::core;
namespace sdk = shoal::sdk;

class Hello : public sdk::Scheduler {
 public:
  explicit Hello(int tasks) : tasks_(tasks) {}

  // The master offers parts of agents: take room for one task out of each, until all are launched.
  void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override {
    core::Resources need;
    need.cpus = 100;    // in thousandths: 0.1 cores
    need.mem = 32'000;  // and 32 MiB
    for (const sdk::Offer& offer : offers) {
      if (launched_ == tasks_ || !offer.resources.contains(need)) {
        driver.decline({&offer, 1});
        continue;
      }
      sdk::TaskSpec task;
      task.id = fmt::format("hello-{}", launched_++);
      task.resources = need;
      task.description.command = "echo";
      task.description.arguments = {"hello from", offer.hostname};
      const absl::Status status = driver.accept({&offer, 1}, {&task, 1}, core::Duration::zero());
      if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
    }
  }

  // Every change of a task's state arrives here, at least once and in order.
  void update(sdk::Driver& driver, const sdk::TaskStatus& status) override {
    fmt::print("{}: {}\n", status.task, core::name_of(status.state));
    if (status.is_terminal() && ++ended_ == tasks_) driver.teardown();  // and run() returns
  }

 private:
  const int tasks_;
  int launched_ = 0;
  int ended_ = 0;
};

int main(int argc, char** argv) {
  const char* master = std::getenv("SHOAL_MASTER");
  int tasks = 3;
  if (argc > 1 && !core::parse_int(argv[1], &tasks)) return 2;
  Hello hello(tasks);
  auto driver = sdk::SchedulerDriver::create(
      {.masters = {master != nullptr ? master : "127.0.0.1:7070"}, .info = {.name = "hello"}},
      &hello);
  const absl::Status status = driver.ok() ? (*driver)->run() : driver.status();
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return status.ok() ? 0 : 1;
}
