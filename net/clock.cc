#include "net/clock.h"

#include <time.h>

#include <chrono>

#include "net/boot_clock.h"

namespace shoal::net {

core::TimePoint monotonic_now() { return std::chrono::steady_clock::now(); }

core::Duration since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::int64_t wall_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace shoal::net
