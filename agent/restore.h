// A new agent takes over what the one before left: decisions. Pure; agent/recovery.h finds it.
#pragma once

#include <string>
#include <vector>

#include "agent/agent_state.h"
#include "agent/checkpoint.h"
#include "agent/effects.h"
#include "agent/update_history.h"
#include "core/task_state.h"
#include "core/time.h"

namespace shoal::agent {

// A task that had been started, and what became of it.
struct FoundTask {
  enum class Fate {
    kRuns,    // its process is there, and the executor has it
    kExited,  // `exit` says how
    kLost,    // it is over, and nobody knows how; `why` says why not
  };
  TaskRecord task;  // of a damaged record: framework and id only
  Fate fate = Fate::kLost;
  core::Duration age{};  // kRuns: since when
  ExitRecord exit;
  core::TaskReason reason = core::TaskReason::kNone;
  std::string why;  // one line
};

// Before the first connection. Every task that was found, and every one whose updates are not
// acknowledged, is in the state again; what happened meanwhile is reported; a kill that had begun
// goes on, its grace from the start. What a task may take is counted from when it began.
void restore(AgentState& state, AgentEffects& effects, std::vector<FoundTask> found,
             UpdateHistory history, core::TimePoint now);

}  // namespace shoal::agent
