#include "agent/restore.h"

#include <utility>

#include "agent/task_life.h"
#include "core/frame_cost.h"

namespace shoal::agent {

namespace {

using core::TaskReason;
using core::TaskState;

// What was told of it; nullptr: nothing.
RememberedTask* remembered(UpdateHistory& history, const TaskRecord& task) {
  const auto it = history.tasks().find({task.framework, task.id});
  return it == history.tasks().end() ? nullptr : &it->second;
}

Task& add(AgentState& state, const TaskRecord& record, RememberedTask* told) {
  Task& task = state.tasks.add(
      record.framework, record.id,
      core::task_report_cost(record.id, record.name, record.role, record.resources));
  task.name = record.name;
  task.role = record.role;
  task.resources = record.resources;
  task.kill_grace_ms = record.kill_grace_ms;
  task.max_completion_ms = record.max_completion_ms;
  if (told != nullptr) {
    task.state = told->state;
    task.is_kill_asked = told->is_kill_asked;
    task.kill_reason = told->kill_reason;
    task.updates = std::move(told->updates);
  }
  return task;
}

// Its end was reported and is only not acknowledged.
void enter_end(AgentState& state, Task& task) {
  state.tasks.enter(task, TaskPhase::kEnded);
  if (task.updates.empty()) state.tasks.erase(task);
}

void go_on(AgentState& state, AgentEffects& effects, Task& task, core::Duration age,
           core::TimePoint now) {
  if (task.is_orphan) {
    return kill_task(state, effects, task, grace_of(task, -1), TaskReason::kFrameworkRemoved, {},
                     now);
  }
  if (!task.is_kill_asked) return limit_time(state, task, now - age);
  effects.kill(task.framework, task.id, KillMode::kTerminate);
  task.kill_at = now + grace_of(task, -1);
  state.tasks.update_deadline(task);
}

void restore_one(AgentState& state, AgentEffects& effects, FoundTask& found, UpdateHistory& history,
                 core::TimePoint now) {
  RememberedTask* told = remembered(history, found.task);
  const bool has_ended = told != nullptr && core::is_terminal(told->state);
  Task& task = add(state, found.task, told);
  if (told != nullptr) history.tasks().erase({found.task.framework, found.task.id});
  if (has_ended) return enter_end(state, task);
  task.is_orphan = history.is_removed(task.framework);
  if (!task.is_orphan) state.tasks.commit(task);
  state.tasks.enter(task, TaskPhase::kRunning);
  state.tasks.charge(task);
  const bool is_first_word = task.state == TaskState::kStaging;
  if (is_first_word && found.fate != FoundTask::Fate::kLost) {
    report(state, effects, task, update_of(TaskState::kRunning, TaskReason::kNone, {}), now);
  }
  switch (found.fate) {
    case FoundTask::Fate::kRuns:
      return go_on(state, effects, task, found.age, now);
    case FoundTask::Fate::kExited: {
      StatusUpdate update = update_of_exit(task, found.exit.exit);
      update.timestamp_ms = found.exit.ended_ms;
      return end_task(state, effects, task, std::move(update), now);
    }
    case FoundTask::Fate::kLost:
      return end_task(state, effects, task,
                      update_of_loss(task, found.reason, std::move(found.why)), now);
  }
}

}  // namespace

void restore(AgentState& state, AgentEffects& effects, std::vector<FoundTask> found,
             UpdateHistory history, core::TimePoint now) {
  for (FoundTask& each : found) restore_one(state, effects, each, history, now);
  // What is left was told and has no record: it has ended, or its record was taken away.
  for (auto& [key, told] : history.tasks()) {
    TaskRecord record;
    record.framework = key.first;
    record.id = key.second;
    const bool has_ended = core::is_terminal(told.state);
    Task& task = add(state, record, &told);
    if (has_ended) {
      enter_end(state, task);
      continue;
    }
    state.tasks.commit(task);
    end_task(state, effects, task,
             update_of_loss(task, TaskReason::kAgentRestarted,
                            "the agent's record of the task is missing"),
             now);
  }
}

}  // namespace shoal::agent
