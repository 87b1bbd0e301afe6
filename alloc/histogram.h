// How often a duration was how long: buckets that double, from 1 µs to over 4 s. Or how often a
// number was how large: from 1 to over 4 million. One thread observes, any thread reads; what is
// read together may be from different moments.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

#include "alloc/counters.h"

namespace shoal::alloc {

class Histogram {
 public:
  static constexpr std::size_t kBuckets = 24;

  // `times` observations of the same duration.
  void observe(std::chrono::nanoseconds duration, std::uint64_t times = 1) {
    add(static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, duration / std::chrono::microseconds(1))),
        times);
  }
  // `times` observations of the same number; one histogram holds durations or numbers.
  void add(std::uint64_t number, std::uint64_t times = 1) {
    // Numbers up to 2^i, those of the buckets before it excepted.
    const auto bucket = number <= 1 ? 0u : static_cast<unsigned>(std::bit_width(number - 1));
    buckets_[std::min<std::size_t>(bucket, kBuckets - 1)].add(times);
    count_.add(times);
    sum_.add(number * times);
  }

  std::uint64_t count() const { return count_.value(); }
  std::uint64_t sum() const { return sum_.value(); }
  std::uint64_t sum_micros() const { return sum(); }
  // Bucket i holds what is up to this; the last one holds all that is larger as well.
  static constexpr std::uint64_t bound(std::size_t i) { return std::uint64_t{1} << i; }
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].value(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter count_;
  Counter sum_;  // of numbers, or of microseconds
};

}  // namespace shoal::alloc
