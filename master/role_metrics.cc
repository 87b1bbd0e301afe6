#include "master/role_metrics.h"

#include <fmt/core.h>

#include <string_view>
#include <vector>

#include "core/quota_handlers.h"

namespace shoal::master {
namespace {

struct RoleMetric {
  std::string_view name;
  std::string_view help;
  core::Quantities core::RoleSummary::*amounts;
  bool is_limit = false;  // where there is none, there is no series
};

constexpr RoleMetric kMetrics[] = {
    {"shoal_role_allocated", "Offered to and used by the role and those below it.",
     &core::RoleSummary::allocated},
    {"shoal_role_offered", "The part of it that is offered and not reserved.",
     &core::RoleSummary::offered},
    {"shoal_role_reserved", "Reserved for the role and those below it, in use or not.",
     &core::RoleSummary::reserved},
    {"shoal_role_consumed", "What counts against the limits.", &core::RoleSummary::consumed},
    {"shoal_role_limit", "The most that may be consumed.", &core::RoleSummary::limits, true},
    {"shoal_role_guarantee", "What is kept free for the role.", &core::RoleSummary::guarantees},
};

// Memory and disk in bytes, everything else in units.
std::string amount_text(std::size_t kind, core::Milli amount) {
  const bool is_size = kind == static_cast<std::size_t>(core::ResourceKind::kMem) ||
                       kind == static_cast<std::size_t>(core::ResourceKind::kDisk);
  if (is_size) return fmt::format("{}", static_cast<double>(amount) / 1000 * 1024 * 1024);
  return core::milli_to_string(amount);
}

}  // namespace

void append_role_metrics(core::MetricsText& out, const core::SharedTables& tables) {
  std::vector<core::RoleSummary> roles = core::summarise_roles(tables, {}, "");
  if (roles.size() > kMaxRoleSeries) roles.resize(kMaxRoleSeries);
  std::vector<std::string> labels;
  labels.reserve(roles.size());
  for (const core::RoleSummary& role : roles) {
    labels.push_back(fmt::format("role=\"{}\"", core::escape_label(role.name)));
  }
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    out.head(name, "gauge", help);
    for (std::size_t i = 0; i < roles.size(); ++i) out.sample(name, labels[i], value(roles[i]));
  };
  each("shoal_role_dominant_share",
       "The largest part that the role holds of any kind of resource, from 0 to 1.",
       [](const core::RoleSummary& role) { return role.dominant_share_ppm / 1e6; });
  each("shoal_role_weight", "How many times the share of weight 1 it is due.",
       [](const core::RoleSummary& role) { return core::milli_to_string(role.weight); });
  each("shoal_role_frameworks", "Frameworks that subscribe to this very role.",
       [](const core::RoleSummary& role) { return role.frameworks; });
  for (const RoleMetric& metric : kMetrics) {
    out.head(metric.name, "gauge", fmt::format("{} mem and disk in bytes.", metric.help));
    for (std::size_t i = 0; i < roles.size(); ++i) {
      const core::Quantities& amounts = roles[i].*metric.amounts;
      for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
        if (metric.is_limit && amounts[kind] == core::kNoLimit) continue;
        out.sample(metric.name,
                   fmt::format("{},resource=\"{}\"", labels[i], core::kResourceNames[kind]),
                   amount_text(kind, amounts[kind]));
      }
    }
  }
}

}  // namespace shoal::master
