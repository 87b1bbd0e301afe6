#include "tests/agent/stepped_clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace shoal::agent {
namespace {
std::atomic<long> off_by = 0;  // seconds
}  // namespace

void SteppedClock::step(std::chrono::seconds by) { off_by = by.count(); }

}  // namespace shoal::agent

// NOLINTNEXTLINE: the name and the parameters are libc's
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += shoal::agent::off_by;
  return static_cast<int>(result);
}
