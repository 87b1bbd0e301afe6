#include "core/task_state.h"

#include <array>
#include <cstddef>

namespace shoal::core {
namespace {

constexpr std::array<std::string_view, kTaskStates> kStateNames = {
    "TASK_STAGING",          "TASK_STARTING",    "TASK_RUNNING",
    "TASK_KILLING",          "TASK_FINISHED",    "TASK_FAILED",
    "TASK_KILLED",           "TASK_ERROR",       "TASK_LOST",
    "TASK_DROPPED",          "TASK_UNREACHABLE", "TASK_GONE",
    "TASK_GONE_BY_OPERATOR", "TASK_UNKNOWN"};

constexpr std::array<std::string_view, kTaskReasons> kReasonNames = {
    "",
    "REASON_COMMAND_FAILED",
    "REASON_LAUNCH_FAILED",
    "REASON_TASK_KILLED_DURING_LAUNCH",
    "REASON_TASK_INVALID",
    "REASON_INVALID_OFFERS",
    "REASON_AGENT_DISCONNECTED",
    "REASON_AGENT_REMOVED",
    "REASON_AGENT_RESTARTED",
    "REASON_AGENT_UNKNOWN",
    "REASON_FRAMEWORK_REMOVED",
    "REASON_RECONCILIATION",
    "REASON_TASK_UNKNOWN",
    "REASON_KILLED_BY_FRAMEWORK",
    "REASON_KILLED_BY_OPERATOR",
    "REASON_AGENT_REREGISTERED",
    "REASON_AGENT_DRAINING",
    "REASON_AGENT_REMOVED_BY_OPERATOR",
    "REASON_CONTAINER_LIMITATION_MEMORY",
    "REASON_CONTAINER_LIMITATION_DISK",
    "REASON_MAX_COMPLETION_TIME_REACHED"};

constexpr std::array<std::string_view, kTaskSources> kSourceNames = {"SOURCE_MASTER",
                                                                     "SOURCE_AGENT"};

}  // namespace

std::string_view name_of(TaskState state) {
  return kStateNames[static_cast<std::size_t>(state) % kStateNames.size()];
}

std::string_view name_of(TaskReason reason) {
  return kReasonNames[static_cast<std::size_t>(reason) % kReasonNames.size()];
}

std::string_view name_of(TaskSource source) {
  return kSourceNames[static_cast<std::size_t>(source) % kSourceNames.size()];
}

}  // namespace shoal::core
