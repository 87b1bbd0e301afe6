#include "agent/null_executor.h"

#include <signal.h>

#include <algorithm>
#include <utility>

namespace shoal::agent {

void NullExecutor::launch(const LaunchRequest& request) {
  Run run;
  run.framework = request.framework;
  run.task = request.task;
  run.ignores_term =
      options_.ignore_term_one_in != 0 && random_.chance(1, options_.ignore_term_one_in);
  run.fails = options_.fail_one_in != 0 && random_.chance(1, options_.fail_one_in);
  runs_.push_back(std::move(run));
}

void NullExecutor::kill(core::FrameworkId framework, std::string_view task, KillMode mode) {
  for (Run& run : runs_) {
    if (run.framework != framework || run.task != task) continue;
    if (mode == KillMode::kTerminate && run.ignores_term) return;
    run.signal = mode == KillMode::kTerminate ? SIGTERM : SIGKILL;
    run.due = core::TimePoint::min();
    return;
  }
}

bool NullExecutor::has(core::FrameworkId framework, std::string_view task) const {
  return std::any_of(runs_.begin(), runs_.end(), [&](const Run& run) {
    return run.framework == framework && run.task == task;
  });
}

void NullExecutor::tick(ExecutorEvents& events, core::TimePoint now) {
  // The events may append to runs_; what they append is found by the next tick.
  std::size_t index = 0;
  for (std::size_t left = runs_.size(); left > 0; --left) {
    const bool is_gone = runs_[index].due <= now && tell_one(events, index, now);
    if (!is_gone) ++index;
  }
}

bool NullExecutor::tell_one(ExecutorEvents& events, std::size_t index, core::TimePoint now) {
  Run& run = runs_[index];
  if (!run.is_started && !std::exchange(run.is_seen, true) && run.signal == 0) {
    run.due = now + options_.start.draw(random_);
    if (run.due > now) return false;
  }
  if (!run.is_started) {
    const bool refused = options_.refuse_one_in != 0 && random_.chance(1, options_.refuse_one_in);
    if (!refused) {
      run.is_started = true;
      run.due = now + options_.run.draw(random_);
      if (run.signal != 0) run.due = core::TimePoint::min();
      const std::string task = run.task;  // `run` may move below
      events.on_started(run.framework, task);
      return false;
    }
    const Run gone = std::move(run);
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
    events.on_failed(gone.framework, gone.task, "cannot run it here");
    return true;
  }
  const Run gone = std::move(run);
  runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(index));
  ExitStatus exit;
  exit.signaled = gone.signal != 0;
  exit.code_or_signal = gone.signal != 0 ? gone.signal : (gone.fails ? 1 : 0);
  events.on_exited(gone.framework, gone.task, exit);
  return true;
}

core::TimePoint NullExecutor::next_deadline() const {
  core::TimePoint next = core::TimePoint::max();
  for (const Run& run : runs_) next = std::min(next, run.due);
  return next;
}

}  // namespace shoal::agent
