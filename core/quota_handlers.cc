#include "core/quota_handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/allocator.h"
#include "core/eligibility.h"
#include "core/events.h"
#include "core/quota.h"
#include "core/registry.h"
#include "core/role.h"
#include "core/status.h"

namespace shoal::core {
namespace {

void refuse(Shard& shard, Outbox& outbox, SessionId session, const absl::Status& why,
            std::uint32_t correlation) {
  shard.counters.refusals.add();
  const RefusalCode code =
      absl::IsResourceExhausted(why) ? RefusalCode::kOverloaded : RefusalCode::kInvalid;
  outbox.refuse(session, code, message_of(why), correlation);
}

// What the role reserves and uses: a limit below it would not hold at once. Offers are taken back.
Quantities in_use(const RoleRow& role) { return role.charged.load() - role.offered.load(); }

absl::Status check_limits(const OwnedQuota& config) {
  const Quantities used = in_use(*config.role);
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const Milli limit = config.limits[kind];
    if (limit == kNoLimit || used[kind] <= limit) continue;
    return invalid(
        "the limit of {} {} is below what role '{}' reserves and uses ({}); use force "
        "to set it all the same",
        milli_to_string(limit), kResourceNames[kind], config.role->name,
        milli_to_string(used[kind]));
  }
  return absl::OkStatus();
}

absl::Status check_guarantee(const OwnedQuota& config) {
  if (config.guarantees.empty()) return absl::OkStatus();
  if (config.role->depth != 1) {
    return invalid("role '{}' is not a top-level role: only those can have a guarantee",
                   config.role->name);
  }
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const Milli limit = config.limits[kind];
    if (limit == kNoLimit || config.guarantees[kind] <= limit) continue;
    return invalid("the guarantee of {} {} for role '{}' is over its limit of {}",
                   milli_to_string(config.guarantees[kind]), kResourceNames[kind],
                   config.role->name, milli_to_string(limit));
  }
  return absl::OkStatus();
}

// The sum of all guarantees, with those of the call, must fit into the cluster.
absl::Status check_capacity(const Shard& shard, const std::vector<OwnedQuota>& configs) {
  Quantities sum;
  const auto find = [&configs](const RoleRow& role) {
    return std::find_if(configs.begin(), configs.end(),
                        [&role](const OwnedQuota& config) { return config.role == &role; });
  };
  shard.shared.roles.for_each([&](const RoleRow& role) {
    const auto config = find(role);
    sum += config == configs.end() ? role.guarantees.load() : config->guarantees;
  });
  const Quantities total = shard.shared.shares.firm_total.load();
  if (total.contains(sum)) return absl::OkStatus();
  return invalid(
      "the guarantees of all roles would be {}, but the cluster has {}; use force to set "
      "them all the same",
      to_string(sum), to_string(total));
}

absl::Status check_quota(const Shard& shard, const OperatorQuota& message) {
  bool guarantees = false;
  for (const OwnedQuota& config : message.configs) {
    if (absl::Status valid = check_guarantee(config); !valid.ok()) return valid;
    guarantees = guarantees || !config.guarantees.empty();
    if (message.force) continue;
    if (absl::Status valid = check_limits(config); !valid.ok()) return valid;
  }
  if (message.force || !guarantees) return absl::OkStatus();
  return check_capacity(shard, message.configs);
}

void broadcast(Shard& shard, Outbox& outbox, const QuotaChanged& message) {
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) outbox.to_shard(i, message);
}

// Newest first would be kinder to frameworks that are about to answer; oldest first is what those
// who do not answer deserve.
void rescind_excess(Shard& shard, Outbox& outbox, const RoleRow& role) {
  OfferTable& table = shard.shared.offers;
  std::optional<OfferId> next = table.oldest(shard.config.index);
  while (next.has_value() && is_over(role)) {
    const OfferId id = *next;
    next = table.next_newer(id);
    const OfferPayload& offer = table.payload(id);
    if (!is_within(shard.shared.roles[offer.role].name, role.name)) continue;
    if (offer.resources.quantities().empty()) continue;  // reserved ones are not the excess
    rescind_offer(shard, outbox, id, RescindCause::kQuota);
  }
}

void store_role(Shard& shard, Outbox& outbox, const RoleRow& role) {
  note_role(shard, role);
  store(shard, outbox,
        RegisteredRole{.name = std::string(role.name),
                       .weight = role.weight.load(std::memory_order_relaxed),
                       .limits = role.limits.load(),
                       .guarantees = role.guarantees.load()});
}

void list_guaranteed(Shard& shard) {
  auto& guaranteed = shard.allocator.guaranteed;
  guaranteed.clear();
  shard.shared.roles.for_each([&guaranteed](RoleRow& role) {
    if (role.has_guarantee()) guaranteed.push_back(&role);
  });
}

}  // namespace

void on_update_quota(Shard& shard, Outbox& outbox, SessionId session, const UpdateQuota& message,
                     std::uint32_t correlation, TimePoint /*now*/) {
  OperatorQuota forward{
      .origin = {shard.config.index, session, correlation}, .configs = {}, .force = message.force};
  for (const QuotaConfig& config : message.configs) {
    const absl::StatusOr<RoleRow*> role = shard.shared.roles.intern(config.role);
    if (!role.ok()) return refuse(shard, outbox, session, role.status(), correlation);
    const bool repeated =
        std::any_of(forward.configs.begin(), forward.configs.end(),
                    [&role](const OwnedQuota& other) { return other.role == *role; });
    if (repeated) {
      return refuse(shard, outbox, session, invalid("role '{}' is named twice", config.role),
                    correlation);
    }
    forward.configs.push_back({*role, config.limits, config.guarantees});
  }
  outbox.to_shard(0, std::move(forward));
}

void on_update_weights(Shard& shard, Outbox& outbox, SessionId session,
                       const UpdateWeights& message, std::uint32_t correlation, TimePoint /*now*/) {
  OperatorWeights forward{.origin = {shard.config.index, session, correlation}, .weights = {}};
  for (const RoleWeight& weight : message.weights) {
    const absl::StatusOr<RoleRow*> role = shard.shared.roles.intern(weight.role);
    if (!role.ok()) return refuse(shard, outbox, session, role.status(), correlation);
    if (weight.weight < 1 || weight.weight > kMaxWeightMilli) {
      return refuse(shard, outbox, session,
                    invalid("the weight of role '{}' must be from 0.001 to {}", weight.role,
                            kMaxWeightMilli / 1000),
                    correlation);
    }
    forward.weights.emplace_back(*role, weight.weight);
  }
  outbox.to_shard(0, std::move(forward));
}

void on_operator_quota(Shard& shard, Outbox& outbox, const OperatorQuota& message, TimePoint now) {
  OperatorResult result;
  result.origin = message.origin;
  result.code = RefusalCode::kInvalid;
  const absl::Status valid = check_quota(shard, message);
  if (valid.ok()) {
    QuotaChanged changed{.roles = {}, .rescind = true};
    for (const OwnedQuota& config : message.configs) {
      config.role->limits.store(config.limits);
      config.role->guarantees.store(config.guarantees);
      changed.roles.push_back(config.role);
      store_role(shard, outbox, *config.role);
    }
    broadcast(shard, outbox, changed);
  }
  result.ok = valid.ok();
  result.message = message_of(valid);
  when_stored(shard, outbox, std::move(result), now);
}

void on_operator_weights(Shard& shard, Outbox& outbox, const OperatorWeights& message,
                         TimePoint now) {
  QuotaChanged changed{.roles = {}, .weights = true};
  for (const auto& [role, weight] : message.weights) {
    role->weight.store(weight, std::memory_order_relaxed);
    changed.roles.push_back(role);
    store_role(shard, outbox, *role);
  }
  broadcast(shard, outbox, changed);
  OperatorResult result;
  result.origin = message.origin;
  when_stored(shard, outbox, std::move(result), now);
}

void on_quota_changed(Shard& shard, Outbox& outbox, const QuotaChanged& message) {
  if (message.recovered) end_recovery_hold(shard);
  if (message.weights) shard.fair_share.refresh(/*weights_changed=*/true);
  if (message.rescind) {
    for (const RoleRow* role : message.roles) rescind_excess(shard, outbox, *role);
    list_guaranteed(shard);
  }
  for (RoleRow* role : message.roles) shard.allocator.freed_roles.push_back(role);
  shard.allocator.held_back = false;
  note_all_wanting(shard);
}

std::vector<RoleSummary> summarise_roles(const SharedTables& shared,
                                         const std::array<bool, kResourceKinds>& excluded,
                                         std::string_view only) {
  std::vector<RoleSummary> out;
  const Quantities total = shared.shares.total.load();
  shared.roles.for_each([&](const RoleRow& role) {
    if (role.parent == nullptr || (!only.empty() && role.name != only)) return;
    RoleSummary summary;
    summary.name = role.name;
    summary.weight = role.weight.load(std::memory_order_relaxed);
    summary.frameworks = role.frameworks.load(std::memory_order_relaxed);
    summary.allocated = role.allocated.load();
    summary.offered = role.offered.load();
    summary.reserved = role.reserved.load();
    summary.consumed = role.charged.load();
    summary.limits = role.limits.load();
    summary.guarantees = role.guarantees.load();
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      if (excluded[kind] || total[kind] <= 0) continue;
      const double part =
          static_cast<double>(summary.allocated[kind]) / static_cast<double>(total[kind]);
      const auto ppm = static_cast<std::uint32_t>(1e6 * part);
      if (ppm <= summary.dominant_share_ppm) continue;
      summary.dominant_share_ppm = ppm;
      summary.dominant = static_cast<ResourceKind>(kind);
    }
    const bool is_a_name_only = summary.weight == kDefaultWeight && summary.frameworks == 0 &&
                                summary.allocated.empty() && summary.reserved.empty() &&
                                summary.limits == kNoLimits && summary.guarantees.empty();
    if (!is_a_name_only) out.push_back(std::move(summary));
  });
  std::sort(out.begin(), out.end(),
            [](const RoleSummary& a, const RoleSummary& b) { return a.name < b.name; });
  return out;
}

}  // namespace shoal::core
