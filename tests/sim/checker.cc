#include "tests/sim/checker.h"

#include <algorithm>

namespace shoal::sim {

int progress_of(core::TaskState state) {
  if (core::is_terminal(state)) return 4;
  switch (state) {
    case core::TaskState::kStarting:
      return 1;
    case core::TaskState::kRunning:
      return 2;
    case core::TaskState::kKilling:
      return 3;
    default:
      return 0;
  }
}

void Checker::on_process_started(std::uint64_t process, core::FrameworkId framework,
                                 std::string_view task) {
  const TaskName name{framework, std::string(task)};
  const auto [it, is_first] = started_.emplace(name, process);
  if (!is_first) {
    fail("task {} of {} was started by process {}, after process {}", task, to_string(framework),
         process, it->second);
  }
  if (const auto ended = ended_by_master_.find(name); ended != ended_by_master_.end()) {
    fail("task {} was started after its framework was told {}", task, name_of(ended->second));
  }
  running_[name] = process;
}

void Checker::on_process_ended(std::uint64_t /*process*/, core::FrameworkId framework,
                               std::string_view task) {
  running_.erase({framework, std::string(task)});
}

void Checker::on_agent_died(std::uint64_t process) {
  std::erase_if(running_, [process](const auto& entry) { return entry.second == process; });
}

void Checker::on_agent_said(const core::TaskStatus& status) {
  if (!status.has_uuid) return;
  said_.emplace(status.uuid,
                Said{{status.framework, std::string(status.task)}, status.state, false});
}

void Checker::on_acknowledged(const core::AcknowledgeUpdate& message) {
  const auto said = said_.find(message.uuid);
  if (said == said_.end()) {
    if (lies_.contains(message.uuid)) return;
    return fail("an update of task {} was acknowledged that no agent sent", message.task);
  }
  // One that a later state made void need not be told.
  const auto seen = progress_seen_.find(said->second.task);
  const int needed = progress_of(said->second.state);
  const bool is_void = seen != progress_seen_.end() && seen->second > needed;
  if (!said->second.seen && !is_void && !is_retired(message.framework)) {
    fail("{} of task {} was acknowledged, but framework {} never saw it",
         name_of(said->second.state), message.task, to_string(message.framework));
  }
}

void Checker::on_framework_saw(core::FrameworkId framework, std::string_view task,
                               core::TaskState state, const core::UpdateUuid& uuid) {
  const auto said = said_.find(uuid);
  if (said == said_.end()) {
    return fail("framework {} got an update of task {} that no agent sent", to_string(framework),
                task);
  }
  // The agent does not know that it is to go for good when it is drained.
  const bool is_same =
      said->second.state == state ||
      (state == core::TaskState::kGoneByOperator && said->second.state == core::TaskState::kKilled);
  if (said->second.task != TaskName{framework, std::string(task)} || !is_same) {
    return fail("framework {} was told {} of task {}, its agent said {} of {}",
                to_string(framework), name_of(state), task, name_of(said->second.state),
                said->second.task.second);
  }
  said->second.seen = true;
  int& progress = progress_seen_[said->second.task];
  progress = std::max(progress, progress_of(state));
}

void Checker::on_master_ended(core::FrameworkId framework, std::string_view task,
                              core::TaskState state) {
  const TaskName name{framework, std::string(task)};
  ended_by_master_.emplace(name, state);
  // An operator's word may be wrong: the agent hears it when it comes back, and kills the task.
  const bool is_known = state != core::TaskState::kGoneByOperator;
  if (const auto it = running_.find(name); is_known && it != running_.end()) {
    return fail("framework {} was told {} of task {}, which runs in process {}",
                to_string(framework), name_of(state), task, it->second);
  }
  const bool never_started = state == core::TaskState::kDropped || state == core::TaskState::kError;
  if (never_started && started_.contains(name)) {
    fail("framework {} was told {} of task {}, which was started", to_string(framework),
         name_of(state), task);
  }
}

}  // namespace shoal::sim
