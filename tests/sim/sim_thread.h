// A thread of a simulated process: what it has to do waits while the process is frozen, and is
// forgotten when the life is over that it belongs to.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/time.h"
#include "tests/sim/event_queue.h"

namespace shoal::sim {

class SimThread {
 public:
  using Action = EventQueue::Action;

  explicit SimThread(EventQueue& queue) : queue_(queue) {}

  bool is_frozen() const { return is_frozen_; }

  // Now, or when it goes on.
  void run(Action action) {
    if (!is_frozen_) return action();
    frozen_.push_back(std::move(action));
  }
  // `action` for others to call, whenever they like.
  template <typename F>
  auto bound(F action) {
    return [this, life = life_, action = std::move(action)](auto... args) {
      if (life != life_) return;
      if (!is_frozen_) return action(args...);
      frozen_.push_back([action, args...] { action(args...); });
    };
  }

  void at(core::TimePoint when, Action action) { queue_.at(when, bound(std::move(action))); }
  void after(core::Duration wait, Action action) { at(queue_.now() + wait, std::move(action)); }

  void freeze() { is_frozen_ = true; }
  void thaw() {
    is_frozen_ = false;
    const std::uint64_t life = life_;
    for (const Action& action : std::exchange(frozen_, {})) {
      if (life != life_) return;
      action();
    }
  }

  // A new life begins.
  void end() {
    ++life_;
    frozen_.clear();
  }

 private:
  EventQueue& queue_;
  std::uint64_t life_ = 0;
  bool is_frozen_ = false;
  std::vector<Action> frozen_;
};

}  // namespace shoal::sim
