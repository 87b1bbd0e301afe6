#include "net/clock.h"

#include <chrono>

namespace shoal::net {

core::TimePoint monotonic_now() { return std::chrono::steady_clock::now(); }

std::int64_t wall_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace shoal::net
