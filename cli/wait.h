// `shoal wait`: until a task, an agent or a framework is in one of some states.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "core/cluster_view.h"
#include "core/task_state.h"

namespace shoal::cli {

int run_wait(const WaitVerb& verb);

// All that may be waited for, as `--for` takes it: the states that records are written with, in
// small letters and without "TASK_"; modes of agents; "ended" of tasks, which is every last state;
// "removed" of agents and frameworks.
std::vector<std::string> states_to_wait_for(WaitVerb::Kind kind);

// "running" of "TASK_RUNNING".
std::string state_word(std::string_view name);

// What something was seen to be.
struct Seen {
  std::vector<std::string> words;  // all that hold, the most telling first; never empty
  bool is_last = false;            // nothing follows
  std::string message;             // why; may be empty
};
Seen seen_of(core::TaskState state);
Seen seen_of(core::AgentState state, core::AgentMode mode);
Seen seen_of(core::FrameworkState state);
// Of an event's JSON (docs/API.md#events); without words when it is none of that kind.
Seen seen_in_event(WaitVerb::Kind kind, const std::string& json);

// Whether one of `wanted` holds, and which; "" otherwise.
std::string reached(const Seen& seen, const std::vector<std::string>& wanted);

}  // namespace shoal::cli
