#include "net/backoff.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "net/dialer.h"

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

// G8: agents and frameworks are back within ten seconds after faults have ended, and 100,000 that
// were cut off at once do not come all at once.
TEST(Backoff, ACrowdThatWasCutOffForLongComesBackSoonAndEvenly) {
  constexpr int kCrowd = 100'000;
  EXPECT_LT(DialerOptions().backoff.max + std::chrono::seconds(1), std::chrono::seconds(10));
  std::vector<int> tries_in(100);  // of 100 ms
  for (int seed = 0; seed < kCrowd; ++seed) {
    Backoff backoff(static_cast<std::uint64_t>(seed), DialerOptions().backoff);
    core::Duration tried{};
    const core::Duration healed = std::chrono::minutes(10);
    while (tried < healed) tried += backoff.next();
    const auto after = static_cast<std::size_t>((tried - healed) / milliseconds(100));
    ASSERT_LT(after, tries_in.size()) << "seed " << seed;
    ++tries_in[after];
  }
  // Most of a crowd of such waits comes first: twice the mean density, falling to nothing.
  EXPECT_LT(*std::max_element(tries_in.begin(), tries_in.end()), kCrowd / 80 * 2 * 1.1);
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
