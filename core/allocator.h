// Who is offered what. No cycle: whatever frees resources marks the agent dirty, and the end of the
// turn offers each dirty agent once.
//
// The rule: all that is free on an agent goes to the eligible framework with the smallest dominant
// share (DRF, Ghodsi et al., NSDI 2011); among equals to the one that waited longest for an offer.
// Eligible: connected, not suppressed, no filter covers what is free. O(frameworks) for each agent.
#pragma once

#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// `agent` has more to offer than at the last pass, or may be offered to more frameworks.
void mark_dirty(Shard& shard, AgentRecord& agent);
void mark_all_dirty(Shard& shard);

// One pass over the dirty agents; at most one OffersOut message for each framework.
void allocate(Shard& shard, Outbox& outbox, TimePoint now);

// Takes an offer that has left OPEN back into the agent's books and frees its slot.
void settle_offer(Shard& shard, OfferId id);

// Withdraws every open offer of `agent` and tells the frameworks. Offers that were claimed at the
// same moment stay out until the claim arrives.
void rescind_offers(Shard& shard, Outbox& outbox, AgentRecord& agent);

// A deadline: the offer has been out for too long.
void expire_offer(Shard& shard, Outbox& outbox, OfferId id);

// Keeps `resources` of the agent from the framework for `refuse`. 0: does nothing.
void add_filter(Shard& shard, AgentRecord& agent, FrameworkId framework, const Resources& resources,
                Duration refuse, TimePoint now);
void clear_filters(Shard& shard, FrameworkId framework);
void expire_filters(Shard& shard, AgentRecord& agent, TimePoint now);

}  // namespace shoal::core
