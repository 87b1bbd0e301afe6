// Exact limits: what a role takes of the cluster is reserved against its limit, and those of the
// roles above it, before it is offered.
//
// Threads
//   Any shard charges and refunds; shard 0 sets limits.
//
// Invariants
//   1. While a limit does not change, a charge by take() never lifts `charged` above it.
//   2. After a limit was set and the amount read, either the reader saw the charge, or the charger
//      sees the limit and gives the excess back.
//
// Memory order
//   1 needs only that the compare-and-swap is one: the limit is compared with the very value that
//   is replaced. 2 is store-then-load on both sides (set the limit, read the sum; add to the sum,
//   read the limit), so all four are seq_cst.
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
  Milli before = charged.load(std::memory_order_relaxed);
  Milli granted = 0;
  do {
    const Milli cap = limit.load(std::memory_order_seq_cst);
    granted = cap == kNoLimit ? wanted : std::clamp<Milli>(cap - before, 0, wanted);
    if (granted == 0) return 0;
  } while (!charged.compare_exchange_weak(before, before + granted, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
  const Milli cap = limit.load(std::memory_order_seq_cst);
  const Milli excess = cap == kNoLimit ? 0 : std::clamp<Milli>(before + granted - cap, 0, granted);
  if (excess > 0) charged.fetch_sub(excess, std::memory_order_seq_cst);
  return granted - excess;
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

// Guaranteed and not yet charged.
Quantities unmet(const RoleRow& role);

}  // namespace shoal::core
