// The life of one task, as the handlers move it on (agent/agent_handlers.h), and how its updates
// get out: recorded first, sent once they are. Pure, as the handlers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/agent_state.h"
#include "agent/effects.h"
#include "agent/process.h"
#include "agent/status_stream.h"
#include "agent/task_table.h"
#include "core/time.h"
#include "wire/task_description.h"

namespace shoal::agent {

StatusUpdate update_of(core::TaskState to, core::TaskReason reason, std::string message);

// The task is now what `update` says: recorded, and sent as soon as it is (if there is a session).
// A time stamp that is set is kept.
void report(AgentState& state, AgentEffects& effects, Task& task, StatusUpdate update,
            core::TimePoint now);
// Everything that is not acknowledged, again and in order.
void resend(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now);
// What the task is now, for a master that asks again.
void send_present(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now);

void launch(AgentState& state, AgentEffects& effects, Task& task,
            const wire::TaskDescription& description);
// How long it may take after SIGTERM; `asked_ms` < 0: nobody has said.
core::Duration grace_of(const Task& task, std::int64_t asked_ms);
// Ends a task that has not ended. A second call can only make it faster.
void kill_task(AgentState& state, AgentEffects& effects, Task& task, core::Duration grace,
               core::TaskReason reason, std::string_view why, core::TimePoint now);
// It runs since `started`: from now on its time is counted, if that is limited.
void limit_time(AgentState& state, Task& task, core::TimePoint started);
// That time is over.
void time_out(AgentState& state, AgentEffects& effects, Task& task, core::TimePoint now);
// The grace is over.
void force(AgentState& state, AgentEffects& effects, Task& task);
// The last update of a task. Its resources are free from here on.
void end_task(AgentState& state, AgentEffects& effects, Task& task, StatusUpdate update,
              core::TimePoint now);
// "exited with 3", "killed by SIGSEGV (core dumped)".
std::string outcome_text(const ExitStatus& exit);
// The last update of a task whose process has ended: as was asked for, or by itself. One that the
// agent has ended because of a limit has failed, whatever it ended with.
StatusUpdate update_of_exit(const Task& task, const ExitStatus& exit);
// Of a task that is over, and nobody knows how it ended.
StatusUpdate update_of_loss(const Task& task, core::TaskReason reason, std::string why);
// A task that ends before it began: recorded, so that the update is resent and a repeated RunTask
// finds it. Beyond the bound on tasks it is told once only.
void refuse_task(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                 std::string_view id, StatusUpdate update, core::TimePoint now);

}  // namespace shoal::agent
