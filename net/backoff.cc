#include "net/backoff.h"

#include <algorithm>

namespace shoal::net {

Backoff::Backoff(std::uint64_t seed, BackoffLimits limits) : limits_(limits), random_(seed) {}

core::Duration Backoff::ceiling() const {
  core::Duration ceiling = limits_.min;
  for (std::uint32_t i = 0; i < attempts_ && ceiling < limits_.max; ++i) ceiling *= 2;
  return std::min(ceiling, limits_.max);
}

core::Duration Backoff::next() {
  constexpr core::Duration kLeast = std::chrono::milliseconds(1);
  const core::Duration most = std::max(ceiling(), kLeast);
  ++attempts_;
  // Not std::uniform_int_distribution: its results differ between standard libraries, and a seed
  // must replay. The bias of the remainder is below 2^-28.
  const auto span = static_cast<std::uint64_t>(most.count()) + 1;
  return std::max(core::Duration(static_cast<std::int64_t>(random_() % span)), kLeast);
}

}  // namespace shoal::net
