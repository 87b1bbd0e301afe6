// What an agent has and a task needs: cpus, mem, disk and gpus as fixed-point scalars, ports as
// ranges. One value type for totals, offers, requests and what is left.
//
// Scalars are milli-units in 64 bits (Mesos' three decimals): cpus 500 = half a core, mem and disk
// in milli-MiB, so 1 MiB = 1000. gpus are whole units only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::core {

using Milli = std::int64_t;

struct PortRange {
  std::uint32_t begin = 0;  // inclusive
  std::uint32_t end = 0;    // inclusive
  bool operator==(const PortRange&) const = default;
};

// Sorted, disjoint, not adjacent.
class PortSet {
 public:
  using Ranges = absl::InlinedVector<PortRange, 2>;

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
  // The `count` lowest ports; all of them when there are fewer.
  PortSet lowest(std::uint32_t count) const;
  bool operator==(const PortSet&) const = default;

 private:
  void normalise();

  Ranges ranges_;
};

struct Resources {
  Milli cpus = 0;
  Milli mem = 0;   // milli-MiB
  Milli disk = 0;  // milli-MiB
  Milli gpus = 0;
  PortSet ports;

  bool empty() const { return cpus == 0 && mem == 0 && disk == 0 && gpus == 0 && ports.empty(); }
  bool contains(const Resources& other) const {
    return cpus >= other.cpus && mem >= other.mem && disk >= other.disk && gpus >= other.gpus &&
           ports.contains(other.ports);
  }
  Resources& operator+=(const Resources& other);
  // Pre-condition: contains(other).
  Resources& operator-=(const Resources& other);
  friend Resources operator+(Resources a, const Resources& b) { return a += b; }
  friend Resources operator-(Resources a, const Resources& b) { return a -= b; }
  bool operator==(const Resources&) const = default;
};

// Every field in its range: 0 <= scalar <= kMaxScalarMilli, whole gpus. The error names the field.
absl::Status check_resources(const Resources& resources);

// Text form of Mesos: "cpus:4;mem:8192;disk:1000;gpus:1;ports:[31000-32000,33000-33010]".
// Every kind at most once, in any order; at most three decimals.
// Errors: INVALID_ARGUMENT, naming the part and what was expected.
absl::StatusOr<Resources> parse_resources(std::string_view text);

// The same form; kinds that are zero are left out. "nothing" when all are.
std::string to_string(const Resources& resources);

// "4", "0.5", "8192.125": the shortest text of a milli-unit scalar.
std::string milli_to_string(Milli value);

// A finite decimal number >= 0 with at most three decimals.
absl::StatusOr<Milli> parse_milli(std::string_view text);

// What `free` lacks to hold `wanted`, as "cpus 4 (has 2)"; empty when nothing.
std::string shortfall(const Resources& wanted, const Resources& free);

}  // namespace shoal::core
