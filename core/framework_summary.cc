#include "core/framework_summary.h"

namespace shoal::core {

FrameworkSummary summarise(const Shard& shard, const FrameworkRecord& framework) {
  FrameworkSummary summary;
  summary.id = framework.id;
  summary.name = framework.name;
  summary.user = framework.user;
  Quantities held;
  for (const FrameworkRole& role : framework.roles) {
    held += shard.shared.shares.held(role.subscription).load();
    if (!role.subscribed) continue;
    summary.roles.push_back(role.role->name);
    if (role.suppressed) summary.suppressed_roles.push_back(role.role->name);
  }
  summary.state = framework.state;
  summary.suppressed = framework.suppressed();
  summary.capabilities = framework.capabilities.bits();
  for (const auto& [id, place] : framework.tasks) summary.tasks += place.ended ? 0 : 1;
  summary.offers = static_cast<std::uint32_t>(framework.offers.size());
  summary.allocated.cpus = held[ResourceKind::kCpus];
  summary.allocated.mem = held[ResourceKind::kMem];
  summary.allocated.disk = held[ResourceKind::kDisk];
  summary.allocated.gpus = held[ResourceKind::kGpus];
  summary.subscribed_ms = framework.subscribed_ms;
  return summary;
}

}  // namespace shoal::core
