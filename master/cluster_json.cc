#include "master/cluster_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace shoal::master {
namespace {

void put_names(Writer& writer, std::string_view key, const std::vector<std::string>& names) {
  put_key(writer, key);
  writer.StartArray();
  for (const std::string& name : names) put_text(writer, name);
  writer.EndArray();
}

template <typename Pairs>
void put_pairs(Writer& writer, std::string_view key, const Pairs& pairs) {
  put_key(writer, key);
  writer.StartObject();
  for (const auto& [name, value] : pairs) put(writer, name, std::string_view(value));
  writer.EndObject();
}

template <typename Ranges>
void put_ranges(Writer& writer, std::string_view key, const Ranges& ranges) {
  put_key(writer, key);
  writer.StartArray();
  for (const auto& range : ranges) put_text(writer, fmt::format("{}-{}", range.begin, range.end));
  writer.EndArray();
}

void put_custom(Writer& writer, const core::CustomResources& custom) {
  put_key(writer, "custom");
  writer.StartObject();
  for (const core::CustomResource& resource : custom.items()) {
    if (const auto* scalar = std::get_if<core::Milli>(&resource.value)) {
      put_milli(writer, resource.name, *scalar);
    } else if (const auto* ranges = std::get_if<std::vector<core::CustomRange>>(&resource.value)) {
      put_ranges(writer, resource.name, *ranges);
    } else {
      put_names(writer, resource.name, std::get<std::vector<std::string>>(resource.value));
    }
  }
  writer.EndObject();
}

// The fields of an open object.
void put_amounts(Writer& writer, const core::Amounts& amounts) {
  put_milli(writer, "cpus", amounts.cpus);
  put_milli(writer, "mem_mib", amounts.mem);
  put_milli(writer, "disk_mib", amounts.disk);
  put_milli(writer, "gpus", amounts.gpus);
  put_ranges(writer, "ports", amounts.ports.ranges());
  put_custom(writer, amounts.custom);
}

std::string_view name_of(core::DiskKind kind) {
  switch (kind) {
    case core::DiskKind::kRoot:
      return "root";
    case core::DiskKind::kPath:
      return "path";
    case core::DiskKind::kMount:
      return "mount";
  }
  return "";
}

void put_lot(Writer& writer, const core::Lot& lot) {
  const core::LotTags& tags = *lot.tags;
  writer.StartObject();
  put_key(writer, "reservations");
  writer.StartArray();
  for (const core::Reservation& reservation : tags.reservations) {
    writer.StartObject();
    put(writer, "role", reservation.role);
    put_bool(writer, "dynamic", reservation.dynamic);
    put(writer, "principal", reservation.principal);
    put_pairs(writer, "labels", reservation.labels);
    writer.EndObject();
  }
  writer.EndArray();
  if (tags.volume.has_value()) {
    put_key(writer, "volume");
    writer.StartObject();
    put(writer, "id", tags.volume->id);
    put(writer, "path", tags.volume->container_path);
    put(writer, "principal", tags.volume->principal);
    put_bool(writer, "shared", tags.volume->shared);
    writer.EndObject();
  } else {
    put_null(writer, "volume");
  }
  put(writer, "disk", name_of(tags.disk_kind));
  put(writer, "disk_root", tags.disk_root);
  put_bool(writer, "revocable", tags.revocable);
  put_amounts(writer, lot.amounts);
  writer.EndObject();
}

// The sums over what is reserved and what is not; then each lot by itself.
void put_resources(Writer& writer, std::string_view key, const core::Resources& resources) {
  put_key(writer, key);
  writer.StartObject();
  put_amounts(writer, core::whole(resources));
  put_key(writer, "lots");
  writer.StartArray();
  for (const core::Lot& lot : resources.lots) put_lot(writer, lot);
  writer.EndArray();
  writer.EndObject();
}

// Millionths as a number: 0.25.
void put_share(Writer& writer, std::string_view key, std::uint32_t ppm) {
  put_key(writer, key);
  std::string text = fmt::format("{}.{:06}", ppm / 1'000'000, ppm % 1'000'000);
  text.erase(std::max(text.find_last_not_of('0') + 1, text.find('.') + 2));
  writer.number(text);
}

// What each role has of the agent, in use or not.
void put_reserved(Writer& writer, const core::Resources& total) {
  std::map<std::string, core::Quantities> by_role;
  for (const core::Lot& lot : total.lots) {
    if (lot.tags->is_reserved()) by_role[lot.tags->role()] += lot.amounts.quantities();
  }
  put_key(writer, "reserved");
  writer.StartObject();
  for (const auto& [role, quantities] : by_role) put_quantities(writer, role, quantities);
  writer.EndObject();
}

constexpr std::array<std::pair<core::Capability, std::string_view>, 6> kCapabilityNames = {
    {{core::Capability::kRevocable, "revocable"},
     {core::Capability::kGpu, "gpu"},
     {core::Capability::kPartitionAware, "partition_aware"},
     {core::Capability::kRegionAware, "region_aware"},
     {core::Capability::kSharedResources, "shared_resources"},
     {core::Capability::kNotices, "notices"}}};

void put_capabilities(Writer& writer, std::uint64_t bits) {
  std::vector<std::string> names;
  for (const auto& [capability, name] : kCapabilityNames) {
    if (core::Capabilities(bits).has(capability)) names.emplace_back(name);
  }
  put_names(writer, "capabilities", names);
}

void put_exit(Writer& writer, const core::TaskSummary& task) {
  if (task.has_exit && task.exit_signal == 0) {
    put(writer, "exit_code", std::int64_t{task.exit_code});
  } else {
    put_null(writer, "exit_code");
  }
  if (task.has_exit && task.exit_signal > 0) {
    put(writer, "exit_signal", std::int64_t{task.exit_signal});
  } else {
    put_null(writer, "exit_signal");
  }
}

}  // namespace

// Hundredths of a percent as percent: 12.34.
void put_pressure(Writer& writer, std::string_view key, std::int32_t hundredths) {
  if (hundredths == core::kNoPressure) return put_null(writer, key);
  put_key(writer, key);
  writer.number(fmt::format("{}.{:02}", hundredths / 100, hundredths % 100));
}

// What the machine uses, as its agent last reported.
void put_machine(Writer& writer, const core::MachineUse& machine) {
  if (!machine.is_known()) return put_null(writer, "machine");
  put_key(writer, "machine");
  writer.StartObject();
  put_time(writer, "reported", machine.reported_ms);
  put_milli(writer, "cpus_used", std::int64_t{machine.cpus_milli});
  put_milli(writer, "load1", std::int64_t{machine.load1_milli});
  put(writer, "memory_bytes", static_cast<std::int64_t>(machine.memory_bytes));
  put(writer, "memory_used_bytes", static_cast<std::int64_t>(machine.memory_used_bytes));
  put(writer, "disk_bytes", static_cast<std::int64_t>(machine.disk_bytes));
  put(writer, "disk_used_bytes", static_cast<std::int64_t>(machine.disk_used_bytes));
  put_pressure(writer, "cpu_pressure", machine.cpu_pressure);
  put_pressure(writer, "memory_pressure", machine.memory_pressure);
  put_pressure(writer, "io_pressure", machine.io_pressure);
  writer.EndObject();
}

void put_use(Writer& writer, const core::TaskUse& use) {
  if (!use.is_known()) {
    put_null(writer, "cpus_used");
    return put_null(writer, "memory_used_bytes");
  }
  put_milli(writer, "cpus_used", std::int64_t{use.cpus_milli});
  put(writer, "memory_used_bytes", std::int64_t{use.memory_kib} * 1024);
}

void put_object(Writer& writer, const core::AgentSummary& agent) {
  writer.StartObject();
  put(writer, "id", core::to_string(agent.id));
  put(writer, "hostname", agent.hostname);
  put(writer, "address", agent.address);
  put(writer, "state", core::name_of(agent.state));
  put_resources(writer, "total", agent.total);
  put_resources(writer, "used", agent.used);
  put_resources(writer, "offered", agent.offered);
  put_pairs(writer, "attributes", agent.attributes);
  put(writer, "tasks", std::int64_t{agent.tasks});
  put_time(writer, "registered", agent.registered_ms);
  put_reserved(writer, agent.total);
  put(writer, "region", agent.region);
  put(writer, "zone", agent.zone);
  put(writer, "mode", core::name_of(agent.mode));
  put_drain(writer, agent.mode, agent.drain);
  put_machine(writer, agent.machine);
  writer.EndObject();
}

void put_object(Writer& writer, const core::FrameworkSummary& framework) {
  writer.StartObject();
  put(writer, "id", core::to_string(framework.id));
  put(writer, "name", framework.name);
  put(writer, "user", framework.user);
  // The first; "roles" has all.
  put(writer, "role", framework.roles.empty() ? std::string_view() : framework.roles.front());
  put(writer, "state", core::name_of(framework.state));
  put_bool(writer, "suppressed", framework.suppressed);
  put(writer, "tasks", std::int64_t{framework.tasks});
  put(writer, "offers", std::int64_t{framework.offers});
  put_resources(writer, "allocated", framework.allocated);
  put_time(writer, "subscribed", framework.subscribed_ms);
  put_names(writer, "roles", framework.roles);
  put_names(writer, "suppressed_roles", framework.suppressed_roles);
  put_capabilities(writer, framework.capabilities);
  writer.EndObject();
}

void put_object(Writer& writer, const core::TaskSummary& task) {
  writer.StartObject();
  put(writer, "id", task.id);
  put(writer, "name", task.name);
  put(writer, "framework", core::to_string(task.framework));
  if (task.agent.valid()) {
    put(writer, "agent", core::to_string(task.agent));
  } else {
    put_null(writer, "agent");
  }
  put(writer, "agent_address", task.agent_address);
  put(writer, "hostname", task.hostname);
  put(writer, "state", core::name_of(task.state));
  put(writer, "reason", core::name_of(task.reason));
  put(writer, "message", task.message);
  put_exit(writer, task);
  put_resources(writer, "resources", task.resources);
  put_time(writer, "started", task.started_ms);
  put_time(writer, "ended", task.ended_ms);
  put(writer, "role", task.role);
  put_use(writer, task.use);
  writer.EndObject();
}

void put_object(Writer& writer, const core::OfferSummary& offer) {
  writer.StartObject();
  put(writer, "id", core::to_string(offer.id));
  put(writer, "agent", core::to_string(offer.agent));
  put(writer, "framework", core::to_string(offer.framework));
  put(writer, "hostname", offer.hostname);
  put_resources(writer, "resources", offer.resources);
  put(writer, "age_ms", offer.age_ms);
  put(writer, "role", offer.role);
  writer.EndObject();
}

void put_object(Writer& writer, const core::RoleSummary& role) {
  writer.StartObject();
  put(writer, "role", role.name);
  put_milli(writer, "weight", role.weight);
  put(writer, "frameworks", std::int64_t{role.frameworks});
  put_quantities(writer, "allocated", role.allocated);
  put_quantities(writer, "offered", role.offered);
  put_quantities(writer, "reserved", role.reserved);
  put_quantities(writer, "consumed", role.consumed);
  put_quantities(writer, "limits", role.limits);
  put_quantities(writer, "guarantees", role.guarantees);
  put_share(writer, "dominant_share", role.dominant_share_ppm);
  put(writer, "dominant", core::kResourceNames[static_cast<std::size_t>(role.dominant)]);
  writer.EndObject();
}

void put_object(Writer& writer, const QuotaOf& quota) {
  writer.StartObject();
  put(writer, "role", quota.role.name);
  put_quantities(writer, "limits", quota.role.limits);
  put_quantities(writer, "guarantees", quota.role.guarantees);
  put_quantities(writer, "consumed", quota.role.consumed);
  writer.EndObject();
}

void put_object(Writer& writer, const WeightOf& weight) {
  writer.StartObject();
  put(writer, "role", weight.role.name);
  put_milli(writer, "weight", weight.role.weight);
  writer.EndObject();
}

void put_object(Writer& writer, const core::Explanation& explanation) {
  writer.StartObject();
  put(writer, "framework", core::to_string(explanation.framework));
  put(writer, "name", explanation.name);
  put(writer, "role", explanation.role);
  put_resources(writer, "wanted", explanation.wanted);
  put_bool(writer, "connected", explanation.connected);
  put_bool(writer, "suppressed", explanation.suppressed);
  put(writer, "agents", std::int64_t{explanation.agents});
  put_key(writer, "counts");
  writer.StartObject();
  for (std::size_t i = 0; i < explanation.counts.size(); ++i) {
    put(writer, core::name_of(static_cast<core::ExplainCause>(i)),
        std::int64_t{explanation.counts[i]});
  }
  writer.EndObject();
  put_quantities(writer, "largest_total", explanation.largest_total);
  put_quantities(writer, "largest_free", explanation.largest_free);
  put(writer, "verdict", explanation.verdict);
  writer.EndObject();
}

void put_object(Writer& writer, const core::ClusterSummary& cluster) {
  writer.StartObject();
  put(writer, "id", fmt::format("{:016x}", cluster.cluster_id));
  put(writer, "version", cluster.version);
  put(writer, "reactors", std::int64_t{cluster.reactors});
  put(writer, "agents_active", std::int64_t{cluster.agents_active});
  put(writer, "agents_disconnected", std::int64_t{cluster.agents_disconnected});
  put(writer, "agents_unreachable", std::int64_t{cluster.agents_unreachable});
  put(writer, "frameworks_active", std::int64_t{cluster.frameworks_active});
  put(writer, "frameworks_disconnected", std::int64_t{cluster.frameworks_disconnected});
  put(writer, "tasks_active", std::int64_t{cluster.tasks_active});
  put(writer, "tasks_completed", std::int64_t{cluster.tasks_completed});
  put(writer, "offers", std::int64_t{cluster.offers});
  put_resources(writer, "total", cluster.total);
  put_resources(writer, "used", cluster.used);
  put_resources(writer, "offered", cluster.offered);
  writer.EndObject();
}

}  // namespace shoal::master
