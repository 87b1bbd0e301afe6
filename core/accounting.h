// The books: what an agent has free, and what roles and frameworks hold of the cluster. Every
// change of what is offered or used goes through here, so that the sums of role_table.h and
// share_table.h agree with the agents' own.
//
//   charged     by charge() of quota.h before something unreserved is offered; given back here
//   allocated   by hold(), for all that is offered or used
//   reserved    by count_agent(), for the reservations of active agents
#pragma once

#include <optional>

#include "core/shard.h"

namespace shoal::core {

// `resources` without shared volumes, of which any number of users may hold the whole. `scratch`
// holds the result when it differs.
const Resources& exclusive_part(const Resources& resources, Resources& scratch);

Resources shared_part(const Resources& resources);

// What `held` leaves of `total`. A lot of which more is held than there is (the agent came back
// with less than its tasks use, or takes back what it lent) is not free at all; the plain fields
// count as one.
Resources free_part(const Resources& total, const Resources& held);

// total - used - offered, from scratch: after `total` changed, or when the sum may not fit.
void recompute_available(AgentRecord& agent);
// `resources` were taken out of used or offered and are available again.
void make_available(AgentRecord& agent, const Resources& resources);

// The offer leaves the agent's books; what it held is not available yet. False when the agent does
// not know it: it registered again while the answer was under way.
bool forget_offer(AgentRecord& agent, OfferId offer, const Resources& resources);

// The role, those above it and the subscription hold more, or less. `subscription`: nullopt when
// the framework is not known (yet, or any more).
void hold(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription,
          const Resources& resources);
void unhold(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription,
            const Resources& resources);

// unhold(), and what is not reserved no longer counts against limits.
void give_up(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription,
             const Resources& resources);

// An offer to the subscription is out: it holds the resources, and was served.
void hold_offer(Shard& shard, const Subscription& subscription, const Resources& resources);
// The offer is no longer out. What it held stays held: by tasks, or until give_up().
void end_offer(RoleRow& role, const Resources& resources);

// Charges what is there, whether limits allow it or not (quota.h), and sees to it that open offers
// make room (allocate()).
void charge_held(Shard& shard, RoleRow& role, const Quantities& amount);

// The agent's resources join or leave the cluster's total, and its reservations those of their
// roles. Reservations of roles that cannot be named any more (kMaxRoles) are not counted.
void count_agent(Shard& shard, const Resources& total);
void uncount_agent(Shard& shard, const Resources& total);

// Some of an agent's resources become others (core/operation.h) while a framework in `role` holds
// them; null: they are free.
void convert_held(Shard& shard, RoleRow* role, const Conversion& conversion);

// A sum of the role, and of the subscription if there is one, fell: the other shards hear of it at
// the end of the turn.
void note_fallen(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription);

}  // namespace shoal::core
