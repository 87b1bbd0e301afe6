// One pass of the allocator: chooses for agents, publishes, and collects what is to be told.
// Internal to the allocator.
#pragma once

#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// Who is asked: everybody, or those for whom something changed.
class Scope {
 public:
  static Scope everybody() { return Scope(); }
  // Those who want idle agents.
  static Scope of(const Shard& shard);
  static Scope only(SubscriptionIndex subscription);

 private:
  friend class AllocationPass;
  std::optional<SubscriptionIndex> subscription_;
  RoleRow* role_ = nullptr;  // with those below it
};

class AllocationPass {
 public:
  AllocationPass(Shard& shard, TimePoint now);

  // Offers all that somebody wants of what is available on the agent. True when something is left
  // that could be offered: the agent is idle then.
  bool offer(AgentRecord& agent, const Scope& scope = Scope::everybody());

  // Another agent may be looked at; a pass is bounded so that it does not hold up the loop.
  bool has_room() const { return agents_ < kMaxAgentsPerPass; }
  bool table_is_full() const { return table_is_full_; }
  // Somebody in the scope could take an offer.
  bool wants(const Scope& scope) const;
  // Something unreserved may be offered beyond what is kept for guarantees.
  bool has_surplus() const;

  // The messages to the frameworks' shards.
  void send(Outbox& outbox);

 private:
  template <typename RoleOk, typename Eligible>
  const Subscription* choose(const Scope& scope, RoleOk role_ok, Eligible eligible);

  // Among the roles whose guarantee is not met.
  template <typename RoleOk, typename Eligible>
  const Subscription* choose_guaranteed(const Scope& scope, RoleOk role_ok, Eligible eligible);

  // Each offers one kind of what is available, to one framework; false when nobody takes it.
  bool offer_guaranteed(AgentRecord& agent, const Scope& scope);
  bool offer_plain(AgentRecord& agent, const Scope& scope);
  bool offer_revocable(AgentRecord& agent, const Scope& scope);
  bool offer_reserved(AgentRecord& agent, const Scope& scope);

  // Whether the subscription may be offered `what` of the agent.
  bool may_have(const Subscription& subscription, const AgentRecord& agent,
                const Resources& what) const;
  // Charges at most `most` of the unreserved resources and publishes them with the lots that the
  // subscription may have. False when nothing worth an offer comes of it, and then the
  // subscription is passed over for this agent.
  bool offer_to(const Subscription& subscription, AgentRecord& agent, const Quantities& most);
  bool publish(const Subscription& subscription, AgentRecord& agent, Resources&& resources);

  Quantities surplus_of(const Quantities& wanted) const;
  // False when the role's own limit leaves nothing worth an offer; it is blocked after the search.
  bool is_open(const RoleRow& role);
  void block_exhausted();

  Shard& shard_;
  const TimePoint now_;
  std::size_t agents_ = 0;
  bool table_is_full_ = false;
  Quantities surplus_;                 // beyond the guarantees; kUnlimited without any
  std::vector<RoleRow*> unmet_;        // roles whose guarantee is not met
  std::vector<RoleRow*> unmet_order_;  // a heap of them, for the agent at hand
  std::vector<OffersOut> outgoing_;
  absl::flat_hash_map<std::uint32_t, std::size_t> message_of_;  // framework index -> outgoing_
  std::vector<RoleRow*> exhausted_;                             // met on the way of a search
  std::vector<SubscriptionIndex> passed_over_;                  // for the agent at hand
};

// The neediest framework but the holder that could take what an old offer holds; null when none.
const Subscription* who_waits(Shard& shard, const AgentRecord& agent, const OfferPayload& offer);
// The first of `candidates` that could; null when none.
const Subscription* first_that_waits(Shard& shard, const AgentRecord& agent,
                                     const OfferPayload& offer,
                                     const std::vector<SubscriptionIndex>& candidates);

}  // namespace shoal::core
