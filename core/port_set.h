// A set of ports, as sorted ranges.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"

namespace shoal::core {

struct PortRange {
  std::uint32_t begin = 0;  // inclusive
  std::uint32_t end = 0;    // inclusive
  bool operator==(const PortRange&) const = default;
};

// Sorted, disjoint, not adjacent.
class PortSet {
 public:
  using Ranges = absl::InlinedVector<PortRange, 2>;

  PortSet() = default;
  // Errors: INVALID_ARGUMENT for begin > end, a port over 65535, overlapping or too many ranges.
  static absl::StatusOr<PortSet> from_ranges(Ranges ranges);

  const Ranges& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  std::uint32_t count() const;
  bool contains(const PortSet& other) const;
  bool intersects(const PortSet& other) const;
  // Set union and difference; a port in both operands is held once.
  void add(const PortSet& other);
  void subtract(const PortSet& other);
  PortSet common(const PortSet& other) const;  // the ports in both
  // The `count` lowest ports; all of them when there are fewer.
  PortSet lowest(std::uint32_t count) const;
  bool operator==(const PortSet&) const = default;

 private:
  explicit PortSet(Ranges sound) : ranges_(std::move(sound)) {}

  Ranges ranges_;
};

}  // namespace shoal::core
