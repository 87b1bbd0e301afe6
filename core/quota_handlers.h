// Weights and quotas: an operator sets them at any shard, shard 0 alone decides and writes, and all
// shards then look at their offers again.
#pragma once

#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// From an operator; answered Done or Refusal. All of the call is done or nothing.
// Refused (kInvalid): a bad role name; a limit below what the role reserves and uses, or below its
// guarantee, or a guarantee on a role that is not top-level, or more guaranteed than the cluster
// has: these unless `force`, but for the last but one.
void on_update_quota(Shard& shard, Outbox& outbox, SessionId session, const UpdateQuota& message,
                     std::uint32_t correlation, TimePoint now);
void on_update_weights(Shard& shard, Outbox& outbox, SessionId session,
                       const UpdateWeights& message, std::uint32_t correlation, TimePoint now);

// At shard 0.
void on_operator_quota(Shard& shard, Outbox& outbox, const OperatorQuota& message, TimePoint now);
void on_operator_weights(Shard& shard, Outbox& outbox, const OperatorWeights& message,
                         TimePoint now);

// At every shard: rescinds open offers of roles that are over their limit, as many as it takes.
void on_quota_changed(Shard& shard, Outbox& outbox, const QuotaChanged& message);

// All roles that are more than names, in the order of their names; or `only` the one of this name.
// Any thread may ask. `excluded`: kinds that do not count in shares.
std::vector<RoleSummary> summarise_roles(const SharedTables& shared,
                                         const std::array<bool, kResourceKinds>& excluded,
                                         std::string_view only);

}  // namespace shoal::core
