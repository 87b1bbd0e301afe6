// What an agent tells of itself when a master has welcomed it.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "agent/agent_state.h"
#include "agent/effects.h"

namespace shoal::agent {

// RegisterAgent with all tasks; those that it has no room for come before it, as TaskReports.
// Error, and nothing is sent: there are such, and the master does not know TaskReports.
absl::Status send_registration(AgentState& state, AgentEffects& effects);

// Names are for people: a long one is cut, between characters, so that tasks fit in a message.
std::string_view reported_name(std::string_view name);

}  // namespace shoal::agent
