// One framework: the real sdk session under a scheduler with habits, some of them bad. It wants a
// number of tasks to end, launches again under a new id what was lost, and writes down what it is
// told, so that a broken promise shows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/scheduler_session.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"

namespace shoal::sim {

enum class Habit : std::uint8_t {
  kGreedy,    // launches as much as fits, at once
  kDecliner,  // takes few of the offers; suppresses and revives
  kHoarder,   // sits on offers, and uses them when some are void
  kKiller,    // kills its tasks at random
  kCrasher,   // dies and comes back, under its id or as somebody new; tears down
};
inline constexpr std::uint8_t kHabits = 5;

class SimFramework final : public sdk::Scheduler, public sdk::SessionSink, public LinkHandler {
 public:
  SimFramework(Sim& sim, Network& network, std::uint32_t node, Habit habit);
  ~SimFramework() override;

  void start();
  // Has what it wanted, and waits for nothing.
  bool is_done() const { return completed_ >= sim_.scenario.tasks && open_tasks() == 0; }
  std::string describe() const;  // for a failure's report
  core::FrameworkId id() const { return id_; }
  std::uint32_t node() const { return node_; }

  // LinkHandler
  void on_link_up(LinkId link) override;
  void on_link_frame(LinkId link, const wire::FrameView& frame) override;
  void on_link_down(LinkId link) override;

  // sdk::SessionSink
  void send(wire::Bytes frame) override;
  void reconnect(const absl::Status& why) override;
  void finished(const absl::Status& status) override;

  // sdk::Scheduler
  void subscribed(sdk::Driver& driver, core::FrameworkId id) override;
  void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override;
  void rescinded(sdk::Driver& driver, absl::Span<const core::OfferId> offers) override;
  void update(sdk::Driver& driver, const sdk::TaskStatus& status) override;
  void disconnected(sdk::Driver& driver) override;
  void refused(sdk::Driver& driver, core::RefusalCode code, std::string_view message) override;

 private:
  struct Task {
    core::Resources resources;
    core::TaskState state = core::TaskState::kStaging;
    int rank = 0;                  // of the newest update of its agent
    bool has_ended = false;        // the framework was told so
    bool is_written_off = false;   // the framework has given it up
    bool is_expected_bad = false;  // sent with a call that must be refused
    std::set<core::UpdateUuid> updates;
    core::TimePoint launched;
    std::optional<core::TimePoint> missing_since;  // unknown to the master, or unreachable
  };

  // --- life (sim_framework.cc) ---
  void begin_session(core::FrameworkId id);
  void dial_later();
  void tick();
  void crash();
  void retire();
  void write_off_missing();
  void ask_about_open();

  // --- tasks (sim_framework_tasks.cc) ---
  std::size_t open_tasks() const;
  std::size_t wanted() const;
  void use(const sdk::Offer& offer);
  sdk::TaskSpec make_task(core::Resources& free);
  void call_badly(const sdk::Offer& offer);
  void launch_badly(std::vector<sdk::Offer> offers, const core::Resources& resources,
                    std::string_view why);
  void repeat_an_id(const sdk::Offer& offer);
  void note_status(Task& task, const sdk::TaskStatus& status);
  void note_ended(Task& task, const sdk::TaskStatus& status);
  void kill_something();

  Sim& sim_;
  Network& network_;
  const std::uint32_t node_;
  const Habit habit_;
  core::Duration patience_{};
  std::unique_ptr<sdk::SchedulerSession> session_;
  std::uint64_t life_ = 0;  // of the session
  LinkId link_ = 0;
  core::FrameworkId id_;
  bool acknowledges_late_ = false;
  bool is_suppressed_ = false;
  bool is_finishing_ = false;

  std::map<std::string, Task> tasks_;  // a database: it survives a crash
  std::uint64_t next_task_ = 1;
  std::size_t completed_ = 0;
  std::map<core::OfferId, sdk::Offer> held_;
  std::vector<sdk::Offer> used_offers_;
  core::TimePoint next_question_;
};

}  // namespace shoal::sim
