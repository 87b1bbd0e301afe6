// The agent's side of an answered offer: the framework's shard has taken the offers, here the
// operations are done and the tasks launched.
#pragma once

#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// Does the operations of the answer, in order, and runs its tasks on the agent with what the offers
// held; the rest is free again, and kept from the framework for `refuse`.
//
// Without operations every task stands for itself: one that does not fit is reported ERROR. With
// operations the answer is done as a whole, or else every task and operation of it is reported
// ERROR with the first reason. When the agent or the framework is gone, tasks and operations are
// DROPPED, or forgotten.
void on_offers_answered(Shard& shard, Outbox& outbox, const OffersAnswered& answer, TimePoint now);

}  // namespace shoal::core
