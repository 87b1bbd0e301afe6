#include "master/admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/limits.h"

namespace shoal::master {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AdmissionTest : public testing::Test {
 protected:
  // A turn that takes `took`, after a sleep.
  void turn(core::Duration took, core::Duration sleep = {}) {
    now += sleep + took;
    reactor.busy_ns.add(static_cast<std::uint64_t>(took.count()));
    admission.on_turn(now);
  }

  net::ReactorCounters reactor;
  Admission admission{reactor, seconds(1), 1};
  core::TimePoint now{std::chrono::hours(1)};
};

TEST_F(AdmissionTest, LongTurnsInARowMakeItBusyAndShortOnesEndThat) {
  for (int i = 0; i < 100; ++i) turn(milliseconds(800));
  EXPECT_FALSE(admission.is_busy(now));
  for (int i = 0; i < 10; ++i) turn(milliseconds(1500));
  EXPECT_TRUE(admission.is_busy(now));
  EXPECT_EQ(admission.counters().is_busy.value(), 1u);
  for (int i = 0; i < 200; ++i) turn(milliseconds(10));
  EXPECT_FALSE(admission.is_busy(now));
  EXPECT_EQ(admission.counters().is_busy.value(), 0u);
}

TEST_F(AdmissionTest, AReactorThatSleepsIsNotBusy) {
  for (int i = 0; i < 100; ++i) turn(milliseconds(900), milliseconds(900));
  EXPECT_FALSE(admission.is_busy(now)) << "a message meets a turn every other time";
  for (int i = 0; i < 10; ++i) turn(milliseconds(1500));
  ASSERT_TRUE(admission.is_busy(now));
  EXPECT_FALSE(admission.is_busy(now + seconds(2))) << "no turn since";
}

TEST_F(AdmissionTest, ALongTurnIsKnownInTheNext) {
  turn(milliseconds(1));
  now += seconds(5);
  reactor.busy_ns.add(5'000'000'000);
  EXPECT_TRUE(admission.is_busy(now));
}

TEST_F(AdmissionTest, RowsAndMailMakeItBusyToo) {
  ASSERT_TRUE(admission.wants_load(now));
  admission.on_load(now, {.rows = core::kBusyRegistryRows + 1});
  EXPECT_TRUE(admission.is_busy(now));
  EXPECT_FALSE(admission.wants_load(now + milliseconds(99)));
  EXPECT_TRUE(admission.wants_load(now + milliseconds(100)));
  admission.on_load(now, {.mail = core::kBusyMail + 1, .rows = core::kBusyRegistryRows});
  EXPECT_FALSE(admission.is_busy(now)) << "a full mailbox is common for a moment";
  admission.on_load(now + milliseconds(999), {.mail = core::kBusyMail + 1});
  EXPECT_FALSE(admission.is_busy(now + milliseconds(999)));
  EXPECT_TRUE(admission.is_busy(now + seconds(1)));
  admission.on_load(now + seconds(1), {.mail = core::kBusyMail});
  EXPECT_FALSE(admission.is_busy(now + seconds(1)));
}

TEST_F(AdmissionTest, SwitchedOffNobodyIsTurnedAway) {
  admission.set_lag_limit({});
  admission.on_load(now, {.rows = core::kBusyRegistryRows + 1});
  for (int i = 0; i < 10; ++i) turn(seconds(100));
  EXPECT_FALSE(admission.is_busy(now));
}

// 20,000 agents that come at once come back at 2,000 a second.
TEST_F(AdmissionTest, ThoseTurnedAwayAreSpread) {
  constexpr std::size_t kAgents = 20'000;
  std::array<std::size_t, 16> back{};
  for (std::size_t i = 0; i < kAgents; ++i) {
    const core::Duration wait = admission.turn_away(Admission::Guest::kAgent, now);
    ASSERT_GE(wait, milliseconds(250));
    ASSERT_LE(wait, core::kMaxBusyWait);
    ++back[static_cast<std::size_t>(wait / seconds(1))];
  }
  for (const std::size_t in_second : back) EXPECT_LE(in_second, 2200u);
  EXPECT_EQ(admission.counters().turned_away[0].value(), kAgents);
  EXPECT_EQ(admission.counters().turned_away[1].value(), 0u);
}

TEST_F(AdmissionTest, MoreThanCanBeToldApartComeInTheLaterHalf) {
  for (int i = 0; i < 100'000; ++i) (void)admission.turn_away(Admission::Guest::kAgent, now);
  std::vector<core::Duration> waits;
  for (int i = 0; i < 1000; ++i) {
    waits.push_back(admission.turn_away(Admission::Guest::kRead, now));
  }
  const auto [least, most] = std::minmax_element(waits.begin(), waits.end());
  EXPECT_GE(*least, core::Duration(core::kMaxBusyWait) / 2);
  EXPECT_LE(*most, core::kMaxBusyWait);
  EXPECT_GT(*most - *least, seconds(6));
  now += seconds(60);  // the crowd has gone
  EXPECT_LT(admission.turn_away(Admission::Guest::kRead, now), milliseconds(1300));
}

}  // namespace
}  // namespace shoal::master
