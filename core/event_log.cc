#include "core/event_log.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"

namespace shoal::core {

std::size_t EventLog::position_of(std::uint64_t number) { return number % kMaxEventsPerShard; }

void EventLog::add(decltype(Event::what) what) {
  Event event{0, std::move(what)};
  if (events_.size() < kMaxEventsPerShard) {
    events_.push_back(std::move(event));
  } else {
    events_[position_of(next_)] = std::move(event);
  }
  ++next_;
}

void EventLog::seal(std::int64_t wall_ms) {
  for (sealed_ = std::max(sealed_, first()); sealed_ < next_; ++sealed_) {
    events_[position_of(sealed_)].wall_ms = wall_ms;
  }
}

}  // namespace shoal::core
