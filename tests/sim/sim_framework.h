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
#include "tests/sim/master_finder.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"

namespace shoal::sim {

enum class Habit : std::uint8_t {
  kGreedy,    // launches as much as fits, at once
  kPicky,     // takes few of the offers; suppresses and revives
  kSlow,      // sits on offers, and uses them when some are void
  kKiller,    // kills its tasks at random
  kCrasher,   // dies and comes back, under its id or as somebody new; tears down
  kHoarder,   // never answers an offer; wants nothing else
  kDecliner,  // declines everything, for times drawn at random; suppresses and revives
  kLiar,      // makes calls that must be refused, and acknowledges what never was
  kReserver,  // reserves, makes volumes, launches on them, and gives all of it back
};
inline constexpr std::uint8_t kHabits = 9;

class SimFramework final : public sdk::Scheduler, public sdk::SessionSink, public LinkHandler {
 public:
  SimFramework(Sim& sim, Network& network, std::uint32_t node, Habit habit);
  ~SimFramework() override;

  void start();
  // Has what it wanted, and waits for nothing.
  bool is_done() const;
  std::string describe() const;  // for a failure's report
  core::FrameworkId id() const { return id_; }
  std::uint32_t node() const { return node_; }
  Habit habit() const { return habit_; }
  std::size_t subscriptions() const { return info_.roles.size(); }
  // It has nothing, wants something, and keeps no agent from being offered to it: then it must be
  // offered what others only hoard.
  bool must_be_offered() const;

  // LinkHandler
  void on_link_up(LinkId link) override;
  void on_link_frame(LinkId link, const wire::FrameView& frame) override;
  void on_link_down(LinkId link) override;

  // sdk::SessionSink
  void send(wire::Bytes frame) override;
  void reconnect(const absl::Status& why) override;
  void redirect(std::string_view leader, const absl::Status& why) override;
  void finished(const absl::Status& status) override;

  // sdk::Scheduler
  void subscribed(sdk::Driver& driver, core::FrameworkId id) override;
  void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override;
  void rescinded(sdk::Driver& driver, absl::Span<const core::OfferId> offers) override;
  void update(sdk::Driver& driver, const sdk::TaskStatus& status) override;
  void operation_update(sdk::Driver& driver, const sdk::OperationStatus& status) override;
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
  struct Operation {
    std::uint64_t connection = 0;  // on which it was sent
    bool is_expected_bad = false;
    bool has_ended = false;
    core::OperationState state = core::OperationState::kPending;
  };

  // --- life (sim_framework.cc) ---
  void draw_info();
  void begin_session(core::FrameworkId id);
  void dial_later();
  void tick();
  void tick_habit();
  void crash();
  void retire();
  void write_off_missing();
  void ask_about_open();
  void suppress_and_revive();

  // --- tasks (sim_framework_tasks.cc) ---
  std::size_t open_tasks() const;
  std::size_t wanted() const;
  bool wants_tasks() const { return habit_ != Habit::kHoarder && habit_ != Habit::kDecliner; }
  void decline(const sdk::Offer& offer);
  void use(const sdk::Offer& offer);
  sdk::TaskSpec make_task(core::Resources& free);
  void note_launched(const absl::Status& sent, const sdk::Offer& offer,
                     const std::vector<sdk::TaskSpec>& specs);
  void note_status(Task& task, const sdk::TaskStatus& status);
  void note_ended(Task& task, const sdk::TaskStatus& status);
  void kill_something();

  // --- operations (sim_framework_operations.cc) ---
  bool operate(const sdk::Offer& offer);
  void give_back(core::Resources& free, std::vector<sdk::Operation>& operations);
  void take(const sdk::Offer& offer, core::Resources& free,
            std::vector<sdk::Operation>& operations);
  std::string name_operation();
  std::size_t open_operations() const;
  void acknowledge_operations();

  // --- lies (sim_framework_lies.cc) ---
  bool lie(const sdk::Offer& offer);
  bool lie_about_offers(const sdk::Offer& offer);
  bool lie_about_operations(const sdk::Offer& offer);
  void lie_about_acknowledgements();
  void launch_badly(std::vector<sdk::Offer> offers, std::vector<sdk::Operation> operations,
                    const core::Resources& resources, std::string_view why);
  bool repeat_an_id(const sdk::Offer& offer);

  Sim& sim_;
  Network& network_;
  const std::uint32_t node_;
  const Habit habit_;
  core::Duration patience_{};
  sdk::FrameworkInfo info_;
  std::unique_ptr<sdk::SchedulerSession> session_;
  std::uint64_t life_ = 0;        // of the session
  std::uint64_t connection_ = 0;  // counts subscriptions and their ends
  MasterFinder masters_;
  LinkId link_ = 0;
  std::uint64_t link_epoch_ = 0;  // of the master at the other end, as it said
  std::uint64_t seen_epoch_ = 0;  // the highest in this life
  core::FrameworkId id_;
  bool is_explicit_ = false;              // acknowledges by itself, and late
  bool acknowledges_operations_ = false;  // else it leaves that for the calm
  std::set<std::string> suppressed_;      // roles
  core::TimePoint filtered_until_;        // by its own declines

  std::map<std::string, Task> tasks_;  // a database: it survives a crash
  std::uint64_t next_task_ = 1;
  std::size_t completed_ = 0;
  std::map<std::string, Operation> operations_;
  std::uint64_t next_operation_ = 1;
  std::vector<sdk::OperationStatus> unacknowledged_;
  std::map<core::OfferId, sdk::Offer> held_;
  std::vector<sdk::Offer> used_offers_;
  core::TimePoint next_question_;
};

}  // namespace shoal::sim
