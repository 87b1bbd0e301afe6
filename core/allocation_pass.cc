#include "core/allocation_pass.h"

#include <algorithm>
#include <utility>

#include "core/accounting.h"
#include "core/allocator.h"
#include "core/eligibility.h"
#include "core/operation_handlers.h"
#include "core/quota.h"

namespace shoal::core {
namespace {

constexpr Quantities kEverything{{kUnlimited, kUnlimited, kUnlimited, kUnlimited}};

Quantities smaller(Quantities a, const Quantities& b) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) a[kind] = std::min(a[kind], b[kind]);
  return a;
}

Quantities not_negative(Quantities a) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) a[kind] = std::max<Milli>(0, a[kind]);
  return a;
}

// GPUs are whole.
Quantities whole_gpus(Quantities a) {
  Milli& gpus = a[ResourceKind::kGpus];
  gpus -= gpus % 1000;
  return a;
}

void set_quantities(Amounts& amounts, const Quantities& quantities) {
  amounts.cpus = quantities[ResourceKind::kCpus];
  amounts.mem = quantities[ResourceKind::kMem];
  amounts.disk = quantities[ResourceKind::kDisk];
  amounts.gpus = quantities[ResourceKind::kGpus];
}

const RoleRow& top_level(const RoleRow& role) {
  const RoleRow* top = &role;
  while (top->depth > 1) top = top->parent;
  return *top;
}

bool has_revocable(const Resources& resources) {
  return std::any_of(resources.lots.begin(), resources.lots.end(),
                     [](const Lot& lot) { return lot.tags->revocable; });
}

}  // namespace

Scope Scope::of(const Shard& shard) {
  const AllocatorState& state = shard.allocator;
  Scope scope;
  const std::size_t targets = state.wanting.size() + state.wanting_roles.size();
  if (state.wake_all || targets > 1) return scope;  // they compete: fair among all
  if (!state.wanting.empty()) scope.subscription_ = state.wanting.front();
  if (!state.wanting_roles.empty()) scope.role_ = state.wanting_roles.front();
  return scope;
}

Scope Scope::only(SubscriptionIndex subscription) {
  Scope scope;
  scope.subscription_ = subscription;
  return scope;
}

AllocationPass::AllocationPass(Shard& shard, TimePoint now)
    : shard_(shard), now_(now), surplus_(kEverything) {
  if (shard.allocator.guaranteed.empty()) return;
  surplus_ = shard.shared.shares.firm_total.load() - shard.shared.roles.root().charged.load();
  for (RoleRow* role : shard.allocator.guaranteed) {
    const Quantities missing = unmet(*role);
    surplus_ -= missing;
    if (!missing.empty()) unmet_.push_back(role);
  }
}

bool AllocationPass::has_surplus() const {
  return !is_crumb(shard_.config, not_negative(surplus_));
}

Quantities AllocationPass::surplus_of(const Quantities& wanted) const {
  return smaller(wanted, not_negative(surplus_));
}

bool AllocationPass::wants(const Scope& scope) const {
  if (scope.subscription_.has_value()) {
    const Subscription* subscription = shard_.fair_share.find(*scope.subscription_);
    return subscription != nullptr && subscription->active;
  }
  if (scope.role_ != nullptr) return !shard_.fair_share.is_blocked(*scope.role_);
  return shard_.fair_share.active() > 0;
}

template <typename RoleOk, typename Eligible>
const Subscription* AllocationPass::choose(const Scope& scope, RoleOk role_ok, Eligible eligible) {
  FairShare& order = shard_.fair_share;
  if (scope.role_ != nullptr) return order.neediest_within(*scope.role_, role_ok, eligible);
  if (!scope.subscription_.has_value()) return order.neediest(role_ok, eligible);
  const Subscription* subscription = order.find(*scope.subscription_);
  if (subscription == nullptr || !subscription->active) return nullptr;
  for (const RoleRow* row = subscription->role; row != nullptr; row = row->parent) {
    if (!role_ok(*row)) return nullptr;
  }
  return eligible(*subscription) ? subscription : nullptr;
}

template <typename RoleOk, typename Eligible>
const Subscription* AllocationPass::choose_guaranteed(const Scope& scope, RoleOk role_ok,
                                                      Eligible eligible) {
  FairShare& order = shard_.fair_share;
  const RoleRow* target = scope.role_;
  if (scope.subscription_.has_value()) {
    const Subscription* subscription = order.find(*scope.subscription_);
    if (subscription == nullptr) return nullptr;
    target = subscription->role;
  }
  if (target != nullptr) {
    const bool is_unmet =
        std::find(unmet_.begin(), unmet_.end(), &top_level(*target)) != unmet_.end();
    return is_unmet ? choose(scope, role_ok, eligible) : nullptr;
  }
  const auto later = [&order](const RoleRow* a, const RoleRow* b) {
    return order.precedes(*b, *a);
  };
  unmet_order_ = unmet_;
  std::make_heap(unmet_order_.begin(), unmet_order_.end(), later);
  while (!unmet_order_.empty()) {
    std::pop_heap(unmet_order_.begin(), unmet_order_.end(), later);
    const RoleRow& role = *unmet_order_.back();
    unmet_order_.pop_back();
    const Subscription* found = order.neediest_within(role, role_ok, eligible);
    if (found != nullptr) return found;
  }
  return nullptr;
}

bool AllocationPass::may_have(const Subscription& subscription, const AgentRecord& agent,
                              const Resources& what) const {
  if (is_crumb(shard_.config, subscription, what.all_quantities())) return false;
  if (!may_see(shard_.config, subscription, agent)) return false;
  if (agent.filters.hides(subscription.index, subscription.filter_epoch, what)) return false;
  return std::find(passed_over_.begin(), passed_over_.end(), subscription.index) ==
         passed_over_.end();
}

bool AllocationPass::offer(AgentRecord& agent, const Scope& scope) {
  if (!agent.may_be_offered() || !undo_failed(shard_, agent)) return false;
  ++agents_;
  passed_over_.clear();
  bool offered = true;
  while (offered && !table_is_full_ && !agent.available.empty()) {
    offered = (!unmet_.empty() && offer_guaranteed(agent, scope)) || offer_plain(agent, scope);
  }
  if (!agent.available.lots.empty()) {
    while (!table_is_full_ && offer_reserved(agent, scope)) {
    }
    while (!table_is_full_ && offer_revocable(agent, scope)) {
    }
  }
  return !is_crumb(shard_.config, agent.available.all_quantities());
}

bool AllocationPass::offer_guaranteed(AgentRecord& agent, const Scope& scope) {
  const Quantities free = agent.available.quantities();
  if (is_crumb(shard_.config, free)) return false;
  const auto role_ok = [this](const RoleRow& role) { return is_open(role); };
  const bool plain = agent.available.lots.empty();
  const Subscription* chosen =
      choose_guaranteed(scope, role_ok, [&](const Subscription& subscription) {
        return plain ? may_have(subscription, agent, agent.available)
                     : may_have(subscription, agent, offerable(agent.available, subscription));
      });
  block_exhausted();
  if (chosen == nullptr) return false;
  const RoleRow& top = top_level(*chosen->role);
  // Kinds that have a guarantee: up to it. The others: what is not kept for other roles.
  const Quantities guaranteed = top.guarantees.load();
  const Quantities missing = unmet(top);
  Quantities most = surplus_of(free);
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (guaranteed[kind] > 0) most[kind] = std::min(free[kind], missing[kind]);
  }
  return offer_to(*chosen, agent, most) || !table_is_full_;
}

bool AllocationPass::offer_plain(AgentRecord& agent, const Scope& scope) {
  const Quantities free = agent.available.quantities();
  const Quantities most = surplus_of(free);
  if (is_crumb(shard_.config, most)) {
    if (most != free && !is_crumb(shard_.config, free)) shard_.allocator.held_back = true;
    return false;
  }
  const auto role_ok = [this](const RoleRow& role) { return is_open(role); };
  const bool plain = agent.available.lots.empty();
  const Subscription* chosen = choose(scope, role_ok, [&](const Subscription& subscription) {
    return plain ? may_have(subscription, agent, agent.available)
                 : may_have(subscription, agent, offerable(agent.available, subscription));
  });
  block_exhausted();
  // What nobody takes because it was cut down is tried with the next one.
  return chosen != nullptr && (offer_to(*chosen, agent, most) || !table_is_full_);
}

bool AllocationPass::offer_reserved(AgentRecord& agent, const Scope& scope) {
  for (const Lot& lot : agent.available.lots) {
    if (!lot.tags->is_reserved() || lot.tags->is_shared()) continue;
    const RoleRow* role = shard_.shared.roles.find(lot.tags->role());
    if (role == nullptr) continue;
    const auto what = [&agent](const Subscription& subscription) {
      return select(agent.available, false, [&subscription](const LotTags& tags) {
        return tags.is_reserved() && may_hold(tags, *subscription.role, subscription.capabilities);
      });
    };
    const auto eligible = [&](const Subscription& subscription) {
      if (scope.subscription_.has_value() && subscription.index != *scope.subscription_) {
        return false;
      }
      return may_have(subscription, agent, what(subscription));
    };
    const Subscription* chosen = shard_.fair_share.neediest_within(*role, eligible);
    if (chosen != nullptr) return publish(*chosen, agent, what(*chosen));
  }
  return false;
}

bool AllocationPass::offer_revocable(AgentRecord& agent, const Scope& scope) {
  if (!has_revocable(agent.available)) return false;
  const Resources what =
      select(agent.available, false, [](const LotTags& tags) { return tags.revocable; });
  const Subscription* chosen = shard_.fair_share.neediest_within(
      shard_.shared.roles.root(), [&](const Subscription& subscription) {
        if (scope.subscription_.has_value() && subscription.index != *scope.subscription_) {
          return false;
        }
        return subscription.capabilities.has(Capability::kRevocable) &&
               may_have(subscription, agent, what);
      });
  return chosen != nullptr && publish(*chosen, agent, Resources(what));
}

bool AllocationPass::offer_to(const Subscription& subscription, AgentRecord& agent,
                              const Quantities& most) {
  RoleRow& role = *subscription.role;
  const RoleRow& top = top_level(role);
  const Quantities kept = unmet(top);
  const Quantities free = agent.available.quantities();
  const Quantities wanted = whole_gpus(smaller(most, room(role)));
  const Quantities charged = charge(role, wanted);
  const Quantities granted = whole_gpus(charged);
  if (charged != granted) refund(role, charged - granted);
  // Another shard was faster: it may yet give some back.
  if (granted != wanted) note_fallen(shard_, role, std::nullopt);

  Resources resources = agent.available.lots.empty() && granted == free
                            ? agent.available
                            : offerable(agent.available, subscription);
  set_quantities(resources, granted);
  // What was cut down may be too little, or just what was refused.
  const bool fits = granted == free || may_have(subscription, agent, resources);
  if (fits && publish(subscription, agent, std::move(resources))) {
    // What met a guarantee was kept for it; the rest comes out of the surplus.
    if (shard_.allocator.guaranteed.empty()) return true;
    const Quantities missing = unmet(top);
    surplus_ -= granted - (kept - missing);
    if (missing.empty()) std::erase(unmet_, &top);
    return true;
  }
  refund(role, granted);
  if (!table_is_full_) passed_over_.push_back(subscription.index);
  return false;
}

bool AllocationPass::publish(const Subscription& subscription, AgentRecord& agent,
                             Resources&& resources) {
  OfferTable& table = shard_.shared.offers;
  const Resources offered = std::move(resources);
  const std::optional<OfferId> id = table.publish(shard_.config.index, subscription.framework_index,
                                                  {.agent = agent.id(),
                                                   .framework = subscription.framework,
                                                   .subscription = subscription.index,
                                                   .role = subscription.role->index,
                                                   .resources = offered,
                                                   .published = now_});
  if (!id.has_value()) {
    table_is_full_ = true;
    shard_.counters.offer_table_full.add();
    return false;
  }
  hold_offer(shard_, subscription, offered);
  Resources scratch;
  const Resources& held = exclusive_part(offered, scratch);
  if (agent.offered.empty()) {
    agent.offered = held;
  } else {
    agent.offered += held;
  }
  agent.available -= held;
  agent.offers.push_back(*id);
  shard_.counters.offers_published.add();
  const auto [place, is_new] =
      message_of_.try_emplace(subscription.framework_index, outgoing_.size());
  if (is_new) outgoing_.push_back({subscription.framework, {}});
  outgoing_[place->second].offers.push_back(
      {*id, agent.description, subscription.role->index, offered});
  return true;
}

bool AllocationPass::is_open(const RoleRow& role) {
  if (!is_exhausted(role)) return true;
  exhausted_.push_back(&shard_.shared.roles[role.index]);
  return false;
}

void AllocationPass::block_exhausted() {
  for (RoleRow* role : exhausted_) shard_.fair_share.block(*role);
  exhausted_.clear();
}

void AllocationPass::send(Outbox& outbox) {
  for (OffersOut& message : outgoing_) {
    const std::uint32_t home = shard_.home_of(message.framework);
    outbox.to_shard(home, std::move(message));
  }
  outgoing_.clear();
  message_of_.clear();
}

namespace {

bool could_take(const Shard& shard, const Subscription& subscription, const AgentRecord& agent,
                const OfferPayload& offer) {
  if (subscription.framework == offer.framework) return false;
  const bool plain = offer.resources.lots.empty();
  const Resources what = plain ? offer.resources : offerable(offer.resources, subscription);
  return !is_crumb(shard.config, subscription, what.all_quantities()) &&
         may_see(shard.config, subscription, agent) &&
         !agent.filters.hides(subscription.index, subscription.filter_epoch, what);
}

}  // namespace

const Subscription* who_waits(Shard& shard, const AgentRecord& agent, const OfferPayload& offer) {
  const auto role_ok = [](const RoleRow& role) { return !is_exhausted(role); };
  return shard.fair_share.neediest(role_ok, [&](const Subscription& subscription) {
    return could_take(shard, subscription, agent, offer);
  });
}

const Subscription* first_that_waits(Shard& shard, const AgentRecord& agent,
                                     const OfferPayload& offer,
                                     const std::vector<SubscriptionIndex>& candidates) {
  for (const SubscriptionIndex index : candidates) {
    const Subscription* subscription = shard.fair_share.find(index);
    if (subscription == nullptr || !subscription->active) continue;
    if (exhausted_row(*subscription->role) != nullptr) continue;
    if (could_take(shard, *subscription, agent, offer)) return subscription;
  }
  return nullptr;
}

}  // namespace shoal::core
