// Latencies in log-linear buckets, after HdrHistogram (Tene): 32 buckets for each doubling, so a
// value is known to 1/32 (3.1 %) whatever its size, in 15 KiB, and histograms add up.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace shoal::load {

// One thread.
class LatencyHistogram {
 public:
  static constexpr unsigned kSubBits = 5;
  static constexpr std::size_t kSub = std::size_t{1} << kSubBits;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) * kSub;

  // Negative ones count as zero.
  void record(std::chrono::nanoseconds latency) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(0, latency.count()));
    ++buckets_[index_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }
  void merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
  // The least upper bound of a bucket that `part` (0 to 1) of the values do not exceed; exact for
  // the maximum, zero without values.
  std::chrono::nanoseconds quantile(double part) const {
    const auto rank = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
    const std::uint64_t wanted = std::max<std::uint64_t>(rank, 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen >= wanted) return std::chrono::nanoseconds(std::min(last_of(i), max_));
    }
    return max();
  }

  std::uint64_t bucket(std::size_t index) const { return buckets_[index]; }
  // The values of bucket i: [first_of(i), last_of(i)], nanoseconds.
  static constexpr std::uint64_t first_of(std::size_t index) {
    if (index < 2 * kSub) return index;
    const std::size_t shift = index / kSub - 1;
    return (kSub + index % kSub) << shift;
  }
  static constexpr std::uint64_t last_of(std::size_t index) { return first_of(index + 1) - 1; }
  static constexpr std::size_t index_of(std::uint64_t value) {
    if (value < 2 * kSub) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return (shift + 1) * kSub + static_cast<std::size_t>((value >> shift) - kSub);
  }

 private:
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace shoal::load
