// Operations at the agent's shard: sent to the agent, done there, and reported until the framework,
// or the master for an operator, has acknowledged. An operation counts as done in the master's
// books when it is sent; one that the agent could not do is undone.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// Books the conversion in the agent's total and sends it. `record.state` is kPending.
// Whoever holds the resources has already booked it (convert_held). A shared volume that goes is
// taken out of other offers: those that hold it are rescinded.
void start_operation(Shard& shard, Outbox& outbox, AgentRecord& agent, OperationRecord record);

// Takes back what failed operations would have made, as far as nobody holds it. True when nothing
// of that is left.
bool undo_failed(Shard& shard, AgentRecord& agent);

// Whether `count` more operations may be sent to the agent, which would have `total` then.
absl::Status check_operable(const AgentRecord& agent, std::size_t count, const Resources& total);

// OK when no task on the agent uses one of the volumes in `resources`.
absl::Status check_volumes_unused(const AgentRecord& agent, const Resources& resources);

// From the agent.
void on_operation_update(Shard& shard, Outbox& outbox, AgentId agent,
                         const OperationUpdate& message, TimePoint now);
void on_update_revocable(Shard& shard, Outbox& outbox, AgentId agent,
                         const UpdateRevocable& message, TimePoint now);

// The agent registers: what it has stored is right. Operations that never reached it are DROPPED.
void reconcile_operations(Shard& shard, Outbox& outbox, AgentRecord& agent,
                          const RegisterAgent& message);

// The agent did not come back in time. Frameworks hear that nobody knows what became of their
// operations; when it does come back they hear that.
void tell_operations_unreachable(Shard& shard, Outbox& outbox, const AgentRecord& agent);

// The agent is gone for good: what was not known to be done is GONE_BY_OPERATOR.
void drop_operations(Shard& shard, Outbox& outbox, AgentRecord& agent);

// From the framework's shard.
void on_operation_acknowledged(Shard& shard, Outbox& outbox, const OperationAcknowledged& message);

// An operator's operation, at the agent's shard: rescinds the agent's offers when what is free is
// not enough. The answer goes back to the operator's shard.
void on_operator_operation(Shard& shard, Outbox& outbox, const OperatorOperation& message);

}  // namespace shoal::core
