#include "core/quota.h"

namespace shoal::core {

Quantities charge(RoleRow& role, const Quantities& wanted, const RoleRow* above) {
  Quantities granted = wanted;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    for (RoleRow* row = &role; row != above && granted[kind] > 0; row = row->parent) {
      const Milli got = take(row->charged[kind], row->limits[kind], granted[kind]);
      const Milli denied = granted[kind] - got;
      granted[kind] = got;
      if (denied == 0) continue;
      // The rows below have already taken more than this one allows.
      for (RoleRow* below = &role; below != row; below = below->parent) {
        below->charged[kind].fetch_sub(denied, std::memory_order_relaxed);
      }
    }
  }
  return granted;
}

void charge_unchecked(RoleRow& role, const Quantities& amount) {
  for (RoleRow* row = &role; row != nullptr; row = row->parent) row->charged.add(amount);
}

void refund(RoleRow& role, const Quantities& amount, const RoleRow* above) {
  for (RoleRow* row = &role; row != above; row = row->parent) row->charged.subtract(amount);
}

Quantities room(const RoleRow& role) {
  Quantities out{{kUnlimited, kUnlimited, kUnlimited, kUnlimited}};
  for (const RoleRow* row = &role; row != nullptr; row = row->parent) {
    const Quantities limits = row->limits.load();
    if (limits == kNoLimits) continue;
    const Quantities charged = row->charged.load();
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      if (limits[kind] == kNoLimit) continue;
      out[kind] = std::min(out[kind], std::max<Milli>(0, limits[kind] - charged[kind]));
    }
  }
  return out;
}

bool is_over(const RoleRow& role) {
  const Quantities limits = role.limits.load();
  const Quantities charged = role.charged.load();
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (limits[kind] != kNoLimit && charged[kind] > limits[kind]) return true;
  }
  return false;
}

Quantities unmet(const RoleRow& role) {
  const Quantities guarantees = role.guarantees.load();
  const Quantities charged = role.charged.load();
  Quantities out;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    out[kind] = std::max<Milli>(0, guarantees[kind] - charged[kind]);
  }
  return out;
}

}  // namespace shoal::core
