#include "core/accounting.h"

#include <algorithm>

#include "core/quota.h"

namespace shoal::core {
namespace {

bool has_shared(const Resources& resources) {
  return std::any_of(resources.lots.begin(), resources.lots.end(),
                     [](const Lot& lot) { return lot.tags->is_shared(); });
}

// What of `resources` is not revocable: what limits and guarantees are about.
Quantities firm_quantities(const Resources& resources) {
  Quantities out = resources.quantities();
  for (const Lot& lot : resources.lots) {
    if (!lot.tags->revocable) out += lot.amounts.quantities();
  }
  return out;
}

// Calls visit(role, amounts) for each reserved lot whose role can be named.
template <typename Visit>
void for_each_reservation(Shard& shard, const Resources& resources, Visit visit) {
  for (const Lot& lot : resources.lots) {
    if (!lot.tags->is_reserved()) continue;
    const absl::StatusOr<RoleRow*> role = shard.shared.roles.intern(lot.tags->role());
    if (role.ok()) visit(**role, lot.amounts.quantities());
  }
}

void reserve(Shard& shard, RoleRow& role, const Quantities& amount) {
  for (RoleRow* row = &role; row != nullptr; row = row->parent) row->reserved.add(amount);
  charge_held(shard, role, amount);
}

void unreserve(Shard& shard, RoleRow& role, const Quantities& amount) {
  for (RoleRow* row = &role; row != nullptr; row = row->parent) row->reserved.subtract(amount);
  refund(role, amount);
  note_fallen(shard, role, std::nullopt);
}

}  // namespace

const Resources& exclusive_part(const Resources& resources, Resources& scratch) {
  if (!has_shared(resources)) return resources;
  scratch = select(resources, true, [](const LotTags& tags) { return !tags.is_shared(); });
  return scratch;
}

Resources shared_part(const Resources& resources) {
  return select(resources, false, [](const LotTags& tags) { return tags.is_shared(); });
}

Resources free_part(const Resources& total, const Resources& held) {
  Resources free;
  if (static_cast<const Amounts&>(total).contains(held)) {
    static_cast<Amounts&>(free) = total;
    static_cast<Amounts&>(free) -= held;
  }
  for (const Lot& lot : total.lots) {
    const Amounts* taken = held.lots.find(*lot.tags);
    if (taken != nullptr && !lot.amounts.contains(*taken)) continue;
    Amounts left = lot.amounts;
    if (taken != nullptr) left -= *taken;
    if (!left.empty()) free.lots.add(lot.tags, left);
  }
  return free;
}

void recompute_available(AgentRecord& agent) {
  agent.available = free_part(agent.total, agent.used + agent.offered);
}

void make_available(AgentRecord& agent, const Resources& resources) {
  // What tasks hold beyond the total (it shrank) comes first.
  const bool is_plain =
      agent.total.lots.empty() && agent.available.lots.empty() && resources.lots.empty();
  const Quantities held =
      agent.used.quantities() + agent.offered.quantities() + agent.available.quantities();
  const bool fits = held + resources.quantities() == agent.total.quantities();
  if (is_plain && fits) {
    agent.available += resources;
  } else {
    recompute_available(agent);
  }
}

bool forget_offer(AgentRecord& agent, OfferId offer, const Resources& resources) {
  const auto it = std::find(agent.offers.begin(), agent.offers.end(), offer);
  if (it == agent.offers.end()) return false;
  agent.offers.erase(it);
  Resources scratch;
  agent.offered -= exclusive_part(resources, scratch);
  return true;
}

void note_fallen(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription) {
  // Repetitions are taken out at the end of the turn; most of them follow each other.
  auto& roles = shard.allocator.fallen_roles;
  if (roles.empty() || roles.back() != &role) roles.push_back(&role);
  if (!subscription.has_value() || shard.config.shards == 1) return;
  auto& fallen = shard.allocator.fallen;
  if (fallen.empty() || fallen.back() != *subscription) fallen.push_back(*subscription);
}

void hold_offer(Shard& shard, const Subscription& subscription, const Resources& resources) {
  const Quantities amount = resources.all_quantities();
  const Quantities plain = resources.quantities();
  RoleRow& role = *subscription.role;
  role.own.add(amount);
  for (RoleRow* row = &role; row->parent != nullptr; row = row->parent) {
    row->allocated.add(amount);
    row->offered.add(plain);
  }
  shard.shared.shares.held(subscription.index).add(amount);
  shard.fair_share.served(subscription.index);
}

void end_offer(RoleRow& role, const Resources& resources) {
  const Quantities plain = resources.quantities();
  for (RoleRow* row = &role; row->parent != nullptr; row = row->parent) {
    row->offered.subtract(plain);
  }
}

void hold(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription,
          const Resources& resources) {
  const Quantities amount = resources.all_quantities();
  role.own.add(amount);
  for (RoleRow* row = &role; row->parent != nullptr; row = row->parent) row->allocated.add(amount);
  if (subscription.has_value()) shard.shared.shares.held(*subscription).add(amount);
  shard.fair_share.touched(role, subscription);
}

void unhold(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription,
            const Resources& resources) {
  const Quantities amount = resources.all_quantities();
  role.own.subtract(amount);
  for (RoleRow* row = &role; row->parent != nullptr; row = row->parent) {
    row->allocated.subtract(amount);
  }
  if (subscription.has_value()) shard.shared.shares.held(*subscription).subtract(amount);
  note_fallen(shard, role, subscription);
  shard.fair_share.touched(role, subscription);
}

void give_up(Shard& shard, RoleRow& role, std::optional<SubscriptionIndex> subscription,
             const Resources& resources) {
  refund(role, resources.quantities());
  unhold(shard, role, subscription, resources);
}

void charge_held(Shard& shard, RoleRow& role, const Quantities& amount) {
  charge_unchecked(role, amount);
  for (RoleRow* row = &role; row != nullptr; row = row->parent) {
    if (is_over(*row)) shard.allocator.overdrawn_roles.push_back(row);
  }
}

void count_agent(Shard& shard, const Resources& total) {
  shard.shared.shares.total.add(total.all_quantities());
  shard.shared.shares.firm_total.add(firm_quantities(total));
  for_each_reservation(shard, total, [&shard](RoleRow& role, const Quantities& amount) {
    reserve(shard, role, amount);
  });
}

void uncount_agent(Shard& shard, const Resources& total) {
  shard.shared.shares.total.subtract(total.all_quantities());
  shard.shared.shares.firm_total.subtract(firm_quantities(total));
  for_each_reservation(shard, total, [&shard](RoleRow& role, const Quantities& amount) {
    unreserve(shard, role, amount);
  });
}

void convert_held(Shard& shard, RoleRow* role, const Conversion& conversion) {
  // Additions first, so that no sum dips below what is truly held.
  for_each_reservation(shard, conversion.converted,
                       [&shard](RoleRow& row, const Quantities& a) { reserve(shard, row, a); });
  if (role != nullptr) {
    charge_held(shard, *role, conversion.converted.quantities());
    refund(*role, conversion.consumed.quantities());
  }
  for_each_reservation(shard, conversion.consumed,
                       [&shard](RoleRow& row, const Quantities& a) { unreserve(shard, row, a); });
  if (role != nullptr) note_fallen(shard, *role, std::nullopt);
}

}  // namespace shoal::core
