#include "agent/waiting_tasks.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/operations.h"
#include "agent/task_life.h"
#include "core/text.h"

namespace shoal::agent {

bool may_launch(const AgentState& state, const Task& task) {
  if (!state.is_known_for_good()) return false;
  const core::Resources& used = state.tasks.used();
  if (!(state.capacity() - used).contains(task.resources)) return false;
  const std::vector<OperationBatch>& batches = state.operations.batches;
  return std::all_of(batches.begin(), batches.end(), [&](const OperationBatch& batch) {
    return (batch.before + state.revocable - used).contains(task.resources);
  });
}

void launch_waiting(AgentState& state, AgentEffects& effects) {
  if (state.tasks.waiting() == 0) return;
  for (const auto& [key, task] : state.tasks) {
    if (task->phase != TaskPhase::kWaiting || !may_launch(state, *task)) continue;
    const std::unique_ptr<wire::TaskDescription> description = std::move(task->description);
    launch(state, effects, *task, *description);
  }
}

std::vector<Task*> withdraw_waiting(AgentState& state) {
  std::vector<Task*> tasks;
  if (state.tasks.waiting() == 0) return tasks;
  for (const auto& [key, task] : state.tasks) {
    if (task->phase != TaskPhase::kWaiting) continue;
    state.tasks.uncommit(*task);
    tasks.push_back(task.get());
  }
  return tasks;
}

void readmit_waiting(AgentState& state, AgentEffects& effects, const std::vector<Task*>& tasks,
                     core::TimePoint now) {
  for (Task* task : tasks) {
    const core::Resources free = state.capacity() - state.tasks.committed();
    const bool fits = free.contains(task->resources);
    if (fits) {
      state.tasks.commit(*task);
      continue;
    }
    StatusUpdate update =
        update_of(core::TaskState::kDropped, core::TaskReason::kLaunchFailed,
                  fmt::format("not started: {}", why_not(state.capacity(), free, task->resources)));
    state.tasks.commit(*task);  // for a moment: its end gives it back
    end_task(state, effects, *task, std::move(update), now);
  }
}

std::string why_not(const core::Resources& capacity, const core::Resources& free,
                    const core::Resources& wanted) {
  for (const core::Lot& lot : wanted.lots) {
    if (!lot.tags->volume.has_value() || free.lots.find(*lot.tags) != nullptr) continue;
    const bool is_there = capacity.lots.find(*lot.tags) != nullptr;
    return fmt::format("{}volume '{}' of role '{}'{}", is_there ? "" : "the agent has no ",
                       core::printable(lot.tags->volume->id), core::printable(lot.tags->role()),
                       is_there ? " is in use" : "");
  }
  return fmt::format("the agent lacks {}", core::shortfall(wanted, free));
}

}  // namespace shoal::agent
