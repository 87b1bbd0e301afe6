// Task states, reasons and sources. Names and meaning follow Mesos (TaskStatus); numbers are the
// wire's and never change.
#pragma once

#include <cstdint>
#include <string_view>

namespace shoal::core {

enum class TaskState : std::uint8_t {
  kStaging = 0,          // accepted by the master, not yet acknowledged by the agent
  kStarting = 1,         // the agent has it and prepares it
  kRunning = 2,          // its process runs
  kKilling = 3,          // asked to end, within its grace
  kFinished = 4,         // ended with exit code 0                         (terminal)
  kFailed = 5,           // ended otherwise, or could not be started       (terminal)
  kKilled = 6,           // ended because somebody asked for it            (terminal)
  kError = 7,            // its description was refused                    (terminal)
  kLost = 8,             // legacy word for dropped or unreachable         (terminal)
  kDropped = 9,          // never started                                  (terminal)
  kUnreachable = 10,     // its agent does not answer; it may come back
  kGone = 11,            // its agent lost it                              (terminal)
  kGoneByOperator = 12,  // an operator declared the agent gone        (terminal)
  kUnknown = 13,         // the master does not know it
};
inline constexpr std::uint8_t kTaskStates = 14;

enum class TaskReason : std::uint8_t {
  kNone = 0,
  kCommandFailed = 1,  // the command ended with a code other than 0, or by a signal
  kLaunchFailed = 2,   // exec failed; the message says why
  kKilledDuringLaunch = 3,
  kTaskInvalid = 4,    // refused by validation
  kInvalidOffers = 5,  // an offer named was not the framework's, or no longer open
  kAgentDisconnected = 6,
  kAgentRemoved = 7,
  kAgentRestarted = 8,
  kAgentUnknown = 9,
  kFrameworkRemoved = 10,
  kReconciliation = 11,
  kTaskUnknown = 12,
  kKilledByFramework = 13,
  kKilledByOperator = 14,
  kAgentReregistered = 15,  // back after it was unreachable
  kAgentDraining = 16,
  kAgentRemovedByOperator = 17,
  kMemoryLimit = 18,        // it wanted more memory than it had asked for
  kDiskLimit = 19,          // its sandbox grew beyond the disk that it had asked for
  kMaxCompletionTime = 20,  // it ran longer than it had been allowed to
};
inline constexpr std::uint8_t kTaskReasons = 21;

enum class TaskSource : std::uint8_t { kMaster = 0, kAgent = 1 };
inline constexpr std::uint8_t kTaskSources = 2;

// Nothing follows a terminal state. kUnreachable is not terminal: the agent may return.
constexpr bool is_terminal(TaskState state) {
  switch (state) {
    case TaskState::kFinished:
    case TaskState::kFailed:
    case TaskState::kKilled:
    case TaskState::kError:
    case TaskState::kLost:
    case TaskState::kDropped:
    case TaskState::kGone:
    case TaskState::kGoneByOperator:
      return true;
    case TaskState::kStaging:
    case TaskState::kStarting:
    case TaskState::kRunning:
    case TaskState::kKilling:
    case TaskState::kUnreachable:
    case TaskState::kUnknown:
      return false;
  }
  return false;
}

// "TASK_RUNNING", "REASON_TASK_INVALID", "SOURCE_AGENT".
std::string_view name_of(TaskState state);
std::string_view name_of(TaskReason reason);
std::string_view name_of(TaskSource source);

}  // namespace shoal::core
