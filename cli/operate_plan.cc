#include "cli/operate_plan.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "cli/amounts.h"
#include "cli/suggest.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"
#include "sdk/operations.h"

namespace shoal::cli {
namespace {

using core::OperationKind;

std::string name_of(const core::AgentSummary& agent) { return core::printable(agent.hostname); }

core::Resources resources_of(const core::Lot& lot) {
  core::Resources out;
  out.lots.add(lot.tags, lot.amounts);
  return out;
}

core::Resources disk_under(const core::LotTags& tags, core::Milli disk) {
  core::Amounts amounts;
  amounts.disk = disk;
  core::Resources out;
  out.lots.add(std::make_shared<const core::LotTags>(tags), amounts);
  return out;
}

// The same but for who made the reservations, and their labels.
bool is_like(const core::LotTags& a, const core::LotTags& b) {
  const auto bare = [](core::LotTags tags) {
    for (core::Reservation& reservation : tags.reservations) {
      reservation.principal.clear();
      reservation.labels.clear();
    }
    return tags;
  };
  return bare(a) == bare(b);
}

// The one lot of `total` that `matches`. `what` names it in the errors.
template <typename Matches>
absl::StatusOr<core::Lot> only_lot(const core::AgentSummary& agent, const std::string& what,
                                   Matches matches) {
  std::vector<const core::Lot*> found;
  for (const core::Lot& lot : agent.total.lots) {
    if (matches(lot)) found.push_back(&lot);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    const core::Resources reserved = reserved_of(agent.total);
    return absl::NotFoundError(fmt::format("{} has no {}; {}", name_of(agent), what,
                                           reserved.empty()
                                               ? "nothing of it is reserved"
                                               : "reserved are " + core::to_string(reserved)));
  }
  std::string message =
      fmt::format("{} has {} times {}; say which:", name_of(agent), found.size(), what);
  for (const core::Lot* lot : found) message += "\n  " + core::to_string(resources_of(*lot));
  return absl::FailedPreconditionError(message);
}

core::OperationSpec spec_of(OperationKind kind, core::Resources resources) {
  core::OperationSpec spec;
  spec.kind = kind;
  spec.resources = std::move(resources);
  return spec;
}

core::OperationSpec plan_reserve(const OperateVerb& verb) {
  core::Reservation reservation;
  reservation.role = verb.role;
  reservation.principal = verb.principal;
  reservation.labels = verb.labels;
  return spec_of(OperationKind::kReserve, sdk::reserved(verb.resources, std::move(reservation)));
}

absl::StatusOr<core::OperationSpec> plan_unreserve(const OperateVerb& verb,
                                                   const core::AgentSummary& agent) {
  core::OperationSpec spec = spec_of(OperationKind::kUnreserve, {});
  const auto take = [&](const std::string& what, const core::Amounts& amounts,
                        auto matches) -> absl::Status {
    const auto lot = only_lot(agent, what, [&](const core::Lot& candidate) {
      return matches(*candidate.tags) && candidate.amounts.contains(amounts);
    });
    if (!lot.ok()) return lot.status();
    spec.resources.lots.add(lot->tags, amounts);
    return absl::OkStatus();
  };
  const core::Amounts& plain = verb.resources;
  if (!plain.empty()) {
    absl::Status status = take(
        fmt::format("dynamic reservation of {} for role '{}'", core::to_string(plain), verb.role),
        plain, [&](const core::LotTags& tags) {
          return tags.is_reserved() && tags.role() == verb.role &&
                 tags.reservations.back().dynamic && !tags.volume.has_value();
        });
    if (!status.ok()) return status;
  }
  for (const core::Lot& lot : verb.resources.lots) {
    const core::Amounts* exact = agent.total.lots.find(*lot.tags);
    if (exact != nullptr && exact->contains(lot.amounts)) {
      spec.resources.lots.add(lot.tags, lot.amounts);
      continue;
    }
    absl::Status status = take(core::to_string(resources_of(lot)), lot.amounts,
                               [&](const core::LotTags& tags) { return is_like(tags, *lot.tags); });
    if (!status.ok()) return status;
  }
  return spec;
}

// Disk that is reserved for the role and holds no volume; the root's first, and what is not in use.
absl::StatusOr<core::OperationSpec> plan_create(const OperateVerb& verb,
                                                const core::AgentSummary& agent) {
  const core::Lot* best = nullptr;
  bool best_is_free = false;
  for (const core::Lot& lot : agent.total.lots) {
    const core::LotTags& tags = *lot.tags;
    if (!tags.is_reserved() || tags.role() != verb.role || tags.volume.has_value()) continue;
    const bool fits = tags.disk_kind == core::DiskKind::kMount ? lot.amounts.disk == verb.size
                                                               : lot.amounts.disk >= verb.size;
    if (!fits) continue;
    const core::Amounts* used = agent.used.lots.find(tags);
    const bool is_free = used == nullptr || lot.amounts.disk - used->disk >= verb.size;
    if (best != nullptr && (best_is_free || !is_free)) continue;
    best = &lot;
    best_is_free = is_free;
  }
  if (best == nullptr) {
    return absl::NotFoundError(fmt::format(
        "{} has no {} MiB of disk reserved for role '{}'; first: shoal reserve {} --role {} "
        "'disk:{}'",
        name_of(agent), core::milli_to_string(verb.size), verb.role, core::printable(verb.agent),
        verb.role, core::milli_to_string(verb.size)));
  }
  core::LotTags tags = *best->tags;
  tags.volume = core::Volume{verb.volume, verb.path, verb.principal, verb.shared};
  return spec_of(OperationKind::kCreate, disk_under(tags, verb.size));
}

absl::StatusOr<core::Lot> find_volume(const OperateVerb& verb, const core::AgentSummary& agent) {
  std::vector<std::string> ids;
  std::vector<const core::Lot*> found;
  for (const core::Lot& lot : agent.total.lots) {
    if (!lot.tags->volume.has_value()) continue;
    ids.push_back(lot.tags->volume->id);
    const bool is_role = verb.role.empty() || lot.tags->role() == verb.role;
    if (is_role && lot.tags->volume->id == verb.volume) found.push_back(&lot);
  }
  if (found.size() == 1) return *found.front();
  if (found.size() > 1) {
    std::string message =
        fmt::format("{} has a volume '{}' of {} roles; say which with --role:", name_of(agent),
                    verb.volume, found.size());
    for (const core::Lot* lot : found) message += " " + lot->tags->role();
    return absl::FailedPreconditionError(message);
  }
  const std::string near = nearest(verb.volume, ids);
  return absl::NotFoundError(fmt::format(
      "{} has no volume '{}'{}{}", name_of(agent), verb.volume,
      verb.role.empty() ? "" : fmt::format(" of role '{}'", verb.role),
      near.empty() || near == verb.volume ? "" : fmt::format("; did you mean '{}'?", near)));
}

absl::StatusOr<core::OperationSpec> plan_volume(const OperateVerb& verb,
                                                const core::AgentSummary& agent) {
  const auto volume = find_volume(verb, agent);
  if (!volume.ok()) return volume.status();
  core::OperationSpec spec = spec_of(verb.kind, resources_of(*volume));
  if (verb.kind == OperationKind::kShrink) {
    if (verb.size >= volume->amounts.disk) {
      return core::invalid("--by: volume '{}' has {} MiB; something must be left of it",
                           verb.volume, core::milli_to_string(volume->amounts.disk));
    }
    spec.addition.disk = verb.size;
  }
  if (verb.kind != OperationKind::kGrow) return spec;
  core::LotTags tags = *volume->tags;
  tags.volume.reset();
  const core::Amounts* disk = agent.total.lots.find(tags);
  if (disk == nullptr || disk->disk < verb.size) {
    return absl::NotFoundError(
        fmt::format("{} has {} MiB of disk under the reservation of volume '{}', not {}; reserve "
                    "more first: shoal reserve {} --role {} 'disk:{}'",
                    name_of(agent), core::milli_to_string(disk == nullptr ? 0 : disk->disk),
                    verb.volume, core::milli_to_string(verb.size), core::printable(verb.agent),
                    tags.role(), core::milli_to_string(verb.size)));
  }
  spec.addition = disk_under(tags, verb.size);
  return spec;
}

absl::StatusOr<core::OperationSpec> plan(const OperateVerb& verb, const core::AgentSummary& agent) {
  switch (verb.kind) {
    case OperationKind::kReserve:
      return plan_reserve(verb);
    case OperationKind::kUnreserve:
      return plan_unreserve(verb, agent);
    case OperationKind::kCreate:
      return plan_create(verb, agent);
    case OperationKind::kDestroy:
    case OperationKind::kGrow:
    case OperationKind::kShrink:
      return plan_volume(verb, agent);
    case OperationKind::kLaunch:
      break;
  }
  return absl::InternalError("not an operation on an agent");
}

// Who made what is to be undone or changed; the master refuses everybody else.
std::string_view maker_of(OperationKind kind, const core::LotTags& tags) {
  if (kind != OperationKind::kUnreserve) return tags.volume->principal;
  return tags.is_reserved() ? std::string_view(tags.reservations.back().principal)
                            : std::string_view();
}

}  // namespace

absl::StatusOr<core::OperationSpec> plan_operation(const OperateVerb& verb,
                                                   const core::AgentSummary& agent) {
  auto spec = plan(verb, agent);
  const bool is_new = verb.kind == OperationKind::kReserve || verb.kind == OperationKind::kCreate;
  if (!spec.ok() || is_new) return spec;
  for (const core::Lot& lot : spec->resources.lots) {
    const std::string_view maker = maker_of(verb.kind, *lot.tags);
    if (maker.empty() || maker == verb.principal) continue;
    return absl::FailedPreconditionError(
        fmt::format("it was made in the name of '{}'; say --principal {}", core::printable(maker),
                    core::printable(maker)));
  }
  return spec;
}

std::string describe_done(const OperateVerb& verb, const core::OperationSpec& spec,
                          const core::AgentSummary& agent) {
  const std::string size = core::milli_to_string(verb.size);
  switch (verb.kind) {
    case OperationKind::kReserve:
      return fmt::format("{} of {} is reserved for role '{}'", core::to_string(verb.resources),
                         name_of(agent), verb.role);
    case OperationKind::kUnreserve:
      return fmt::format("{} of {} is not reserved any more", core::to_string(spec.resources),
                         name_of(agent));
    case OperationKind::kCreate:
      return fmt::format("volume '{}' is made on {}", verb.volume, name_of(agent));
    case OperationKind::kDestroy:
      return fmt::format("volume '{}' of {} is deleted; its disk is still reserved", verb.volume,
                         name_of(agent));
    case OperationKind::kGrow:
      return fmt::format("volume '{}' of {} has {} MiB more", verb.volume, name_of(agent), size);
    case OperationKind::kShrink:
      return fmt::format("volume '{}' of {} has {} MiB less", verb.volume, name_of(agent), size);
    case OperationKind::kLaunch:
      break;
  }
  return "done";
}

absl::StatusOr<core::AgentSummary> choose_agent(const std::vector<core::AgentSummary>& agents,
                                                const std::string& word) {
  std::vector<std::string> names;
  std::vector<const core::AgentSummary*> found;
  for (const core::AgentSummary& agent : agents) {
    if (agent.state == core::AgentState::kUnreachable) continue;
    names.push_back(agent.hostname);
    if (agent.hostname == word) found.push_back(&agent);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    const std::string near = nearest(word, names);
    return absl::NotFoundError(fmt::format(
        "no agent '{}'{}", core::printable(word),
        near.empty() ? "" : fmt::format("; did you mean '{}'?", core::printable(near))));
  }
  std::string message = fmt::format("{} agents are called '{}'; say which by its id:", found.size(),
                                    core::printable(word));
  for (const core::AgentSummary* agent : found) message += "\n  " + core::to_string(agent->id);
  return absl::FailedPreconditionError(message);
}

std::vector<VolumeRow> volumes_of(const std::vector<core::AgentSummary>& agents) {
  std::vector<VolumeRow> rows;
  for (const core::AgentSummary& agent : agents) {
    for (const core::Lot& lot : agent.total.lots) {
      if (!lot.tags->volume.has_value()) continue;
      rows.push_back({agent.id, agent.hostname, lot.tags->role(), *lot.tags->volume,
                      lot.amounts.disk, agent.used.lots.find(*lot.tags) != nullptr});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const VolumeRow& a, const VolumeRow& b) {
    return std::tie(a.hostname, a.agent, a.role, a.volume.id) <
           std::tie(b.hostname, b.agent, b.role, b.volume.id);
  });
  return rows;
}

}  // namespace shoal::cli
