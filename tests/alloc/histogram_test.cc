#include "alloc/histogram.h"

#include <gtest/gtest.h>

namespace shoal::alloc {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Histogram, ADurationIsInTheFirstBucketThatReachesIt) {
  const std::pair<nanoseconds, std::size_t> cases[] = {
      {nanoseconds(0), 0},  {nanoseconds(999), 0},    {microseconds(1), 0},
      {microseconds(2), 1}, {microseconds(3), 2},     {microseconds(4), 2},
      {microseconds(5), 3}, {microseconds(1024), 10}, {microseconds(1025), 11},
  };
  for (const auto& [duration, bucket] : cases) {
    Histogram histogram;
    histogram.observe(duration);
    EXPECT_EQ(histogram.bucket(bucket), 1u) << duration.count();
  }
}

TEST(Histogram, WhatIsTooLongOrNegativeIsCountedAtTheEnds) {
  Histogram histogram;
  histogram.observe(seconds(3600));
  histogram.observe(nanoseconds(-5));
  EXPECT_EQ(histogram.bucket(Histogram::kBuckets - 1), 1u);
  EXPECT_EQ(histogram.bucket(0), 1u);
  EXPECT_EQ(histogram.count(), 2u);
}

TEST(Histogram, SumAndCountAreOfAllObservations) {
  Histogram histogram;
  histogram.observe(microseconds(10), 3);
  histogram.observe(microseconds(5));
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.sum_micros(), 35u);
}

}  // namespace
}  // namespace shoal::alloc
