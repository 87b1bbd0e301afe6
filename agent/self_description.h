// What an agent will tell of itself: what its flags say and what the machine has.
#pragma once

#include "absl/status/statusor.h"
#include "agent/agent_options.h"
#include "agent/agent_state.h"
#include "core/resources.h"

namespace shoal::agent {

// Fills in what `options` and the machine say of `state`, but for its resources: those are given
// back as they are configured, without what operations made of them. Errors: INVALID_ARGUMENT, for
// the operator.
absl::StatusOr<core::Resources> describe_self(const AgentOptions& options, AgentState& state);

}  // namespace shoal::agent
