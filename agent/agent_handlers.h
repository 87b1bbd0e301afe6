// The agent's decisions: one free function per message or event; state in, effects out, time passed
// in. No I/O, no clock, no thread: the same code runs in the daemon, in tests with recording
// effects, in the simulator, and ten thousand times over in a swarm.
//
// Life of a task here:
//
//   RunTask -> waiting -> launching -> running -> ended -> (last update acknowledged) forgotten
//                 |           |           |
//                 |           |           +- kill: KILLING, SIGTERM, grace, SIGKILL -> KILLED
//                 |           |           +- a limit: the same                      -> FAILED
//                 |           +- kill: KILLING, SIGKILL as soon as it is there      -> KILLED
//                 +- kill: never started                                            -> KILLED
//
// Waiting is short and rare: while tasks of a removed framework still hold what is needed, or
// while what the task is to run on, or the agent's id, is on its way to the disk.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/agent_state.h"
#include "agent/effects.h"
#include "agent/process.h"
#include "core/messages.h"
#include "core/time.h"

namespace shoal::agent {

// --- session ---

// A transport to the master is up: says hello.
void on_connected(AgentState& state, AgentEffects& effects, core::TimePoint now);
// It is gone. Calling it again changes nothing.
void on_disconnected(AgentState& state);
// Registers, at once or when its epoch and all operations are stored.
void on_welcome(AgentState& state, AgentEffects& effects, const core::Welcome& message,
                core::TimePoint now);
// Says what is lent beyond the agent's own; resends, at once, every unacknowledged update of every
// task and operation.
void on_registered(AgentState& state, AgentEffects& effects, const core::AgentRegistered& message,
                   core::TimePoint now);
// Wrong cluster, unknown version, fenced, or a registration that will never be taken: gives up.
// A master that does not lead, or no more: to the next. Otherwise disconnects if there is no
// session yet, to try again later.
void on_refusal(AgentState& state, AgentEffects& effects, const core::Refusal& message);

// --- the master's commands, only while registered ---

// Operations: agent/operations.h.
// The second one for the same (framework, id) starts nothing and sends the task's present state.
void on_run_task(AgentState& state, AgentEffects& effects, const core::RunTask& message,
                 core::TimePoint now);
void on_kill_task(AgentState& state, AgentEffects& effects, const core::KillTask& message,
                  core::TimePoint now);
void on_acknowledge(AgentState& state, AgentEffects& effects,
                    const core::AcknowledgeUpdate& message);
void on_remove_framework(AgentState& state, AgentEffects& effects,
                         const core::RemoveFramework& message, core::TimePoint now);

// --- the executor's answers ---

void on_process_started(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                        std::string_view task, core::TimePoint now);
// `why`: one line, "cannot run 'x': no such file".
void on_launch_failed(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                      std::string_view task, std::string_view why, core::TimePoint now);
void on_process_exited(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                       std::string_view task, const ExitStatus& exit, core::TimePoint now);

// The process is gone and nobody knows how it ended; `why`: one line.
void on_process_lost(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                     std::string_view task, std::string_view why, core::TimePoint now);

// --- what was measured ---

// It takes more disk than it has asked for; `why`: one line. It is killed at once.
void on_disk_limit(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                   std::string_view task, std::string_view why, core::TimePoint now);

// What AgentEffects::ask_usage() asked for; told to the master if it still listens.
void on_usage(AgentState& state, AgentEffects& effects, const core::UsageReport& report);

// --- what was recorded ---

// Every update up to `ticket` (AgentEffects::record) is on disk and may be told.
void on_recorded(AgentState& state, AgentEffects& effects, std::uint64_t ticket,
                 core::TimePoint now);

// What AgentEffects::store, store_epoch and store_id did, if they did not say so at once.
void on_stored(AgentState& state, AgentEffects& effects, const StoreOutcome& outcome,
               core::TimePoint now);
void on_epoch_stored(AgentState& state, AgentEffects& effects, std::uint64_t epoch,
                     const absl::Status& status, core::TimePoint now);
// Also after an error the agent goes on: a restart registers as a new agent then.
void on_id_stored(AgentState& state, AgentEffects& effects, core::AgentId id, core::TimePoint now);

// --- time ---

// Heartbeats, silence of the master, resends, ends of graces and of what tasks may take. Harmless
// when nothing is due.
void on_tick(AgentState& state, AgentEffects& effects, core::TimePoint now);
// When on_tick has something to do; TimePoint::max(): never.
core::TimePoint next_deadline(const AgentState& state);

// --- the operator's wish ---

// Starts nothing more and kills every task: with its grace, or at once. state.tasks.live() tells
// how many are left.
void on_shutdown(AgentState& state, AgentEffects& effects, KillMode mode, core::TimePoint now);

}  // namespace shoal::agent
