// Exponential backoff with full jitter: the wait before attempt n is uniform in
// [0, min(max, min_delay * 2^n)], and at least 1 ms. Pure: the generator is seeded by the caller.
// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#pragma once

#include <cstdint>
#include <random>

#include "core/limits.h"
#include "core/time.h"

namespace shoal::net {

struct BackoffLimits {
  core::Duration min = core::kDialBackoffMin;  // ceiling of the first wait
  core::Duration max = core::kDialBackoffMax;
};

// Of those whom somebody waits for: after a long cut all of them are back within ten seconds
// (docs/RELIABILITY.md), the registration included, and however many they are they come evenly.
inline constexpr BackoffLimits kReconnectBackoff{core::kDialBackoffMin, std::chrono::seconds(8)};

class Backoff {
 public:
  explicit Backoff(std::uint64_t seed, BackoffLimits limits = BackoffLimits{});

  core::Duration next();
  void reset() { attempts_ = 0; }
  std::uint32_t attempts() const { return attempts_; }
  core::Duration ceiling() const;  // of the next wait

 private:
  BackoffLimits limits_;
  std::uint32_t attempts_ = 0;
  std::mt19937_64 random_;
};

}  // namespace shoal::net
