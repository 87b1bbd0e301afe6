// Who is offered what. No cycle: whatever frees resources marks the agent dirty, and the end of the
// turn offers each dirty agent once.
//
// What is unreserved on an agent goes to the neediest framework that may have it (fair_share.h,
// eligibility.h), cut to what the limits of its role leave (quota.h). Roles whose guarantee is not
// met come first and get up to it; others get only what is not kept for those. What is reserved
// goes with it to the same framework, if it may; the rest of it to the neediest in the role it is
// reserved to. What is revocable goes to the neediest that can cope with it.
//
// An agent that nobody wanted is idle. It is looked at again when something changes for a framework
// (it subscribes, revives, its filters are cleared) or for a role (its limit leaves room again),
// and then for that framework or role alone: one choice costs O(log roles + log frameworks), and no
// change costs agents times frameworks.
//
// Source: hierarchical DRF as in Mesos, whose cycle of a second is replaced by this.
#pragma once

#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// `agent` has more to offer than at the last pass, or may be offered to more frameworks.
void mark_dirty(Shard& shard, AgentRecord& agent);
// The agent leaves the allocator's queues: it is dropped, or not active.
void dequeue(Shard& shard, AgentRecord& agent);

// The subscription may want agents that nobody wanted before.
void note_wanting(Shard& shard, SubscriptionIndex subscription);
// Anybody may: weights, limits or guarantees changed.
void note_all_wanting(Shard& shard);

// One pass over the dirty agents, and over the idle ones as far as somebody wants them; at most one
// OffersOut message for each framework. Tells the other shards whose sums fell in this turn.
void allocate(Shard& shard, Outbox& outbox, TimePoint now);

// Why an open offer is taken back, for the counters.
enum class RescindCause : std::uint8_t {
  kAgentLost = 0,
  kHoarding = 1,
  kQuota = 2,
  kFrameworkRemoved = 3,
  kOperator = 4,
  kRevocable = 5,
};

// Takes an offer that has left OPEN back into the agent's books, all that it held is available, and
// its slot is free.
void settle_offer(Shard& shard, OfferId id);

// Withdraws the offer if it is still open, tells its framework, and settles it.
bool rescind_offer(Shard& shard, Outbox& outbox, OfferId id, RescindCause cause);

// Withdraws every open offer of `agent`. Offers that were claimed at the same moment stay out until
// the claim arrives.
void rescind_offers(Shard& shard, Outbox& outbox, AgentRecord& agent, RescindCause cause);

// Keeps `resources` of the agent from the subscription for `refuse`. 0: does nothing.
void add_filter(Shard& shard, AgentRecord& agent, const Subscription& subscription,
                const Resources& resources, Duration refuse, TimePoint now);
// Deadline: filters of the agent have run out.
void expire_filters(Shard& shard, const Deadline& deadline, TimePoint now);

// Deadline: the oldest offers may have been out for the offer timeout, or unanswered for the offer
// patience while a framework with a smaller share waits.
void watch_offers(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now);

}  // namespace shoal::core
