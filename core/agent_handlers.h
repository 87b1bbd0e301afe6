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

// For people: what the machine and some of its tasks use.
void on_usage_report(Shard& shard, Outbox& outbox, AgentId agent, const UsageReport& message,
                     TimePoint now);
void on_agent_heartbeat(Shard& shard, Outbox& outbox, AgentId agent, const Heartbeat& message,
                        TimePoint now);

void on_status_update(Shard& shard, Outbox& outbox, AgentId agent, const TaskStatus& status,
                      TimePoint now);

// The session is gone. A session that was replaced by a newer one changes nothing.
void on_agent_disconnected(Shard& shard, Outbox& outbox, AgentId agent, SessionId session,
                           TimePoint now);

// --- used by the other handlers ---

// A status that the master makes itself: no uuid, so nobody waits for its acknowledgement.
TaskStatus master_status(Shard& shard, FrameworkId framework, AgentId agent, std::string_view task,
                         TaskState state, TaskReason reason, std::string_view message,
                         TimePoint now);
// To the framework's shard.
void forward_status(Shard& shard, Outbox& outbox, const TaskStatus& status);

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

// The subscription is new to this shard: counts what the framework's tasks in the role hold here.
void count_tasks(Shard& shard, FrameworkId framework, const RoleRow& role,
                 SubscriptionIndex subscription);

// The framework is new to this shard: tells its home shard of each of its tasks here.
void announce_tasks(Shard& shard, Outbox& outbox, FrameworkId framework);

// An agent that an earlier master left in the registry.
void recover_agent(Shard& shard, const RegisteredAgent& row, TimePoint now);
// A new agent is in the registry: it is told its id, and offered.
void admit_agent(Shard& shard, Outbox& outbox, AgentId agent);

// Takes an agent without a session, or with one that is closed, out of the books. Its tasks end in
// `state` if they had not ended. Claimed offers of it that are still on their way to this shard
// settle without it.
void remove_agent(Shard& shard, Outbox& outbox, AgentRecord& agent, TaskState state,
                  TaskReason reason, std::string_view message, TimePoint now);
// To an agent whose id is that of one that was marked gone.
inline constexpr std::string_view kGoneText =
    "an operator has declared this agent gone; its tasks must end, and the machine may join again "
    "with an empty data folder";

// Deadlines.
void check_agent_silence(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now);
void check_agent_reregistered(Shard& shard, Outbox& outbox, AgentId agent, TimePoint now);
// Gives up those of the shard's removals that are still away, one each RemovalLimits::interval.
void give_up_agents(Shard& shard, Outbox& outbox, TimePoint now);

}  // namespace shoal::core
