#include "core/operation.h"

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

template <std::size_t N, typename Enum>
std::string_view pick(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view("unknown");
}

std::string text_of(const LotTags& tags) { return printable(to_string(tags)); }

void add(Resources* to, LotTags tags, const Amounts& amounts) {
  to->add(std::make_shared<const LotTags>(std::move(tags)), amounts);
}

LotTags without_volume(LotTags tags) {
  tags.volume.reset();
  return tags;
}

LotTags without_top(LotTags tags) {
  tags.reservations.pop_back();
  return tags;
}

absl::Status check_owner(std::string_view owner, std::string_view caller) {
  if (owner.empty() || owner == caller) return absl::OkStatus();
  return invalid("it belongs to principal '{}', and the caller is {}", printable(owner),
                 caller.empty() ? "nobody" : fmt::format("'{}'", printable(caller)));
}

// The top of the stack as something that can come and go.
absl::Status check_top(const Lot& lot, std::string_view principal) {
  if (!lot.tags->is_reserved()) return invalid("{} is not reserved", text_of(*lot.tags));
  const Reservation& top = lot.tags->reservations.back();
  if (!top.dynamic) {
    return invalid("the reservation for '{}' is static: it comes from the agent's flags",
                   printable(top.role));
  }
  if (lot.tags->volume) {
    return invalid("volume '{}' is on it; destroy that first", lot.tags->volume->id);
  }
  return check_owner(top.principal, principal);
}

absl::Status reserve(const Lot& lot, std::string_view principal, Conversion* out) {
  if (auto ok = check_top(lot, principal); !ok.ok()) return ok;
  LotTags reserved = *lot.tags;
  reserved.reservations.back().principal = std::string(principal);
  add(&out->consumed, without_top(*lot.tags), lot.amounts);
  add(&out->converted, std::move(reserved), lot.amounts);
  return absl::OkStatus();
}

absl::Status unreserve(const Lot& lot, std::string_view principal, Conversion* out) {
  if (auto ok = check_top(lot, principal); !ok.ok()) return ok;
  out->consumed.add(lot.tags, lot.amounts);
  add(&out->converted, without_top(*lot.tags), lot.amounts);
  return absl::OkStatus();
}

absl::Status check_is_volume(const Lot& lot, std::string_view principal) {
  if (!lot.tags->volume) return invalid("disk{} is not a volume", text_of(*lot.tags));
  return check_owner(lot.tags->volume->principal, principal);
}

absl::Status create(const Lot& lot, const Resources& total, std::string_view principal,
                    Conversion* out) {
  if (auto ok = check_is_volume(lot, principal); !ok.ok()) return ok;
  for (const Lot& other : total.lots) {
    if (other.tags->volume && other.tags->volume->id == lot.tags->volume->id &&
        other.tags->role() == lot.tags->role()) {
      return invalid("role '{}' has a volume '{}' on this agent; choose another id",
                     printable(lot.tags->role()), lot.tags->volume->id);
    }
  }
  LotTags created = *lot.tags;
  created.volume->principal = std::string(principal);
  add(&out->consumed, without_volume(*lot.tags), lot.amounts);
  add(&out->converted, std::move(created), lot.amounts);
  return absl::OkStatus();
}

absl::Status destroy(const Lot& lot, std::string_view principal, Conversion* out) {
  if (auto ok = check_is_volume(lot, principal); !ok.ok()) return ok;
  out->consumed.add(lot.tags, lot.amounts);
  add(&out->converted, without_volume(*lot.tags), lot.amounts);
  return absl::OkStatus();
}

// The one volume of a grow or shrink.
absl::Status check_resizable(const Resources& resources, std::string_view principal) {
  if (resources.lots.size() != 1)
    return invalid("names {} volumes, not one", resources.lots.size());
  const Lot& lot = *resources.lots.begin();
  if (auto ok = check_is_volume(lot, principal); !ok.ok()) return ok;
  if (lot.tags->disk_kind == DiskKind::kMount) {
    return invalid("volume '{}' is a whole mount, which has one size", lot.tags->volume->id);
  }
  if (lot.tags->is_shared()) {
    return invalid("volume '{}' is shared; shared volumes keep their size", lot.tags->volume->id);
  }
  return absl::OkStatus();
}

absl::Status grow(const OperationSpec& operation, std::string_view principal, Conversion* out) {
  if (auto ok = check_resizable(operation.resources, principal); !ok.ok()) return ok;
  const Lot& volume = *operation.resources.lots.begin();
  const LotTags disk = without_volume(*volume.tags);
  if (!operation.addition.Amounts::empty() || operation.addition.lots.size() != 1 ||
      !(*operation.addition.lots.begin()->tags == disk)) {
    return invalid("the addition must be disk{} and nothing else", text_of(disk));
  }
  const Amounts& addition = operation.addition.lots.begin()->amounts;
  Amounts rest = addition;
  rest.disk = 0;
  if (!rest.empty()) return invalid("the addition may only be disk");
  out->consumed = operation.resources + operation.addition;
  Amounts grown = volume.amounts;
  grown.disk += addition.disk;
  out->converted.add(volume.tags, grown);
  return absl::OkStatus();
}

absl::Status shrink(const OperationSpec& operation, std::string_view principal, Conversion* out) {
  if (auto ok = check_resizable(operation.resources, principal); !ok.ok()) return ok;
  const Lot& volume = *operation.resources.lots.begin();
  Amounts rest = operation.addition;
  rest.disk = 0;
  if (!rest.empty() || !operation.addition.lots.empty() || operation.addition.disk == 0) {
    return invalid("expected how much disk to take off, without tags, as in disk:10");
  }
  Amounts taken;
  taken.disk = operation.addition.disk;
  if (taken.disk >= volume.amounts.disk) {
    return invalid("volume '{}' has {}; taking off {} would leave nothing", volume.tags->volume->id,
                   milli_to_string(volume.amounts.disk), milli_to_string(taken.disk));
  }
  out->consumed = operation.resources;
  out->converted.add(volume.tags, volume.amounts);
  out->converted.lots.subtract(*volume.tags, taken);
  add(&out->converted, without_volume(*volume.tags), taken);
  return absl::OkStatus();
}

absl::Status check_spec(const OperationSpec& operation) {
  if (auto ok = check_resources(operation.resources); !ok.ok()) return ok;
  if (auto ok = check_resources(operation.addition); !ok.ok()) return ok;
  if (operation.resources.empty()) return invalid("it names no resources");
  if (!operation.resources.Amounts::empty()) {
    return invalid("'{}' is neither reserved nor a volume",
                   printable(to_string(static_cast<const Amounts&>(operation.resources))));
  }
  const bool resizes =
      operation.kind == OperationKind::kGrow || operation.kind == OperationKind::kShrink;
  if (!resizes && !operation.addition.empty()) return invalid("it takes no addition");
  return absl::OkStatus();
}

absl::Status build(const OperationSpec& operation, const Resources& total,
                   std::string_view principal, Conversion* out) {
  if (operation.kind == OperationKind::kGrow) return grow(operation, principal, out);
  if (operation.kind == OperationKind::kShrink) return shrink(operation, principal, out);
  for (const Lot& lot : operation.resources.lots) {
    absl::Status done;
    switch (operation.kind) {
      case OperationKind::kReserve:
        done = reserve(lot, principal, out);
        break;
      case OperationKind::kUnreserve:
        done = unreserve(lot, principal, out);
        break;
      case OperationKind::kCreate:
        done = create(lot, total, principal, out);
        break;
      case OperationKind::kDestroy:
        done = destroy(lot, principal, out);
        break;
      default:
        done = invalid("it does not change resources");
    }
    if (!done.ok()) return done;
  }
  return absl::OkStatus();
}

absl::Status check_and_build(const OperationSpec& operation, const Resources& free,
                             const Resources& total, std::string_view principal, Conversion* out) {
  if (operation.kind == OperationKind::kLaunch ||
      static_cast<std::uint8_t>(operation.kind) >= kOperationKinds) {
    return invalid("it does not change resources");
  }
  if (auto ok = check_spec(operation); !ok.ok()) return ok;
  if (auto ok = build(operation, total, principal, out); !ok.ok()) return ok;
  if (!free.contains(out->consumed)) {
    return invalid("that is not free: {}", shortfall(out->consumed, free));
  }
  if (!total.contains(out->consumed)) return invalid("the agent does not have that");
  // Principals, sums and the number of lots: what the agent has afterwards must be sound too.
  Resources after = total;
  after -= out->consumed;
  after += out->converted;
  return check_resources(after);
}

}  // namespace

std::string_view name_of(OperationKind kind) {
  static constexpr std::array<std::string_view, kOperationKinds> kNames = {
      "LAUNCH", "RESERVE", "UNRESERVE", "CREATE", "DESTROY", "GROW_VOLUME", "SHRINK_VOLUME"};
  return pick(kNames, kind);
}

std::string_view name_of(OperationState state) {
  static constexpr std::array<std::string_view, kOperationStates> kNames = {
      "PENDING",     "FINISHED",         "FAILED",  "ERROR",      "DROPPED",
      "UNREACHABLE", "GONE_BY_OPERATOR", "UNKNOWN", "UNSUPPORTED"};
  return pick(kNames, state);
}

absl::StatusOr<Conversion> convert(const OperationSpec& operation, const Resources& free,
                                   const Resources& total, std::string_view principal) {
  Conversion out;
  const absl::Status ok = check_and_build(operation, free, total, principal, &out);
  if (!ok.ok()) return invalid("{}: {}", name_of(operation.kind), message_of(ok));
  return out;
}

}  // namespace shoal::core
