#include "agent/task_life.h"

#include <fmt/core.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/update_history.h"
#include "agent/waiting_tasks.h"
#include "core/frame_cost.h"

namespace shoal::agent {

using core::TaskReason;
using core::TaskState;

namespace {

constexpr core::TimePoint kNever = StatusStream::kNever;
constexpr std::int64_t kMaxGraceMs = std::int64_t{24} * 3600 * 1000;

std::int64_t wall_ms(const AgentState& state, core::TimePoint now) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return since.count() + state.wall_offset_ms;
}

// What it may not: it is ended by the agent, and has failed.
bool is_limit(TaskReason reason) {
  return reason == TaskReason::kMaxCompletionTime || reason == TaskReason::kDiskLimit;
}

// "10 s", "1500 ms"
std::string time_text(std::int64_t ms) {
  return ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
}

// Why a task that was ended for `reason` may not go on. What was measured, the next agent does not
// know.
std::string limit_text(const Task& task, TaskReason reason) {
  if (!task.limit_why.empty()) return task.limit_why;
  if (reason == TaskReason::kDiskLimit) return "it took more disk than it had asked for";
  return fmt::format("it ran longer than the {} that it may", time_text(task.max_completion_ms));
}

// What was recorded last, for the first time.
void send_newest(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now) {
  if (!state.is_registered()) return;
  effects.send(status_of(state.id, task, task.updates.pending().back()));
  task.updates.mark_sent(now);
  state.tasks.update_deadline(task);
}

}  // namespace

void resend(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now) {
  if (!state.is_registered() || task.updates.empty()) return;
  for (const StatusUpdate& update : task.updates.pending()) {
    if (update.ticket > state.recorded) break;  // on_recorded() sends it
    effects.send(status_of(state.id, task, update));
  }
  task.updates.mark_resent(now);
  state.tasks.update_deadline(task);
}

void send_present(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now) {
  if (!task.updates.empty()) return resend(state, effects, task, now);
  StatusUpdate present;
  present.state = task.state;
  present.timestamp_ms = wall_ms(state, now);
  core::TaskStatus status = status_of(state.id, task, present);
  status.has_uuid = false;
  effects.send(status);
}

void report(AgentState& state, AgentEffects& effects, Task& task, StatusUpdate update,
            core::TimePoint now) {
  task.state = update.state;
  if (task.is_orphan) return;
  update.uuid = core::draw_uuid(state.random);
  if (update.timestamp_ms == 0) update.timestamp_ms = wall_ms(state, now);
  update.ticket = effects.record(status_of(state.id, task, update));
  const std::uint64_t ticket = update.ticket;
  task.updates.push(std::move(update));
  if (ticket > state.recorded) {
    state.unrecorded.push_back({task.framework, task.id, ticket});
  } else {
    send_newest(state, effects, task, now);
  }
}

StatusUpdate update_of(TaskState to, TaskReason reason, std::string message) {
  StatusUpdate update;
  update.state = to;
  update.reason = reason;
  update.message = std::move(message);
  return update;
}

void launch(AgentState& state, AgentEffects& effects, Task& task,
            const wire::TaskDescription& description) {
  state.tasks.enter(task, TaskPhase::kLaunching);
  state.tasks.charge(task);
  effects.launch(
      {task.framework, state.id, task.id, task.resources, description, task.name, task.role});
}

void end_task(AgentState& state, AgentEffects& effects, Task& task, StatusUpdate update,
              core::TimePoint now) {
  const bool held = task.phase == TaskPhase::kLaunching || task.phase == TaskPhase::kRunning;
  if (held) state.tasks.release(task);
  if (!task.is_orphan) state.tasks.uncommit(task);
  state.tasks.enter(task, TaskPhase::kEnded);
  task.kill_at = task.complete_by = kNever;
  task.description.reset();
  state.tasks.update_deadline(task);
  report(state, effects, task, std::move(update), now);
  if (task.updates.empty()) state.tasks.erase(task);
  if (held) launch_waiting(state, effects);
}

core::Duration grace_of(const Task& task, std::int64_t asked_ms) {
  std::int64_t grace = core::kDefaultKillGrace.count();
  if (task.kill_grace_ms >= 0) grace = task.kill_grace_ms;
  if (asked_ms >= 0) grace = asked_ms;
  return std::chrono::milliseconds(std::min(grace, kMaxGraceMs));
}

void limit_time(AgentState& state, Task& task, core::TimePoint started) {
  if (task.max_completion_ms < 0 || task.is_kill_asked) return;
  task.complete_by = started + std::chrono::milliseconds(task.max_completion_ms);
  state.tasks.update_deadline(task);
}

void time_out(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now) {
  const TaskReason reason = TaskReason::kMaxCompletionTime;
  kill_task(state, effects, task, grace_of(task, -1), reason, limit_text(task, reason), now);
}

void force(AgentState& state, AgentEffects& effects, Task& task) {
  task.kill_at = kNever;
  state.tasks.update_deadline(task);
  effects.kill(task.framework, task.id, KillMode::kForce);
}

void kill_task(AgentState& state, AgentEffects& effects, Task& task, core::Duration grace,
               TaskReason reason, std::string_view why, core::TimePoint now) {
  if (task.phase == TaskPhase::kWaiting) {
    const TaskReason told = reason == TaskReason::kNone ? TaskReason::kKilledDuringLaunch : reason;
    return end_task(state, effects, task,
                    update_of(TaskState::kKilled, told, "killed before it was started"), now);
  }
  const bool is_first = !task.is_kill_asked;
  if (is_first) {
    task.is_kill_asked = true;
    task.kill_reason = reason;
    task.complete_by = kNever;
    report(state, effects, task, update_of(TaskState::kKilling, reason, std::string(why)), now);
  }
  if (task.phase == TaskPhase::kLaunching) {
    // No grace: it was not reported as running. What the executor has started meanwhile is killed
    // again in on_process_started().
    task.kill_reason = reason == TaskReason::kNone ? TaskReason::kKilledDuringLaunch : reason;
    if (is_first) effects.kill(task.framework, task.id, KillMode::kForce);
    return;
  }
  if (!is_first && task.kill_at == kNever) return;  // SIGKILL was sent
  if (grace <= core::Duration{0}) return force(state, effects, task);
  if (is_first) effects.kill(task.framework, task.id, KillMode::kTerminate);
  task.kill_at = std::min(task.kill_at, now + grace);
  state.tasks.update_deadline(task);
}

void refuse_task(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                 std::string_view id, StatusUpdate update, core::TimePoint now) {
  const core::FrameCost cost = core::task_report_cost(id, {}, {}, {});
  if (!state.tasks.has_room_for(cost)) {
    Task passing;
    passing.framework = framework;
    passing.id = id;
    update.timestamp_ms = wall_ms(state, now);
    core::TaskStatus status = status_of(state.id, passing, update);
    status.has_uuid = false;
    return effects.send(status);
  }
  Task& task = state.tasks.add(framework, id, cost);
  state.tasks.enter(task, TaskPhase::kEnded);
  report(state, effects, task, std::move(update), now);
}

std::string outcome_text(const ExitStatus& exit) {
  if (!exit.signaled) return fmt::format("exited with {}", exit.code_or_signal);
  const char* name = sigabbrev_np(exit.code_or_signal);
  const std::string_view core = exit.core_dumped ? " (core dumped)" : "";
  if (name == nullptr) return fmt::format("killed by signal {}{}", exit.code_or_signal, core);
  return fmt::format("killed by SIG{}{}", name, core);
}

namespace {

// What the kernel has killed for want of memory; empty: nothing.
std::string memory_text(const ExitStatus& exit) {
  if (exit.oom_kills == 0) return "";
  const auto mib = [](std::uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; };
  const std::string limit = exit.memory_limit == 0
                                ? "it has no limit, the machine had none left"
                                : fmt::format("the limit is {} MiB", mib(exit.memory_limit));
  return fmt::format("; {} of its processes killed for want of memory: {}, the most it used {} MiB",
                     exit.oom_kills, limit, mib(exit.memory_peak));
}

// Of a task whose end was asked for: by others, or by the agent because of a limit.
void as_killed(const Task& task, StatusUpdate& update) {
  update.state = TaskState::kKilled;
  update.reason = task.kill_reason;
  if (!is_limit(task.kill_reason)) return;
  update.state = TaskState::kFailed;
  update.message += "; " + limit_text(task, task.kill_reason);
}

}  // namespace

StatusUpdate update_of_exit(const Task& task, const ExitStatus& exit) {
  StatusUpdate update =
      update_of(TaskState::kFinished, TaskReason::kNone, outcome_text(exit) + memory_text(exit));
  if (task.is_kill_asked) {
    as_killed(task, update);
  } else if (exit.signaled || exit.code_or_signal != 0) {
    update.state = TaskState::kFailed;
    update.reason = exit.oom_kills > 0 ? TaskReason::kMemoryLimit : TaskReason::kCommandFailed;
  }
  update.has_exit = true;
  (exit.signaled ? update.exit_signal : update.exit_code) = exit.code_or_signal;
  return update;
}

StatusUpdate update_of_loss(const Task& task, TaskReason reason, std::string why) {
  StatusUpdate update = update_of(TaskState::kGone, reason, std::move(why));
  if (task.is_kill_asked) as_killed(task, update);
  return update;
}

void on_recorded(AgentState& state, AgentEffects& effects, std::uint64_t ticket,
                 core::TimePoint now) {
  state.recorded = std::max(state.recorded, ticket);
  while (!state.unrecorded.empty() && state.unrecorded.front().ticket <= state.recorded) {
    const UnrecordedUpdate waited = std::move(state.unrecorded.front());
    state.unrecorded.pop_front();
    Task* task = state.tasks.find(waited.framework, waited.task);
    if (task == nullptr || !state.is_registered()) continue;  // on_registered() sends it
    const auto& pending = task->updates.pending();
    const auto update =
        std::find_if(pending.begin(), pending.end(),
                     [&waited](const StatusUpdate& each) { return each.ticket == waited.ticket; });
    if (update == pending.end()) continue;  // its framework was removed
    effects.send(status_of(state.id, *task, *update));
    task->updates.mark_sent(now);
    state.tasks.update_deadline(*task);
  }
}

}  // namespace shoal::agent
