// A wall clock that jumps, for all of the test program; the monotonic one goes on.
#pragma once

#include <chrono>

namespace shoal::agent {

class SteppedClock {
 public:
  SteppedClock() = default;
  ~SteppedClock() { step(std::chrono::seconds(0)); }
  SteppedClock(const SteppedClock&) = delete;
  SteppedClock& operator=(const SteppedClock&) = delete;

  // From now on it is off by so much.
  void step(std::chrono::seconds by);
};

}  // namespace shoal::agent
