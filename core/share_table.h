// What the cluster has, and what every framework holds (offered and used) in each of its roles, as
// sums that all shards add to. Roles' sums are in core/role_table.h.
//
// A framework's membership in a role is a subscription; its row is drawn by the framework's home
// shard and kept until the framework is removed.
//
// Threads
//   Any shard adds and reads.
//
// Invariants
//   1. Each amount added is subtracted once, by the shard of the same agent; when nothing is held
//      the sums are 0.
//
// Memory order: core/atomic_quantities.h. A stale sum makes one choice a little less fair, and the
// next one sees it.
#pragma once

#include <cstdint>
#include <memory>

#include "core/atomic_quantities.h"
#include "core/limits.h"

namespace shoal::core {

using SubscriptionIndex = std::uint32_t;

class ShareTable {
 public:
  explicit ShareTable(std::uint32_t shards)
      : rows_(
            std::make_unique<AtomicQuantities[]>(std::size_t{shards} * kMaxSubscriptionsPerShard)) {
  }

  AtomicQuantities& held(SubscriptionIndex index) { return rows_[index]; }
  const AtomicQuantities& held(SubscriptionIndex index) const { return rows_[index]; }

  // Of all active agents, tagged or not.
  AtomicQuantities total;
  // The part of it that is not revocable.
  AtomicQuantities firm_total;

 private:
  std::unique_ptr<AtomicQuantities[]> rows_;
};

}  // namespace shoal::core
