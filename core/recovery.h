// The first minutes of a master: who of those that its registry knows is back.
#pragma once

#include <array>
#include <cstdint>

#include "alloc/counters.h"
#include "core/limits.h"

namespace shoal::core {

// Agents that an earlier master knew and that are not back yet, by home shard: one writer each.
struct Recovery {
  std::array<alloc::Counter, kMaxReactors> expected_at;  // before the reactors run
  std::array<alloc::Counter, kMaxReactors> missing_at;

  static std::uint64_t sum(const std::array<alloc::Counter, kMaxReactors>& counters) {
    std::uint64_t total = 0;
    for (const alloc::Counter& counter : counters) total += counter.value();
    return total;
  }
  std::uint64_t expected() const { return sum(expected_at); }
  std::uint64_t missing() const { return sum(missing_at); }
  bool is_mostly_missing(std::uint32_t percent) const {
    return expected() >= kRemovalLeastFleet && missing() * 100 > expected() * percent;
  }
  bool enough_are_back() const {
    return missing() * 100 <= expected() * (100 - kRecoveryHoldPercent);
  }
};

}  // namespace shoal::core
