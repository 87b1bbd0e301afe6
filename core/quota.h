// Exact limits: what a role takes of the cluster is reserved against its limit, and those of the
// roles above it, before it is offered.
//
// Threads
//   Any shard charges and refunds; shard 0 sets limits and mails every shard that it did.
//
// Invariants (tests/core/model/quota_model.cc)
//   1. While a limit does not change, take() never lifts `charged` above it.
//   2. When every shard has read the mail of a lower limit, and taken back offers while the sum is
//      above it, what is above it is in use: no open offer is part of the excess.
//
// Memory order
//   Relaxed. 1 needs only that the swap compares the very sum that the limit was compared with. For
//   2, the mail brings the limit to all later takes of a shard; and of the shards that charged, the
//   last one in the order of the sum's changes sees all the others' charges.
#pragma once

#include <algorithm>
#include <atomic>
#include <limits>

#include "core/role_table.h"

namespace shoal::core {

// Adds as much of `wanted` to `charged` as `limit` leaves room for; returns how much. `Atomic` is
// std::atomic<Milli> or a model checker's.
template <typename Atomic>
Milli take(Atomic& charged, const Atomic& limit, Milli wanted) {
  const Milli cap = limit.load(std::memory_order_relaxed);
  if (cap == kNoLimit) {
    charged.fetch_add(wanted, std::memory_order_relaxed);
    return wanted;
  }
  Milli before = charged.load(std::memory_order_relaxed);
  Milli granted = 0;
  do {
    granted = std::clamp<Milli>(cap - before, 0, wanted);
    if (granted == 0) return 0;
  } while (!charged.compare_exchange_weak(before, before + granted, std::memory_order_relaxed,
                                          std::memory_order_relaxed));
  return granted;
}

// Charges the role and all above it with as much of `wanted` as all their limits leave room for,
// kind by kind. Returns what was charged. `above`: only the rows below that one, which has it in
// its sum already; null: all.
Quantities charge(RoleRow& role, const Quantities& wanted, const RoleRow* above = nullptr);

// The same without looking at limits: what is there already (tasks that an agent brings back,
// reservations) counts, also above a limit.
void charge_unchecked(RoleRow& role, const Quantities& amount);

void refund(RoleRow& role, const Quantities& amount, const RoleRow* above = nullptr);

// What the limits of the role and of those above it leave; kUnlimited where there is none.
inline constexpr Milli kUnlimited = std::numeric_limits<Milli>::max();
Quantities room(const RoleRow& role);

// More is charged than a limit of the role itself allows.
bool is_over(const RoleRow& role);

// Guaranteed and not yet charged.
Quantities unmet(const RoleRow& role);

}  // namespace shoal::core
