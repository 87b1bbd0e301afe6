// The thinking of `shoal reserve`, `unreserve` and `volume`, without I/O: which of an agent's
// resources were meant.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "core/cluster_view.h"
#include "core/lot.h"
#include "core/operation.h"

namespace shoal::cli {

// The operation that the verb asks for, on that agent. Errors: NOT_FOUND (the agent has no such
// reservation, disk or volume), FAILED_PRECONDITION (several match), INVALID_ARGUMENT. One line,
// with what there is instead.
absl::StatusOr<core::OperationSpec> plan_operation(const OperateVerb& verb,
                                                   const core::AgentSummary& agent);

// "cpus:4 of node-7 is reserved for role 'ads'": what was done.
std::string describe_done(const OperateVerb& verb, const core::OperationSpec& spec,
                          const core::AgentSummary& agent);

// The one agent that `word` means, by hostname. Errors: NOT_FOUND, FAILED_PRECONDITION (several).
absl::StatusOr<core::AgentSummary> choose_agent(const std::vector<core::AgentSummary>& agents,
                                                const std::string& word);

struct VolumeRow {
  core::AgentId agent;
  std::string hostname;
  std::string role;
  core::Volume volume;
  core::Milli size = 0;  // milli-MiB
  bool in_use = false;
};
// By hostname, role and id.
std::vector<VolumeRow> volumes_of(const std::vector<core::AgentSummary>& agents);

}  // namespace shoal::cli
