#include "net/backoff.h"

#include <vector>

#include "gtest/gtest.h"

namespace shoal::net {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, CeilingDoublesUpToTheMaximum) {
  Backoff backoff(1, {milliseconds(100), milliseconds(1000)});
  for (const int expected : {100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(backoff.ceiling(), milliseconds(expected));
    const core::Duration wait = backoff.next();
    EXPECT_GE(wait, milliseconds(1));
    EXPECT_LE(wait, milliseconds(expected));
  }
  backoff.reset();
  EXPECT_EQ(backoff.ceiling(), milliseconds(100));
}

TEST(Backoff, NeverOverflows) {
  Backoff backoff(1);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(backoff.next(), core::Duration(core::kDialBackoffMax));
  EXPECT_EQ(backoff.ceiling(), core::Duration(core::kDialBackoffMax));
}

TEST(Backoff, SameSeedSameWaits) {
  Backoff a(7), b(7), c(8);
  std::vector<core::Duration> waits_a, waits_b, waits_c;
  for (int i = 0; i < 20; ++i) {
    waits_a.push_back(a.next());
    waits_b.push_back(b.next());
    waits_c.push_back(c.next());
  }
  EXPECT_EQ(waits_a, waits_b);
  EXPECT_NE(waits_a, waits_c);
}

TEST(Backoff, JitterIsFull) {
  // Of 1,000 first waits, a tenth or so falls into each tenth of [0, 100 ms].
  int tenths[10] = {};
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto wait = Backoff(seed, {milliseconds(100), milliseconds(100)}).next();
    ++tenths[std::min<std::int64_t>(9, wait / milliseconds(10))];
  }
  for (const int count : tenths) {
    EXPECT_GT(count, 60);
    EXPECT_LT(count, 140);
  }
}

}  // namespace
}  // namespace shoal::net
