// Tasks that are accepted and cannot begin yet: tasks of a removed framework hold what they need,
// or what they are to run on, or the agent's id, is not on disk. Pure, as the handlers.
#pragma once

#include <string>
#include <vector>

#include "agent/agent_state.h"
#include "agent/effects.h"
#include "agent/task_table.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::agent {

// Whether what the task needs is idle, and is there whatever the disk will say.
bool may_launch(const AgentState& state, const Task& task);
// Starts those that may.
void launch_waiting(AgentState& state, AgentEffects& effects);

// What the agent has is about to be planned again: what waits gives back what it was promised.
std::vector<Task*> withdraw_waiting(AgentState& state);
// … and gets it again, or has never begun. `tasks`: as given, none has ended meanwhile.
void readmit_waiting(AgentState& state, AgentEffects& effects, const std::vector<Task*>& tasks,
                     core::TimePoint now);

// Why `wanted` is not to be had of `free`, which is left of `capacity`, as one line. Volumes by
// name: which one is what people ask.
std::string why_not(const core::Resources& capacity, const core::Resources& free,
                    const core::Resources& wanted);

}  // namespace shoal::agent
