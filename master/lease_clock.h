// Until when a master may lead: what its reactors ask before anything is sent.
//
// By CLOCK_BOOTTIME, which goes on while a process is stopped and while a machine sleeps, so the
// answer is right in the first turn after either.
//
// Threads: Leadership's sets it, any asks.
//
// Memory order: relaxed. The deadline publishes nothing but itself; one that is seen late is the
// earlier one, which is the safe side, except for end(), whose callers stop the reactors besides.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/time.h"
#include "net/boot_clock.h"

namespace shoal::master {

inline constexpr std::chrono::milliseconds kLeastLeaseMargin{100};

// Until when to trust a lease that was asked for at `asked_at`: it runs `ttl` from some later
// moment on, by a clock that may be a little faster.
inline core::Duration lease_deadline(core::Duration asked_at, core::Duration ttl) {
  return asked_at + ttl - std::max<core::Duration>(ttl / 10, kLeastLeaseMargin);
}

class LeaseClock {
 public:
  bool is_valid() const { return left() > core::Duration::zero(); }
  // May be negative.
  core::Duration left() const {
    return core::Duration(deadline_.load(std::memory_order_relaxed)) - net::since_boot();
  }

  // A term begins. `deadline`: on the clock of net::since_boot().
  void begin(core::Duration deadline) {
    deadline_.store(deadline.count(), std::memory_order_relaxed);
  }
  // False when it has run out: what is over stays over, also if the lease was renewed in time.
  bool extend(core::Duration deadline) {
    std::int64_t known = deadline_.load(std::memory_order_relaxed);
    if (core::Duration(known) <= net::since_boot()) return false;
    // Not over an end() that came meanwhile.
    return deadline_.compare_exchange_strong(known, deadline.count(), std::memory_order_relaxed);
  }
  void end() { begin(core::Duration::zero()); }

 private:
  std::atomic<std::int64_t> deadline_{0};
};

}  // namespace shoal::master
