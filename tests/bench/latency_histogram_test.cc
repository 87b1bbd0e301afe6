#include "bench/load/latency_histogram.h"

#include <gtest/gtest.h>

#include <limits>

namespace shoal::load {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogramTest, BucketsFollowEachOtherWithoutGaps) {
  for (std::size_t i = 0; i + 2 < LatencyHistogram::kBuckets; ++i) {
    const std::uint64_t first = LatencyHistogram::first_of(i);
    const std::uint64_t last = LatencyHistogram::last_of(i);
    ASSERT_LE(first, last) << i;
    ASSERT_EQ(LatencyHistogram::index_of(first), i);
    ASSERT_EQ(LatencyHistogram::index_of(last), i);
  }
  EXPECT_LT(LatencyHistogram::index_of(std::numeric_limits<std::uint64_t>::max()),
            LatencyHistogram::kBuckets);
}

TEST(LatencyHistogramTest, AValueIsKnownToThreePercent) {
  for (std::uint64_t value = 1; value < std::uint64_t{1} << 40; value = value * 17 / 16 + 1) {
    const std::size_t i = LatencyHistogram::index_of(value);
    const double width = static_cast<double>(LatencyHistogram::last_of(i) - value);
    EXPECT_LE(width / static_cast<double>(value), 1.0 / 32);
  }
}

TEST(LatencyHistogramTest, QuantilesOfAKnownSet) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.record(nanoseconds(i * 1000));
  EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5).count()), 500e3, 500e3 / 32);
  EXPECT_NEAR(static_cast<double>(histogram.quantile(0.99).count()), 990e3, 990e3 / 32);
  EXPECT_EQ(histogram.quantile(1), nanoseconds(1'000'000));
  EXPECT_EQ(histogram.max(), nanoseconds(1'000'000));
}

TEST(LatencyHistogramTest, EmptyAndNegative) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile(0.99), nanoseconds(0));
  histogram.record(nanoseconds(-5));
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.quantile(0.5), nanoseconds(0));
}

TEST(LatencyHistogramTest, MergingIsTheSameAsRecordingTogether) {
  LatencyHistogram one;
  LatencyHistogram two;
  LatencyHistogram both;
  for (int i = 0; i < 500; ++i) {
    one.record(nanoseconds(i * i));
    two.record(nanoseconds(i * 77));
    both.record(nanoseconds(i * i));
    both.record(nanoseconds(i * 77));
  }
  one.merge(two);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max(), both.max());
  for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
    ASSERT_EQ(one.bucket(i), both.bucket(i));
  }
}

}  // namespace
}  // namespace shoal::load
