// Rows of every kind, for tests of what keeps them.
#pragma once

#include <string>
#include <vector>

#include "core/registry.h"
#include "master/registry_text.h"

namespace shoal::master {

inline core::RegisteredAgent an_agent(std::uint64_t id) {
  return {.id = core::AgentId{id},
          .standing = core::AgentStanding::kAdmitted,
          .mode = core::AgentMode::kDraining,
          .drain = {.max_grace_ms = 5000, .mark_gone = true, .started_ms = 1700000000123},
          .hostname = "node-7",
          .address = "10.0.0.7:7071",
          .since_ms = 1700000000000};
}
inline core::RegisteredFramework a_framework(std::uint64_t id) {
  return {.id = core::FrameworkId{id},
          .standing = core::FrameworkStanding::kDisconnected,
          .name = "spark, the 'big' one",
          .user = "ann",
          .capabilities = ~std::uint64_t{0},
          .failover_timeout_ms = 3'600'000,
          .since_ms = 1700000000001};
}
inline core::RegisteredRole a_role(const std::string& name) {
  return {.name = name,
          .weight = 2500,
          .limits = core::parse_quantities("cpus:8;gpus:0", core::kNoLimit).value(),
          .guarantees = core::parse_quantities("mem:64").value()};
}

// One row a line, in the order of their keys.
inline std::string lines_of(const core::RegistryContents& contents) {
  std::string out;
  const auto add = [&out](const core::RegistryRow& row) {
    const RegistryText text = to_text(row);
    out += registry_tables()[text.table].name;
    for (const std::string& value : text.values) out += "|" + value;
    out += "\n";
  };
  for (const auto& row : contents.agents) add(row);
  for (const auto& row : contents.frameworks) add(row);
  for (const auto& row : contents.roles) add(row);
  return out;
}

}  // namespace shoal::master
