#include "master/rate_limits.h"

#include <algorithm>

namespace shoal::master {
namespace {

std::int64_t ns(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}
std::int64_t ns(core::TimePoint time) { return ns(time.time_since_epoch()); }

}  // namespace

// How far ahead of its interval a call may come: that makes the burst.
std::int64_t RateGroup::tolerance() const {
  return std::max<std::int64_t>(0, ns(core::kRateBurst) - ns(limit_.interval));
}

bool RateGroup::take(core::TimePoint now) {
  if (limit_.interval == core::Duration::zero()) return true;
  std::int64_t due = due_ns_.load(std::memory_order_relaxed);
  do {
    if (due - tolerance() > ns(now)) return false;
  } while (!due_ns_.compare_exchange_weak(due, std::max(due, ns(now)) + ns(limit_.interval),
                                          std::memory_order_relaxed));
  return true;
}

core::TimePoint RateGroup::next(core::TimePoint now) const {
  const std::int64_t at = due_ns_.load(std::memory_order_relaxed) - tolerance();
  if (at <= ns(now)) return now;
  return core::TimePoint(std::chrono::nanoseconds(at));
}

core::Duration RateGroup::time_to_drain(core::TimePoint now) const {
  return (next(now) - now) + limit_.interval * static_cast<std::int64_t>(waiting());
}

bool RateGroup::enter() {
  std::uint64_t waiting = waiting_.load(std::memory_order_relaxed);
  do {
    if (waiting >= limit_.capacity) {
      count_refused();
      return false;
    }
  } while (!waiting_.compare_exchange_weak(waiting, waiting + 1, std::memory_order_relaxed));
  add(waited_, 1);
  return true;
}

void RateGroup::leave(std::size_t calls) { waiting_.fetch_sub(calls, std::memory_order_relaxed); }

RateLimits::RateLimits(const RateLimitOptions& options) {
  for (const NamedRateLimit& limit : options.limits) {
    groups_.push_back(std::make_unique<RateGroup>(groups_.size(), limit.principal, limit));
    by_name_.emplace(limit.principal, groups_.back().get());
  }
  groups_.push_back(std::make_unique<RateGroup>(groups_.size(), "*", options.others));
}

RateGroup& RateLimits::group_of(std::string_view principal) {
  const auto found = by_name_.find(principal);
  return found != by_name_.end() ? *found->second : *groups_.back();
}

}  // namespace shoal::master
