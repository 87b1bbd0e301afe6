// Time as a value. Nothing in this folder reads a clock: `now` is always handed in, read once a
// turn by the reactor (net/clock.h) or made up by a test.
#pragma once

#include <chrono>

namespace shoal::core {

using Duration = std::chrono::nanoseconds;

// A point on the monotonic clock; only differences between two of them mean anything.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace shoal::core
