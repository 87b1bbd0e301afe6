#include "cli/bench_compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(BenchCompareTest, PairsAreDividedAndSorted) {
  EXPECT_THAT(sorted_ratios({10, 20, 40}, {30, 20, 20}), ElementsAre(0.5, 1, 3));
  EXPECT_THAT(sorted_ratios({0, 20}, {5, 0}), IsEmpty());
}

TEST(BenchCompareTest, TheMedianOfOddAndEven) {
  EXPECT_EQ(median_of({}), 0);
  EXPECT_EQ(median_of({3}), 3);
  EXPECT_EQ(median_of({1, 2, 9}), 2);
  EXPECT_EQ(median_of({1, 2, 4, 9}), 3);
}

TEST(BenchCompareTest, RatesAreBetterWhenTheyAreHigher) {
  EXPECT_TRUE(is_more_better("launches_per_s"));
  EXPECT_FALSE(is_more_better("launch_to_running_us.p99"));
  EXPECT_FALSE(is_more_better("master_cpu_s"));
}

}  // namespace
}  // namespace shoal::cli
