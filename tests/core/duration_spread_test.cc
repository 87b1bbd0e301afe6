#include "core/duration_spread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace shoal::core {
namespace {

using std::chrono::milliseconds;

TEST(DurationSpreadTest, ZeroAndFixedNeverVary) {
  Random random(1);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(DurationSpread().draw(random), Duration(0));
    EXPECT_EQ(DurationSpread::fixed(milliseconds(7)).draw(random), milliseconds(7));
  }
}

TEST(DurationSpreadTest, UniformStaysWithinItsEnds) {
  Random random(2);
  const auto spread = DurationSpread::uniform(milliseconds(5), milliseconds(20));
  Duration least = milliseconds(100);
  Duration most{0};
  for (int i = 0; i < 1000; ++i) {
    const Duration drawn = spread.draw(random);
    least = std::min(least, drawn);
    most = std::max(most, drawn);
  }
  EXPECT_GE(least, milliseconds(5));
  EXPECT_LT(least, milliseconds(6));
  EXPECT_LE(most, milliseconds(20));
  EXPECT_GT(most, milliseconds(19));
}

TEST(DurationSpreadTest, ExponentialHasItsMeanAndItsMedian) {
  Random random(3);
  const auto spread = DurationSpread::exponential(milliseconds(100));
  double sum = 0;
  int below_median = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    const Duration drawn = spread.draw(random);
    ASSERT_GE(drawn, Duration(0));
    sum += std::chrono::duration<double, std::milli>(drawn).count();
    if (drawn < std::chrono::microseconds(69'315)) ++below_median;  // 100 ms * ln 2
  }
  EXPECT_NEAR(sum / kDraws, 100, 3);
  EXPECT_NEAR(below_median / double{kDraws}, 0.5, 0.02);
}

}  // namespace
}  // namespace shoal::core
