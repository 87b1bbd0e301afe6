// How many calls frameworks may make, by principal and over all reactors (docs/RELIABILITY.md).
//
// A principal is a framework's name, as its SUBSCRIBE says. That is what it claims, so limits
// protect from mistakes, and from others' load; not from malice.
//
// Threads: any. Memory order: all relaxed. A bucket is one word, moved by compare-and-swap; a count
//   is one word of its own. None of them publishes anything but itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/time.h"

namespace shoal::master {

struct RateLimit {
  core::Duration interval{};  // between two calls, in the long run; 0: no limit
  std::uint32_t capacity = core::kDefaultRateCapacity;  // calls that may wait
};

struct NamedRateLimit : RateLimit {
  std::string principal;
};

struct RateLimitOptions {
  std::vector<NamedRateLimit> limits;  // of distinct principals
  RateLimit others;                    // one for all that have none of their own, together

  bool empty() const { return limits.empty() && others.interval == core::Duration::zero(); }
};

// The calls of one principal, or of all that have no limit of their own.
class RateGroup {
 public:
  RateGroup(std::size_t index, std::string name, const RateLimit& limit)
      : index_(index), name_(std::move(name)), limit_(limit) {}

  std::size_t index() const { return index_; }
  const std::string& name() const { return name_; }  // "*": the others
  const RateLimit& limit() const { return limit_; }

  // One call's worth of the rate; after a rest, as many at once as core::kRateBurst brings, and at
  // least one. False: not yet.
  bool take(core::TimePoint now);
  // When take() would succeed, if nobody else took.
  core::TimePoint next(core::TimePoint now) const;
  // When as many calls as wait now will have gone.
  core::Duration time_to_drain(core::TimePoint now) const;

  // Room for one more call that waits. False: there is none, and that is counted as refused.
  bool enter();
  void leave(std::size_t calls = 1);

  void count_call() { add(calls_, 1); }
  // A call that could not wait although there was room.
  void count_refused() { add(refused_, 1); }
  std::uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  std::uint64_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  std::uint64_t waited() const { return waited_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  static void add(std::atomic<std::uint64_t>& count, std::uint64_t amount) {
    count.fetch_add(amount, std::memory_order_relaxed);
  }
  std::int64_t tolerance() const;

  const std::size_t index_;
  const std::string name_;
  const RateLimit limit_;
  // Generic cell rate algorithm (ITU-T I.371): when the calls so far would have been made, in
  // nanoseconds of the monotonic clock, had they kept their interval.
  std::atomic<std::int64_t> due_ns_{0};
  std::atomic<std::uint64_t> calls_{0};  // that are limited
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint64_t> waited_{0};
  std::atomic<std::uint64_t> refused_{0};
};

class RateLimits {
 public:
  explicit RateLimits(const RateLimitOptions& options);

  RateGroup& group_of(std::string_view principal);
  // As in the options, the others last.
  const std::vector<std::unique_ptr<RateGroup>>& groups() const { return groups_; }

 private:
  std::vector<std::unique_ptr<RateGroup>> groups_;
  // Not changed after construction.
  absl::flat_hash_map<std::string, RateGroup*, core::TextHash, core::TextEqual> by_name_;
};

}  // namespace shoal::master
