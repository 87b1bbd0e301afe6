// A timer of one reactor. May be destroyed, stopped or started inside its own callback.
#pragma once

#include <functional>

#include "core/time.h"

namespace shoal::net {

class Reactor;

class Timer {
 public:
  Timer(Reactor& reactor, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once, never before `delay` after the turn's now(), at most about 1 ms late on an idle
  // reactor. Replaces an earlier start.
  void start(core::Duration delay);
  void start_at(core::TimePoint deadline);
  // Fires every `interval` (at least 1 ms); missed ticks are not made up.
  void start_repeating(core::Duration interval);
  void stop();
  bool is_active() const;

 private:
  struct Handle;
  Handle* handle_;  // freed by the loop after it is closed
};

}  // namespace shoal::net
