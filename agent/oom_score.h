// Who goes first when the machine has no memory left: tasks before their supervisors and the agent,
// which could not say what became of them (proc(5), oom_score_adj: -1000 never to 1000 first).
#pragma once

#include <string>

namespace shoal::agent {

inline constexpr int kProtectedOomScore = -900;

// Of this process; 0 when it cannot be read.
int own_oom_score();
// This process and what it starts, supervisors above all, are spared. It needs CAP_SYS_RESOURCE.
// One that was started with another score than 0 keeps it: somebody has thought of it. False: not
// allowed.
bool protect_from_oom();
// The setting of the supervisor (agent/supervisor/record.h) for tasks of an agent with the score
// `own`: 0 if the agent is spared, else 100 more than it.
std::string oom_setting_of(int own);

}  // namespace shoal::agent
