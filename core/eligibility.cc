#include "core/eligibility.h"

#include <algorithm>

#include "core/role.h"

namespace shoal::core {

bool is_kept_for_gpus(const ShardConfig& config, Capabilities capabilities,
                      const AgentRecord& agent) {
  return config.filter_gpus && !capabilities.has(Capability::kGpu) &&
         agent.total.all_quantities()[ResourceKind::kGpus] > 0;
}

bool is_too_remote(const ShardConfig& config, Capabilities capabilities, const AgentRecord& agent) {
  const std::string& region = agent.description->region;
  return !config.region.empty() && !region.empty() && region != config.region &&
         !capabilities.has(Capability::kRegionAware);
}

bool is_excluded(const Subscription& subscription, const AgentRecord& agent) {
  if (subscription.constraints == nullptr) return false;
  const AgentDescription& description = *agent.description;
  return !subscription.constraints->admits({.hostname = description.hostname,
                                            .region = description.region,
                                            .zone = description.zone,
                                            .attributes = description.attributes});
}

bool may_see(const ShardConfig& config, const Subscription& subscription,
             const AgentRecord& agent) {
  return !is_kept_for_gpus(config, subscription.capabilities, agent) &&
         !is_too_remote(config, subscription.capabilities, agent) &&
         !is_excluded(subscription, agent);
}

bool is_crumb(const ShardConfig& config, const Quantities& quantities) {
  return std::none_of(
      config.minimums.begin(), config.minimums.end(),
      [&quantities](const Quantities& minimum) { return quantities.contains(minimum); });
}

bool is_crumb(const ShardConfig& config, const Subscription& subscription,
              const Quantities& quantities) {
  if (subscription.minimum.empty()) return is_crumb(config, quantities);
  return !quantities.contains(subscription.minimum);
}

bool may_hold(const LotTags& tags, const RoleRow& role, Capabilities capabilities) {
  if (tags.is_reserved() && !is_within(role.name, tags.role())) return false;
  if (tags.revocable && !capabilities.has(Capability::kRevocable)) return false;
  return !tags.is_shared() || capabilities.has(Capability::kSharedResources);
}

Resources offerable(const Resources& from, const Subscription& subscription) {
  return select(from, true, [&subscription](const LotTags& tags) {
    return may_hold(tags, *subscription.role, subscription.capabilities);
  });
}

bool is_exhausted(const RoleRow& row) {
  const auto lacks = [&row](ResourceKind kind, Milli least) {
    const auto i = static_cast<std::size_t>(kind);
    const Milli limit = row.limits[i].load(std::memory_order_relaxed);
    return limit != kNoLimit && limit - row.charged[i].load(std::memory_order_relaxed) < least;
  };
  return lacks(ResourceKind::kCpus, kMinOfferCpusMilli) ||
         lacks(ResourceKind::kMem, kMinOfferMemMilli);
}

RoleRow* exhausted_row(RoleRow& role) {
  for (RoleRow* row = &role; row != nullptr; row = row->parent) {
    if (is_exhausted(*row)) return row;
  }
  return nullptr;
}

}  // namespace shoal::core
