// The thinking of `shoal run`, without I/O: what fits where, and why nothing does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_view.h"
#include "core/messages.h"
#include "core/resources.h"
#include "core/task_state.h"
#include "sdk/scheduler.h"

namespace shoal::cli {

// What one instance takes: scalars, some ports whichever they are, and volumes.
struct Demand {
  core::Resources scalars;
  std::uint32_t ports = 0;
  std::vector<std::string> volumes{};  // ids
};

// The resources to take out of `free` for one instance, each from the lot it comes from; nullopt
// when it does not fit.
std::optional<core::Resources> take(const Demand& demand, const core::Resources& free);

// "cpus:4;mem:128, 2 ports, volume data"
std::string to_string(const Demand& demand);

struct WaitReason {
  std::string text;    // "3 agents: 2 too small, 1 in use"
  bool never = false;  // no agent that is registered could ever hold it; `text` says why
};
WaitReason explain_wait(const Demand& demand, const core::Explanation& explanation);

// Whether some agent holds the scalars, so that it must be something an Explanation does not know.
bool has_room(const core::Explanation& explanation);
// That: ports and volumes; "" when it is not them either.
std::string explain_parts(const Demand& demand, const std::vector<core::AgentSummary>& agents);

// The front part of task ids: `name`, else the last part of the command's path, made fit for an id.
std::string task_prefix(std::string_view name, std::string_view command);

// What `run` ends with for a task that ended so: 6 when its time was over, its own code,
// 128 + signal, 127 or 126 when it could not be started (not found, other), 1 otherwise.
int exit_code_of_task(const sdk::TaskStatus& status);

// Whether a task that ended so never ran and is worth another launch.
bool is_worth_relaunching(const sdk::TaskStatus& status, bool was_started);

}  // namespace shoal::cli
