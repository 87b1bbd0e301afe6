#include "master/held_reports.h"

#include "core/limits.h"
#include "core/status.h"

namespace shoal::master {
namespace {

absl::Status too_many_tasks() {
  return core::invalid("the agent tells of more than {} tasks", core::kMaxTasksPerAgent);
}

}  // namespace

absl::Status HeldReports::hold(wire::Bytes payload) {
  const auto reports = wire::decode<core::TaskReports>(payload);
  if (!reports.ok()) return reports.status();
  if (parts_.size() == core::kMaxTaskReportParts) {
    return core::invalid("more than {} TASK_REPORTS before REGISTER_AGENT",
                         core::kMaxTaskReportParts);
  }
  tasks_ += reports->tasks.size();
  if (tasks_ > core::kMaxTasksPerAgent) return too_many_tasks();
  if (shard_.held_report_bytes + payload.size() > core::kMaxHeldReportBytes) {
    return absl::ResourceExhaustedError("too many agents with many tasks register at once");
  }
  bytes_ += payload.size();
  shard_.held_report_bytes += payload.size();
  parts_.emplace_back(payload.begin(), payload.end());
  return absl::OkStatus();
}

absl::Status HeldReports::append_to(core::RegisterAgent& message) const {
  if (message.tasks.size() + tasks_ > core::kMaxTasksPerAgent) return too_many_tasks();
  message.tasks.reserve(message.tasks.size() + tasks_);
  for (const wire::ByteVector& part : parts_) {
    const auto reports = wire::decode<core::TaskReports>(part);
    if (!reports.ok()) return reports.status();
    message.tasks.insert(message.tasks.end(), reports->tasks.begin(), reports->tasks.end());
  }
  return absl::OkStatus();
}

}  // namespace shoal::master
