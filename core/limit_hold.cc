#include "core/limit_hold.h"

#include "core/accounting.h"
#include "core/quota.h"
#include "core/status.h"

namespace shoal::core {

LimitHold::~LimitHold() {
  for (const Taken& taken : taken_) {
    refund(*taken.role, taken.amount, taken.above);
    note_fallen(shard_, *taken.role, std::nullopt);
  }
}

absl::Status LimitHold::take(OperationKind kind, const Conversion& conversion, RoleRow* holder) {
  RoleTable& roles = shard_.shared.roles;
  if (kind == OperationKind::kReserve) {
    for (const Lot& lot : conversion.converted.lots) {
      absl::StatusOr<RoleRow*> role = roles.intern(lot.tags->role());
      if (!role.ok()) return role.status();
      // It counts already where it was reserved before, or where it was offered to.
      const auto& stack = lot.tags->reservations;
      const RoleRow* above = stack.size() > 1 ? roles.find(stack[stack.size() - 2].role) : holder;
      absl::Status taken = take(kind, **role, above, lot.amounts.quantities());
      if (!taken.ok()) return taken;
    }
  }
  if (kind == OperationKind::kUnreserve && holder != nullptr) {
    for (const Lot& lot : conversion.consumed.lots) {
      if (lot.tags->reservations.size() > 1) continue;  // it counts higher up, or in the same role
      const RoleRow* above = roles.find(lot.tags->role());
      absl::Status taken = take(kind, *holder, above, lot.amounts.quantities());
      if (!taken.ok()) return taken;
    }
  }
  return absl::OkStatus();
}

absl::Status LimitHold::take(OperationKind kind, RoleRow& role, const RoleRow* above,
                             const Quantities& amount) {
  const Quantities granted = charge(role, amount, above);
  taken_.push_back({&role, above, granted});
  if (granted == amount) return absl::OkStatus();
  return invalid("{}: the limits of role '{}' leave less than that", name_of(kind), role.name);
}

}  // namespace shoal::core
