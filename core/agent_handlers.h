// What agents say, at their home shard.
#pragma once

#include <string_view>

#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// A new agent (`known` is 0: an id is drawn) or one that comes back. Answers AgentRegistered, or
// Refusal and an invalid id: kOverloaded while another process with this id is connected. It may be
// the half-open session of the process before, so trying again is right.
AgentId on_register_agent(Shard& shard, Outbox& outbox, SessionId session, AgentId known,
                          const RegisterAgent& message, TimePoint now);

void on_agent_heartbeat(Shard& shard, Outbox& outbox, AgentId agent, const Heartbeat& message,
                        TimePoint now);

void on_status_update(Shard& shard, Outbox& outbox, AgentId agent, const TaskStatus& status,
                      TimePoint now);

// The session is gone. A session that was replaced by a newer one changes nothing.
void on_agent_disconnected(Shard& shard, Outbox& outbox, AgentId agent, SessionId session,
                           TimePoint now);

// --- used by the other handlers ---

// Runs `tasks` on the agent with what its answered offers held; the rest is free again.
void on_offers_answered(Shard& shard, Outbox& outbox, const OffersAnswered& answer, TimePoint now);

// False when the agent has no such task.
bool kill_task(Shard& shard, Outbox& outbox, const KillForward& kill);
void on_acknowledge_forward(Shard& shard, Outbox& outbox, const AcknowledgeForward& message,
                            TimePoint now);
void on_reconcile_forward(Shard& shard, Outbox& outbox, const ReconcileForward& message,
                          TimePoint now);

// The framework is gone for good: its tasks are killed, its filters forgotten. They hold their
// resources until the agent says that they ended, but no longer count in the framework's share.
void remove_framework_from_agents(Shard& shard, Outbox& outbox, FrameworkId framework,
                                  TimePoint now);

// The framework is new to this shard: counts what its tasks hold here, and tells its home shard
// of each of them. Pre-condition: it is in the directory.
void announce_tasks(Shard& shard, Outbox& outbox, FrameworkId framework);

// Deadlines.
void check_agent_silence(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now);
void check_agent_reregistered(Shard& shard, Outbox& outbox, AgentId agent, TimePoint now);

TaskSummary summarise(const AgentRecord& agent, const TaskKey& key, const TaskRecord& task);

}  // namespace shoal::core
