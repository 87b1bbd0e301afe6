// The framework behind `shoal run`: K instances of one command.
//
//   kPending --offer fits--> kLaunched --first update--> kStarted --terminal update--> kEnded
//      ^                        |
//      +---- it never ran ------+        an instance is done when it ended and its logs are read
//
// Threads: the driver's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "cli/log_hub.h"
#include "cli/options.h"
#include "cli/output_pump.h"
#include "cli/run_plan.h"
#include "net/timer.h"
#include "sdk/operator_connection.h"
#include "sdk/scheduler.h"
#include "sdk/scheduler_driver.h"

namespace shoal::cli {

class RunJob final : public sdk::Scheduler {
 public:
  // `suffix`: random text that tells the task ids of this run from those of others.
  RunJob(const RunVerb& verb, std::string_view suffix);

  // Once, before the driver runs.
  void attach(sdk::SchedulerDriver& driver);
  // Once, after the driver ran and before it is destroyed.
  void detach();
  // The first: kill everything and end with `exit_code`. The second: leave at once.
  void on_signal(std::string_view name, int exit_code);
  // After run(): what the program ends with when run() was OK.
  int exit_code() const;

  void subscribed(sdk::Driver& driver, core::FrameworkId id) override;
  void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override;
  void update(sdk::Driver& driver, const sdk::TaskStatus& status) override;
  void disconnected(sdk::Driver& driver) override;
  void refused(sdk::Driver& driver, core::RefusalCode code, std::string_view message) override;
  void explanation(sdk::Driver& driver, const core::Explanation& explanation) override;

 private:
  enum class Phase : std::uint8_t { kPending, kLaunched, kStarted, kEnded };
  struct Instance {
    std::uint32_t index = 0;
    std::uint32_t attempt = 0;
    Phase phase = Phase::kPending;
    std::string task;     // the id of the present attempt
    std::string address;  // of its agent
    int exit_code = 0;
    int unknown = 0;  // how often the master has said, since it is back, that it does not know it
    int open_logs = 0;
    bool has_logs = false;
    std::array<std::unique_ptr<LinePrefixer>, 2> prefixers;
  };

  std::string task_id(const Instance& instance) const;
  sdk::TaskSpec spec_of(const Instance& instance, const core::Resources& resources) const;
  // Launches what fits; false when nothing does.
  bool use_offer(const sdk::Offer& offer);
  std::size_t pending() const;
  void on_ended(Instance& instance, const sdk::TaskStatus& status);
  // Names the launches that nobody has told of to the master, and comes back while there are some.
  void ask_after_launched();
  void launch_again(Instance& instance, const sdk::TaskStatus& status);
  void start_logs(Instance& instance);
  void on_log_end(std::uint32_t index, core::LogStream stream, const absl::Status& status);
  void end_all(int exit_code);
  void fail(const std::string& message);
  void finish_when_done();
  void leave();
  void ask_why();
  // Asks about what an Explanation does not know, and says that, or `otherwise`.
  void ask_for_parts(const std::string& otherwise);
  void say_waiting(const std::string& reason);
  bool is_waiting() const { return !forced_exit_.has_value() && pending() > 0; }
  void on_broken_output(const absl::Status& why);

  const RunVerb verb_;
  const std::string prefix_;
  const Demand demand_;
  std::vector<Instance> instances_;
  absl::flat_hash_map<std::string, std::uint32_t> by_task_;
  std::optional<int> forced_exit_;  // set once the job is being ended
  bool left_ = false;
  bool was_disconnected_ = false;
  bool suppressed_ = false;
  bool is_patient_ = true;  // nothing is said of the waiting yet
  std::string last_reason_;

  sdk::SchedulerDriver* host_ = nullptr;
  sdk::Driver* driver_ = nullptr;
  std::array<std::unique_ptr<OutputPump>, 2> pumps_;  // stdout, stderr
  std::unique_ptr<LogHub> logs_;
  std::unique_ptr<sdk::OperatorConnection> operator_;
  std::unique_ptr<net::Timer> wait_timer_;
  std::unique_ptr<net::Timer> launched_timer_;
  std::unique_ptr<net::Timer> time_limit_;
  std::unique_ptr<net::Timer> kill_limit_;
};

}  // namespace shoal::cli
