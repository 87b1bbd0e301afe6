#include "agent/registration.h"

#include <algorithm>
#include <utility>

#include "agent/operations.h"
#include "core/frame_cost.h"
#include "core/limits.h"
#include "core/status.h"

namespace shoal::agent {
namespace {

core::TaskReport report_of(const Task& task) {
  return {task.framework, task.id, reported_name(task.name), task.resources, task.state, task.role};
}

// The tasks in order, in as few messages as their sizes allow. The last one's are left in `rest`.
void send_full_parts(const TaskTable& tasks, AgentEffects& effects,
                     absl::InlinedVector<core::TaskReport, 4>& rest) {
  core::FrameCost cost;
  rest.reserve(std::min(tasks.size(), core::kMaxTaskReports));
  for (const auto& [key, task] : tasks) {
    core::FrameCost with = cost;
    with += task->report_cost();
    if (rest.size() == core::kMaxTaskReports || !with.within(core::kMaxTaskReportsCost)) {
      core::TaskReports part{std::move(rest)};
      effects.send(part);
      rest = std::move(part.tasks);
      rest.clear();
      with = task->report_cost();
    }
    cost = with;
    rest.push_back(report_of(*task));
  }
}

}  // namespace

std::string_view reported_name(std::string_view name) {
  if (name.size() <= core::kMaxTaskNameBytes) return name;
  std::size_t end = core::kMaxTaskNameBytes;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return name.substr(0, end);
}

absl::Status send_registration(AgentState& state, AgentEffects& effects) {
  if (!state.master_knows(core::Feature::kTaskReports) && !state.tasks.fit_one_message()) {
    return core::invalid(
        "the master is of an older version, which takes at most {} tasks of an agent; this one "
        "has {}",
        core::kMaxTaskReports, state.tasks.size());
  }
  core::RegisterAgent message;
  message.incarnation = state.incarnation;
  message.hostname = state.hostname;
  message.address = state.address;
  message.resources = state.total;
  for (const auto& [name, value] : state.attributes) message.attributes.push_back({name, value});
  send_full_parts(state.tasks, effects, message.tasks);
  for (const OperationOutcome& outcome : state.operations.outcomes) {
    message.operations.push_back(agent::report_of(outcome));
  }
  message.region = state.region;
  message.zone = state.zone;
  message.capabilities = core::kAgentCapabilities;
  effects.send(message);
  return absl::OkStatus();
}

}  // namespace shoal::agent
