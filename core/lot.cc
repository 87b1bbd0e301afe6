#include "core/lot.h"

#include <algorithm>
#include <tuple>

#include "core/ids.h"
#include "core/limits.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

auto all_of_it(const LotTags& tags) {
  return std::tie(tags.reservations, tags.volume, tags.disk_kind, tags.disk_root, tags.revocable);
}

absl::Status check_text(std::string_view text, std::size_t limit, std::string_view what) {
  if (text.size() > limit) {
    return invalid("{} '{}' has {} bytes; the limit is {}", what, printable(text), text.size(),
                   limit);
  }
  if (!is_clean_text(text)) return invalid("{} '{}' is not clean text", what, printable(text));
  return absl::OkStatus();
}

// One spelling for one place: nothing between two slashes, no "." and no "..".
absl::Status check_path(std::string_view path, bool absolute, std::string_view what) {
  if (auto ok = check_text(path, kMaxDiskPathBytes, what); !ok.ok()) return ok;
  const auto refuse = [&](std::string_view why) {
    return invalid("{} '{}' {}", what, printable(path), why);
  };
  if (path.empty()) return refuse("is empty");
  if (path.find_first_of("\t\n") != std::string_view::npos)
    return refuse("has a line break or tab");
  const bool is_absolute = path.front() == '/';
  if (is_absolute != absolute) {
    return refuse(absolute ? "must start with a slash" : "must not start with a slash");
  }
  for (std::size_t begin = absolute ? 1 : 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty()) return refuse("has an empty part");
    if (part == "." || part == "..") return refuse("has a part '.' or '..'");
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::Status check_reservation(const Reservation& reservation) {
  if (auto ok = check_role(reservation.role); !ok.ok()) return ok;
  if (reservation.role == kDefaultRole) return invalid("a reservation needs a role other than '*'");
  if (!reservation.dynamic && !(reservation.principal.empty() && reservation.labels.empty())) {
    return invalid("a static reservation has no principal and no labels");
  }
  if (auto ok = check_text(reservation.principal, kMaxPrincipalBytes, "principal"); !ok.ok()) {
    return ok;
  }
  if (reservation.labels.size() > kMaxReservationLabels) {
    return invalid("a reservation with {} labels; the limit is {}", reservation.labels.size(),
                   kMaxReservationLabels);
  }
  for (const auto& [key, value] : reservation.labels) {
    if (key.empty()) return invalid("a label without a name");
    if (auto ok = check_text(key, kMaxLabelBytes, "label"); !ok.ok()) return ok;
    if (auto ok = check_text(value, kMaxLabelBytes, "label value"); !ok.ok()) return ok;
  }
  return absl::OkStatus();
}

absl::Status check_stack(const LotTags& tags) {
  if (tags.reservations.size() > kMaxReservationDepth) {
    return invalid("{} reservations on each other; the limit is {}", tags.reservations.size(),
                   kMaxReservationDepth);
  }
  const Reservation* below = nullptr;
  for (const Reservation& reservation : tags.reservations) {
    if (auto ok = check_reservation(reservation); !ok.ok()) return ok;
    if (below && !is_within(reservation.role, below->role)) {
      return invalid(
          "a reservation for '{}' cannot stand on one for '{}': it must be the same role "
          "or one below it",
          printable(reservation.role), printable(below->role));
    }
    if (below && below->dynamic && !reservation.dynamic) {
      return invalid("a static reservation cannot stand on a dynamic one");
    }
    below = &reservation;
  }
  return absl::OkStatus();
}

std::string to_string(const Reservation& reservation) {
  std::string out = "(" + percent_escape(reservation.role);
  if (reservation.dynamic) out += ",dynamic";
  if (!reservation.principal.empty()) out += ",by=" + percent_escape(reservation.principal);
  for (const auto& [key, value] : reservation.labels) {
    // A label that is called "by" is not the principal.
    out += "," + (key == "by" ? std::string("%62y") : percent_escape(key)) + "=" +
           percent_escape(value);
  }
  return out + ")";
}

}  // namespace

bool operator==(const LotTags& a, const LotTags& b) { return all_of_it(a) == all_of_it(b); }

bool operator<(const LotTags& a, const LotTags& b) { return all_of_it(a) < all_of_it(b); }

absl::Status check_tags(const LotTags& tags) {
  if (auto ok = check_stack(tags); !ok.ok()) return ok;
  if (static_cast<std::uint8_t>(tags.disk_kind) >= kDiskKinds) {
    return invalid("unknown kind of disk {}", static_cast<int>(tags.disk_kind));
  }
  if (tags.disk_kind != DiskKind::kRoot) {
    if (auto ok = check_path(tags.disk_root, true, "disk"); !ok.ok()) return ok;
  } else if (!tags.disk_root.empty()) {
    return invalid("disk '{}' is neither a path nor a mount", printable(tags.disk_root));
  }
  if (tags.volume) {
    if (auto ok = check_name(tags.volume->id, "volume id"); !ok.ok()) return ok;
    if (auto ok = check_path(tags.volume->container_path, false, "container path"); !ok.ok()) {
      return ok;
    }
    if (auto ok = check_text(tags.volume->principal, kMaxPrincipalBytes, "principal"); !ok.ok()) {
      return ok;
    }
    if (!tags.is_reserved())
      return invalid("a volume needs reserved disk, as in disk(ads)[id:path]");
  }
  if (tags.revocable && (tags.is_reserved() || tags.disk_kind != DiskKind::kRoot)) {
    return invalid("what is revocable cannot be reserved, a volume or a disk of its own");
  }
  return absl::OkStatus();
}

std::string to_string(const LotTags& tags) {
  std::string out;
  for (const Reservation& reservation : tags.reservations) out += to_string(reservation);
  if (tags.volume) {
    out +=
        "[" + percent_escape(tags.volume->id) + ":" + percent_escape(tags.volume->container_path);
    if (!tags.volume->principal.empty()) out += ",by=" + percent_escape(tags.volume->principal);
    out += tags.volume->shared ? ",shared]" : "]";
  }
  if (tags.disk_kind != DiskKind::kRoot) {
    out += tags.disk_kind == DiskKind::kPath ? "{path=" : "{mount=";
    out += percent_escape(tags.disk_root) + "}";
  }
  if (tags.revocable) out += "{revocable}";
  return out;
}

}  // namespace shoal::core
