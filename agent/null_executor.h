// An executor without processes: a task "runs" for a while and ends, as the seed wants. For swarms
// and the simulator; pure, a few words per task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/effects.h"
#include "agent/executor.h"
#include "core/duration_spread.h"
#include "core/random.h"
#include "core/time.h"

namespace shoal::agent {

struct NullExecutorOptions {
  core::DurationSpread start{};          // from launch() to the start
  core::DurationSpread run{};            // from the start to the end
  std::uint32_t fail_one_in = 0;         // ends with exit code 1; 0: never
  std::uint32_t refuse_one_in = 0;       // cannot be launched; 0: never
  std::uint32_t ignore_term_one_in = 0;  // needs KillMode::kForce; 0: never
};

class NullExecutor final : public Executor {
 public:
  NullExecutor(std::uint64_t seed, const NullExecutorOptions& options)
      : random_(seed), options_(options) {}

  // Both are answered by a later tick().
  void launch(const LaunchRequest& request) override;
  void kill(core::FrameworkId framework, std::string_view task, KillMode mode) override;

  // Tells `events` what has happened until `now`; they may launch and kill. Not from inside a
  // handler.
  void tick(ExecutorEvents& events, core::TimePoint now);
  // When tick() has something to tell; TimePoint::min(): at once, max(): nothing runs.
  core::TimePoint next_deadline() const;

  std::size_t running() const { return runs_.size(); }
  bool has(core::FrameworkId framework, std::string_view task) const;
  // The machine fails: everything is gone, and nothing is told.
  void clear() { runs_.clear(); }

 private:
  struct Run {
    core::FrameworkId framework;
    std::string task;
    // When it starts, once started when it ends; unset until the first tick().
    core::TimePoint due = core::TimePoint::min();
    bool is_seen = false;
    std::int32_t signal = 0;  // that ended it
    bool is_started = false;
    bool ignores_term = false;
    bool fails = false;
  };

  // Whether the run is over, and out of runs_.
  bool tell_one(ExecutorEvents& events, std::size_t index, core::TimePoint now);

  core::Random random_;
  NullExecutorOptions options_;
  std::vector<Run> runs_;
};

}  // namespace shoal::agent
