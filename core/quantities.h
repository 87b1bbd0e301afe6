// Plain sums of the four scalar resources that sharing counts: what quotas limit, shares compare
// and minimum offers ask for. No ports, no custom resources, no tags.
//
// Unit: milli, 1000 = 1 (core/resources.h). -1 in a limit means "no limit".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::core {

using Milli = std::int64_t;

enum class ResourceKind : std::uint8_t { kCpus = 0, kMem = 1, kDisk = 2, kGpus = 3 };
inline constexpr std::size_t kResourceKinds = 4;
inline constexpr std::array<std::string_view, kResourceKinds> kResourceNames = {"cpus", "mem",
                                                                                "disk", "gpus"};

struct Quantities {
  std::array<Milli, kResourceKinds> amounts{};

  Milli& operator[](std::size_t kind) { return amounts[kind]; }
  Milli operator[](std::size_t kind) const { return amounts[kind]; }
  Milli& operator[](ResourceKind kind) { return amounts[static_cast<std::size_t>(kind)]; }
  Milli operator[](ResourceKind kind) const { return amounts[static_cast<std::size_t>(kind)]; }

  bool empty() const { return *this == Quantities(); }
  bool contains(const Quantities& other) const {
    for (std::size_t i = 0; i < kResourceKinds; ++i) {
      if (amounts[i] < other.amounts[i]) return false;
    }
    return true;
  }
  Quantities& operator+=(const Quantities& other) {
    for (std::size_t i = 0; i < kResourceKinds; ++i) amounts[i] += other.amounts[i];
    return *this;
  }
  Quantities& operator-=(const Quantities& other) {
    for (std::size_t i = 0; i < kResourceKinds; ++i) amounts[i] -= other.amounts[i];
    return *this;
  }
  friend Quantities operator+(Quantities a, const Quantities& b) { return a += b; }
  friend Quantities operator-(Quantities a, const Quantities& b) { return a -= b; }
  bool operator==(const Quantities&) const = default;
};

inline constexpr Milli kNoLimit = -1;
inline constexpr Quantities kNoLimits{{kNoLimit, kNoLimit, kNoLimit, kNoLimit}};

// "cpus:4;mem:1024"; kinds that are `absent`, or without a limit, are left out; "none" when all
// are. Limits are printed with kNoLimit: a limit of 0 is one.
std::string to_string(const Quantities& quantities, Milli absent = 0);

// The same form, "none" included. Kinds that are not named get `absent`. Errors: INVALID_ARGUMENT,
// naming the part.
absl::StatusOr<Quantities> parse_quantities(std::string_view text, Milli absent = 0);

// 0 to kMaxScalarMilli, gpus whole. The error starts with `name`, which may carry tags.
absl::Status check_scalar(Milli value, ResourceKind kind, std::string_view name);

// "4", "0.5", "8192.125": the shortest text of a milli-unit scalar.
std::string milli_to_string(Milli value);

// A finite decimal number from 0 to kMaxScalarMilli with at most three decimals.
absl::StatusOr<Milli> parse_milli(std::string_view text);

}  // namespace shoal::core
