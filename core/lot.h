// A lot: amounts that share the same tags. A tag says for whom resources are kept (reservations),
// what they are (a persistent volume, a disk of its own), or that they may be taken back
// (revocable). What has no tag stands in the plain fields of Resources.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "core/amounts.h"

namespace shoal::core {

// One step of a reservation stack. A static one comes from the agent's flags and cannot be undone;
// it has neither principal nor labels.
struct Reservation {
  std::string role{};
  bool dynamic = false;
  std::string principal{};                                    // who made it; empty: nobody named
  std::vector<std::pair<std::string, std::string>> labels{};  // keep equal reservations apart
  auto operator<=>(const Reservation&) const = default;
};

// A persistent volume: disk with a name that outlives the task that uses it.
struct Volume {
  std::string id{};              // check_name; unique per role and agent
  std::string container_path{};  // where tasks see it, relative to their sandbox; no "." or ".."
  std::string principal{};       // who made it
  bool shared = false;           // several tasks may use it at once
  auto operator<=>(const Volume&) const = default;
};

enum class DiskKind : std::uint8_t {
  kRoot = 0,   // the disk under the agent's data folder
  kPath = 1,   // another folder; divisible
  kMount = 2,  // a whole file system; indivisible
};
inline constexpr std::uint8_t kDiskKinds = 3;

struct LotTags {
  // Outermost first; each role is the one before it or a child of it. The last one decides who is
  // offered the lot. Empty: unreserved.
  absl::InlinedVector<Reservation, 1> reservations;
  std::optional<Volume> volume;
  DiskKind disk_kind = DiskKind::kRoot;
  std::string disk_root;  // absolute; of a path or mount disk
  bool revocable = false;

  bool is_reserved() const { return !reservations.empty(); }
  // Pre-condition: is_reserved().
  const std::string& role() const { return reservations.back().role; }
  bool is_shared() const { return volume.has_value() && volume->shared; }
  // Given, taken and held only as a whole.
  bool is_indivisible() const { return volume.has_value() || disk_kind == DiskKind::kMount; }
  // No tag at all: not a lot, but the plain fields of Resources.
  bool is_plain() const {
    return reservations.empty() && !volume && disk_kind == DiskKind::kRoot && !revocable;
  }

  // A total order without meaning, which keeps lots in one order on every machine.
  friend bool operator==(const LotTags& a, const LotTags& b);
  friend bool operator<(const LotTags& a, const LotTags& b);
};
using LotTagsPtr = std::shared_ptr<const LotTags>;  // never null in a Lot

struct Lot {
  LotTagsPtr tags;
  Amounts amounts;
  bool operator==(const Lot& other) const {
    return (tags == other.tags || *tags == *other.tags) && amounts == other.amounts;
  }
};

// Bounds, clean text, roles of a stack one within the other, no static reservation on a dynamic
// one, a volume only on reserved disk, revocable without reservation, volume or disk of its own.
// The error is one line.
absl::Status check_tags(const LotTags& tags);

// "(eng)(eng/ads,dynamic,by=alice,team=x)[vol1:data,by=alice,shared]{path=/data1}": the tags as
// resource texts write them; what stands between the marks is percent_escape()d. Empty for none.
std::string to_string(const LotTags& tags);

}  // namespace shoal::core
