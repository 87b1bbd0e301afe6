#include "core/role_table.h"

#include <fmt/core.h>

#include <functional>

#include "core/role.h"
#include "core/status.h"

namespace shoal::core {

RoleTable::RoleTable()
    : slots_(std::make_unique<std::atomic<RoleRow*>[]>(kSlots)),
      rows_(std::make_unique<std::atomic<RoleRow*>[]>(kMaxRoles)) {
  auto root = std::make_unique<RoleRow>();
  root->limits.store(kNoLimits);
  root_ = root.release();
  rows_[next_.fetch_add(1)].store(root_, std::memory_order_release);
}

RoleTable::~RoleTable() {
  for (std::uint32_t i = 0; i < kMaxRoles; ++i) delete rows_[i].load(std::memory_order_relaxed);
}

RoleRow* RoleTable::find(std::string_view role) const {
  RoleRow* row = slot_of(role).load(std::memory_order_acquire);
  // Its adder may not have come so far yet, and the caller may look it up by index at once.
  if (row != nullptr) rows_[row->index].store(row, std::memory_order_release);
  return row;
}

absl::StatusOr<RoleRow*> RoleTable::intern(std::string_view role) {
  if (RoleRow* known = find(role); known != nullptr) return known;
  if (absl::Status valid = check_role(role); !valid.ok()) return valid;
  RoleRow* parent = root_;
  for (std::size_t end = role.find('/'); end != std::string_view::npos;
       end = role.find('/', end + 1)) {
    absl::StatusOr<RoleRow*> above = add(role.substr(0, end), parent);
    if (!above.ok()) return above.status();
    parent = *above;
  }
  return add(role, parent);
}

std::atomic<RoleRow*>& RoleTable::slot_of(std::string_view role) const {
  std::size_t i = std::hash<std::string_view>()(role) & (kSlots - 1);
  // At most half of the slots are ever filled, so an empty one ends the search.
  while (true) {
    const RoleRow* row = slots_[i].load(std::memory_order_acquire);
    if (row == nullptr || row->name == role) return slots_[i];
    i = (i + 1) & (kSlots - 1);
  }
}

absl::StatusOr<RoleRow*> RoleTable::add(std::string_view role, RoleRow* parent) {
  if (RoleRow* known = find(role); known != nullptr) return known;
  const RoleIndex index = next_.load(std::memory_order_relaxed) < kMaxRoles
                              ? next_.fetch_add(1, std::memory_order_acq_rel)
                              : kMaxRoles;
  if (index >= kMaxRoles) {
    return absl::ResourceExhaustedError(fmt::format(
        "role '{}' is one too many: this master has already been named {} roles", role, kMaxRoles));
  }
  auto fresh = std::make_unique<RoleRow>();
  fresh->index = index;
  fresh->name = role;
  fresh->parent = parent;
  fresh->depth = parent->depth + 1;
  fresh->limits.store(kNoLimits);
  while (true) {
    std::atomic<RoleRow*>& slot = slot_of(role);
    RoleRow* expected = nullptr;
    if (slot.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) {
      fresh.release();  // NOLINT(bugprone-unused-return-value): the table owns it now
      return find(role);
    }
    if (expected->name == role) return find(role);  // another shard was first
  }
}

}  // namespace shoal::core
