// Every role that was ever named to this master, with what it holds and what it may: one row each,
// shared by all shards. Roles form a tree; row 0 is its root, the whole cluster.
//
// Threads
//   Any shard interns, finds, adds and reads. Weights, limits and guarantees are written by shard 0
//   alone (core/quota_handlers.h).
//
// Invariants
//   1. A name has one row, and a row keeps its index, name and parent for the life of the table.
//   2. A parent has a smaller index than its children.
//   3. The sums of a row include those of the rows below it, but for `own`.
//
// Memory order
//   A row is filled before its pointer is published with release (compare-and-swap in the hash
//   table, store in the index) and read with acquire, so whoever finds a row finds it whole. Rows
//   are never freed while the table lives, so a pointer stays good.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/atomic_quantities.h"
#include "core/limits.h"
#include "core/quantities.h"

namespace shoal::core {

using RoleIndex = std::uint32_t;
inline constexpr RoleIndex kRootRole = 0;
inline constexpr Milli kDefaultWeight = 1000;

struct RoleRow {
  RoleIndex index = kRootRole;
  std::string name;           // "eng/ads"; empty for the root
  RoleRow* parent = nullptr;  // null for the root
  std::uint32_t depth = 0;    // root: 0

  std::atomic<Milli> weight{kDefaultWeight};
  AtomicQuantities limits;      // kNoLimit: none
  AtomicQuantities guarantees;  // top-level roles only

  AtomicQuantities own;        // offered to and used by frameworks in this very role
  AtomicQuantities allocated;  // the same in this role and below
  AtomicQuantities offered;    // the part of `allocated` that is offered and not reserved
  AtomicQuantities reserved;   // on active agents, allocated or not
  // What counts against the limits: `reserved`, and what is allocated of the rest. Revocable
  // resources do not count.
  AtomicQuantities charged;
  std::atomic<std::uint32_t> frameworks{0};

  bool has_guarantee() const { return !guarantees.load().empty(); }
};

class RoleTable {
 public:
  RoleTable();
  ~RoleTable();
  RoleTable(const RoleTable&) = delete;
  RoleTable& operator=(const RoleTable&) = delete;

  // The row of a role, made with those above it when it is new.
  // Errors: INVALID_ARGUMENT for a bad name; RESOURCE_EXHAUSTED when kMaxRoles were named.
  absl::StatusOr<RoleRow*> intern(std::string_view role);

  // Null when the role was never named.
  RoleRow* find(std::string_view role) const;

  RoleRow& root() const { return *root_; }
  RoleRow& operator[](RoleIndex index) const {
    return *rows_[index].load(std::memory_order_acquire);
  }
  // Rows in the order of their indices, parents first. `visit` may see rows that are being added.
  template <typename Visit>
  void for_each(Visit visit) const {
    const RoleIndex end = next_.load(std::memory_order_acquire);
    for (RoleIndex i = 0; i < end && i < kMaxRoles; ++i) {
      // Null: the index was drawn by the loser of a race to add one name.
      if (RoleRow* row = rows_[i].load(std::memory_order_acquire); row != nullptr) visit(*row);
    }
  }

 private:
  static constexpr std::size_t kSlots = 2 * std::size_t{kMaxRoles};  // of the hash table
  static_assert((kSlots & (kSlots - 1)) == 0);

  absl::StatusOr<RoleRow*> add(std::string_view role, RoleRow* parent);
  // The slot of `role`: of its row, or the empty one where it would be.
  std::atomic<RoleRow*>& slot_of(std::string_view role) const;

  std::unique_ptr<std::atomic<RoleRow*>[]> slots_;  // open addressing, insert only
  std::unique_ptr<std::atomic<RoleRow*>[]> rows_;   // by index; owns
  std::atomic<RoleIndex> next_{0};
  RoleRow* root_ = nullptr;
};

}  // namespace shoal::core
