#include "agent/agent_options.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>

#include "agent/resource_probe.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/lot.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

absl::StatusOr<core::Resources> merge_resources(std::string_view text,
                                                const core::Resources& probed) {
  if (core::strip(text).empty()) return probed;
  const auto given = core::parse_resources(text);
  if (!given.ok()) return given.status();
  core::Resources merged = probed;
  for (const std::string_view part : core::split(text, ';')) {
    // Without what follows a kind's name: a role, a disk, an amount.
    const std::string_view kind = core::strip(part.substr(0, part.find_first_of(":([{<")));
    if (kind == "cpus") merged.cpus = given->cpus;
    if (kind == "mem") merged.mem = given->mem;
    if (kind == "disk") merged.disk = given->disk;
    if (kind == "gpus") merged.gpus = given->gpus;
    if (kind == "ports") merged.ports = given->ports;
  }
  merged.custom = given->custom;
  merged.lots = given->lots;
  if (absl::Status sound = core::check_resources(merged); !sound.ok()) return sound;
  return merged;
}

absl::StatusOr<core::Resources> configured_resources(const AgentOptions& options,
                                                     const core::Resources& probed) {
  auto merged = merge_resources(options.resources, probed);
  if (!merged.ok()) return merged.status();
  for (const core::Lot& lot : merged->lots) {
    const core::LotTags& tags = *lot.tags;
    if (tags.revocable) {
      return core::invalid("resources: '{}': what may be taken back is said with --oversubscribe",
                           core::to_string(tags));
    }
    const bool is_dynamic =
        std::any_of(tags.reservations.begin(), tags.reservations.end(),
                    [](const core::Reservation& reservation) { return reservation.dynamic; });
    if (is_dynamic || tags.volume.has_value()) {
      return core::invalid(
          "resources: '{}': dynamic reservations and volumes are made by operations (RESERVE, "
          "CREATE); name a role alone, as in cpus(ads):8",
          core::to_string(tags));
    }
  }
  if (options.default_role == core::kDefaultRole) return merged;
  if (absl::Status role = core::check_role(options.default_role); !role.ok()) return role;
  auto tags = std::make_shared<core::LotTags>();
  tags->reservations.emplace_back().role = options.default_role;
  const core::Amounts plain = std::exchange(static_cast<core::Amounts&>(*merged), {});
  if (!plain.empty()) merged->lots.add(std::move(tags), plain);
  return merged;
}

absl::StatusOr<core::Resources> parse_oversubscription(std::string_view text) {
  core::Resources lent;
  if (core::strip(text).empty()) return lent;
  const auto given = core::parse_resources(text);
  if (!given.ok()) return given.status();
  core::Amounts scalars;
  scalars.cpus = given->cpus;
  scalars.mem = given->mem;
  scalars.gpus = given->gpus;
  if (!given->lots.empty() || !(static_cast<const core::Amounts&>(*given) == scalars)) {
    return core::invalid(
        "oversubscription: '{}': only cpus, mem and gpus can be lent, and without roles, as in "
        "cpus:2;mem:512",
        core::printable(text));
  }
  auto tags = std::make_shared<core::LotTags>();
  tags->revocable = true;
  if (!scalars.empty()) lent.lots.add(std::move(tags), scalars);
  return lent;
}

absl::Status check_domain(std::string_view region, std::string_view zone) {
  if (region.empty() && zone.empty()) return absl::OkStatus();
  if (absl::Status named = core::check_name(region, "region"); !named.ok()) return named;
  return core::check_name(zone, "zone");
}

absl::StatusOr<Attributes> parse_attributes(std::string_view text) {
  Attributes attributes;
  std::size_t bytes = 0;
  for (const std::string_view part : core::split(text, ';')) {
    if (part.empty()) continue;  // also what follows a last ';'
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) {
      return core::invalid("attribute '{}': expected NAME:VALUE", core::printable(part));
    }
    const std::string_view name = core::strip(part.substr(0, colon));
    const std::string_view value = core::strip(part.substr(colon + 1));
    if (absl::Status named = core::check_name(name, "attribute name"); !named.ok()) return named;
    if (!core::is_clean_text(value) || value.size() > core::kMaxTextBytes) {
      return core::invalid("attribute '{}': its value is no clean text of at most {} bytes", name,
                           core::kMaxTextBytes);
    }
    const bool is_twice = std::any_of(attributes.begin(), attributes.end(),
                                      [&](const auto& known) { return known.first == name; });
    if (is_twice) return core::invalid("attribute '{}' is given twice", name);
    attributes.emplace_back(name, value);
    bytes += name.size() + value.size();
  }
  if (attributes.size() > core::kMaxAttributes || bytes > core::kMaxAttributesBytes) {
    return core::invalid("{} attributes of {} bytes: at most {} of {} bytes are allowed",
                         attributes.size(), bytes, core::kMaxAttributes, core::kMaxAttributesBytes);
  }
  return attributes;
}

absl::StatusOr<net::MasterList> parse_masters(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) {
    if (!joined.empty()) joined += ',';
    joined += text;
  }
  return net::parse_master_list(joined, true);
}

absl::Status check_listen(std::string_view listen, bool insecure) {
  const auto host_port = net::parse_host_port(listen);
  if (!host_port.ok()) return host_port.status();
  if (insecure) return absl::OkStatus();
  const auto addresses = net::resolve_blocking(*host_port);
  if (!addresses.ok()) return addresses.status();
  for (const net::SocketAddress& address : *addresses) {
    if (address.is_loopback()) continue;
    return absl::FailedPreconditionError(
        fmt::format("listening on {} would let anybody on the network read the logs of tasks: "
                    "listen on 127.0.0.1, or use --insecure",
                    listen));
  }
  return absl::OkStatus();
}

core::Resources probed_resources(const std::string& data_dir) {
  const ProbedResources probed = probe_resources(data_dir);
  const auto milli = [](std::int64_t mib) {
    return std::clamp<std::int64_t>(mib, 0, core::kMaxScalarMilli / 1000) * 1000;
  };
  core::Resources resources;
  resources.cpus = std::llround(std::clamp(probed.cpus, 0.0, 1e9) * 1000);
  resources.mem = milli(probed.mem_mib);
  resources.disk = milli(probed.disk_mib);
  core::PortSet::Ranges ranges;
  for (const auto& [begin, end] : probed.ports) ranges.push_back({begin, end});
  if (auto ports = core::PortSet::from_ranges(ranges); ports.ok()) {
    resources.ports = *std::move(ports);
  }
  return resources;
}

}  // namespace shoal::agent
