// The only place that reads a clock. Everything else is handed a time (Reactor::now(), once a
// turn).
#pragma once

#include <cstdint>

#include "core/time.h"

namespace shoal::net {

// CLOCK_MONOTONIC.
core::TimePoint monotonic_now();

// Milliseconds since 1970, UTC; for people and logs, never for deadlines.
std::int64_t wall_now_ms();

}  // namespace shoal::net
