// What an operator does with an agent as a whole: deactivate, reactivate, drain, mark gone
// (AgentMode in core/cluster_view.h). As in Mesos 1.9 (MNT-07 to MNT-11): a drain cannot be taken
// back before it is done, and lasts over disconnections; unlike there, asking again is no error and
// may shorten the grace.
//
//   NORMAL <-> DEACTIVATED          nothing of it is offered
//     \  \______  |
//      \        DRAINING -> DRAINED -> NORMAL (reactivate), or gone
#pragma once

#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// From an operator: to the agent's shard. Answers Done or Refusal.
void on_manage_agent(Shard& shard, Outbox& outbox, SessionId session, const ManageAgent& message,
                     std::uint32_t correlation, TimePoint now);
void on_operator_manage(Shard& shard, Outbox& outbox, const OperatorManage& message, TimePoint now);

// That the agent drains is in the registry: its tasks are asked to end.
void begin_drain(Shard& shard, Outbox& outbox, AgentId id);

// The agent is back with tasks: what has to end there is asked to.
void resume_drain(Shard& shard, Outbox& outbox, AgentRecord& agent);

// That an operator has declared it gone is in the registry: it is taken out of the books.
void remove_gone_agent(Shard& shard, Outbox& outbox, const RemoveGoneAgent& what, TimePoint now);

// A task or an operation of the agent is no longer in the books. What follows of it follows at the
// end of the turn (end_drains), so the agent stays where it is.
void note_drain_progress(Shard& shard, const AgentRecord& agent);
void end_drains(Shard& shard, Outbox& outbox, TimePoint now);

}  // namespace shoal::core
