// Virtual time: what will happen, in order of its moment and then of its scheduling.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/time.h"

namespace shoal::sim {

class EventQueue {
 public:
  using Action = std::function<void()>;

  core::TimePoint now() const { return now_; }
  std::uint64_t steps() const { return steps_; }

  // A moment that has passed means now, after what is already due.
  void at(core::TimePoint when, Action action) {
    heap_.push_back({std::max(when, now_), next_sequence_++, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), Later());
  }
  void after(core::Duration wait, Action action) { at(now_ + wait, std::move(action)); }

  // Moves time to the next event and runs it; false when there is none.
  bool run_next() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later());
    const Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.when;
    ++steps_;
    event.action();
    return true;
  }

 private:
  struct Event {
    core::TimePoint when;
    std::uint64_t sequence = 0;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };

  std::vector<Event> heap_;
  core::TimePoint now_{std::chrono::seconds(1000)};
  std::uint64_t next_sequence_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace shoal::sim
