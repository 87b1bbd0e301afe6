#include "master/rate_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/messages.h"
#include "master/throttle.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Answer = Throttle::Answer;

constexpr core::SessionId kA{1};
constexpr core::SessionId kB{2};
constexpr core::SessionId kC{3};

TEST(RateGroup, GivesABurstAfterARestAndThenTheRate) {
  RateGroup group(0, "g", {milliseconds(100), 5});  // 10 a second
  core::TimePoint now{std::chrono::hours(1)};
  int burst = 0;
  while (group.take(now)) ++burst;
  EXPECT_EQ(burst, 10);
  EXPECT_EQ(group.next(now), now + milliseconds(100));
  EXPECT_FALSE(group.take(now + milliseconds(99)));
  now += milliseconds(100);
  EXPECT_TRUE(group.take(now));
  EXPECT_FALSE(group.take(now));
  int in_ten_seconds = 0;
  for (int i = 0; i < 10'000; ++i) {
    now += milliseconds(1);
    in_ten_seconds += group.take(now) ? 1 : 0;
  }
  EXPECT_EQ(in_ten_seconds, 100);
  now += seconds(100);  // a rest is worth a burst, not more
  burst = 0;
  while (group.take(now)) ++burst;
  EXPECT_EQ(burst, 10);
}

TEST(RateGroup, ASlowRateGivesOneCallAtOnce) {
  RateGroup group(0, "g", {seconds(10), 5});
  const core::TimePoint now{std::chrono::hours(1)};
  EXPECT_TRUE(group.take(now));
  EXPECT_FALSE(group.take(now + milliseconds(9'999)));
  EXPECT_TRUE(group.take(now + seconds(10)));
}

TEST(RateGroup, WithoutALimitNothingEverWaits) {
  RateGroup group(0, "g", {});
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(group.take(core::TimePoint{}));
}

TEST(RateLimits, APrincipalHasItsOwnAndAllOthersShareOne) {
  RateLimits limits({{{{milliseconds(1), 7}, "etl"}}, {milliseconds(2), 8}});
  EXPECT_EQ(limits.group_of("etl").limit().capacity, 7u);
  EXPECT_EQ(&limits.group_of("web"), &limits.group_of("cron"));
  EXPECT_EQ(limits.group_of("web").name(), "*");
  EXPECT_EQ(limits.group_of("web").limit().interval, milliseconds(2));
  EXPECT_EQ(limits.groups().size(), 2u);
}

// "etl" may make two calls a second, and two more may wait; others share ten a second.
class ThrottleTest : public testing::Test {
 protected:
  ThrottleTest() {
    throttle.begin(kA, "etl");
    throttle.begin(kB, "etl");
    throttle.begin(kC, "web");
  }

  template <typename T>
  Answer call(core::SessionId session, const T& message, std::uint32_t correlation = 0) {
    wire::ByteVector bytes;
    wire::encode(message, correlation, bytes);
    wire::FrameView frame;
    EXPECT_TRUE(wire::next_frame(bytes, core::kMaxFrameBytes, &frame).ok());
    return throttle.on_call(session, frame, now);
  }
  Answer launch(core::SessionId session, const std::string& task, std::uint32_t correlation = 0) {
    core::Accept accept;
    accept.offers.push_back(core::OfferId{5});
    core::TaskLaunch launch;
    launch.id = task;
    accept.tasks.push_back(launch);
    return call(session, accept, correlation);
  }
  Answer kill(core::SessionId session, std::string_view task, std::uint32_t correlation = 0) {
    core::KillTask message;
    message.framework = core::FrameworkId{9};
    message.task = task;
    return call(session, message, correlation);
  }
  // The correlations of the calls whose time has come.
  std::vector<std::uint32_t> due() {
    std::vector<std::uint32_t> out;
    while (const auto held = throttle.take(now)) out.push_back(held->header.correlation);
    return out;
  }
  void use_up() {
    EXPECT_EQ(call(kA, core::Explain{}), Answer::kGo);
    EXPECT_EQ(call(kA, core::Explain{}), Answer::kGo);
  }

  RateLimits limits{{{{{milliseconds(500), 2}, "etl"}}, {milliseconds(100), 100}}};
  RateGroup& etl = limits.group_of("etl");
  Throttle throttle{limits};
  core::TimePoint now{std::chrono::hours(1)};
};

TEST_F(ThrottleTest, CallsOverTheRateWaitInOrderAndThenTooManyAreRefused) {
  use_up();
  EXPECT_EQ(launch(kA, "t1", 1), Answer::kWaits);
  EXPECT_EQ(call(kB, core::Reconcile{}, 2), Answer::kWaits);  // the other framework of that name
  EXPECT_EQ(launch(kA, "t2", 3), Answer::kFull);
  EXPECT_EQ(throttle.describe_full(kA),
            "over the rate limit of 'etl': 2 calls wait already, of 2 that may, and one goes every "
            "500 ms");
  EXPECT_EQ(throttle.retry_after(kA, now), milliseconds(1500));
  EXPECT_EQ(etl.calls(), 5u);
  EXPECT_EQ(etl.waiting(), 2u);
  EXPECT_EQ(etl.refused(), 1u);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_EQ(throttle.next(now), now + milliseconds(500));
  now += milliseconds(500);
  EXPECT_THAT(due(), ElementsAre(1u));
  EXPECT_EQ(launch(kA, "t3", 4), Answer::kWaits);
  now += milliseconds(500);
  EXPECT_EQ(call(kB, core::Explain{}, 5), Answer::kFull);  // what waits goes before what comes
  EXPECT_THAT(due(), ElementsAre(2u));
  now += seconds(10);
  EXPECT_THAT(due(), ElementsAre(4u));
  EXPECT_FALSE(throttle.next(now).has_value());
  EXPECT_EQ(etl.waiting(), 0u);
  EXPECT_EQ(etl.waited(), 3u);
}

TEST_F(ThrottleTest, OthersAreNotHeldUp) {
  use_up();
  ASSERT_EQ(launch(kA, "t1", 1), Answer::kWaits);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(launch(kC, "t"), Answer::kGo);
  EXPECT_EQ(launch(kC, "t", 7), Answer::kWaits);
  EXPECT_EQ(throttle.next(now), now + milliseconds(100));
  now += milliseconds(100);
  EXPECT_THAT(due(), ElementsAre(7u));
}

TEST_F(ThrottleTest, WhatGivesBackOrKeepsASessionAliveNeverWaits) {
  use_up();
  ASSERT_EQ(launch(kA, "t1", 1), Answer::kWaits);
  ASSERT_EQ(launch(kA, "t2", 2), Answer::kWaits);
  ASSERT_EQ(launch(kA, "t3", 3), Answer::kFull);
  core::Decline decline;
  decline.offers.push_back(core::OfferId{6});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(call(kA, decline), Answer::kGo);
    EXPECT_EQ(call(kA, core::Heartbeat{}), Answer::kGo);
    EXPECT_EQ(call(kA, core::AcknowledgeUpdate{{}, {}, "x", {}}), Answer::kGo);
    EXPECT_EQ(kill(kA, "x"), Answer::kGo);
  }
  EXPECT_EQ(call(kA, core::Teardown{}), Answer::kGo);
  EXPECT_EQ(etl.calls(), 5u);  // none of them counts
}

TEST_F(ThrottleTest, AKillStaysBehindTheLaunchOfItsTask) {
  use_up();
  ASSERT_EQ(launch(kA, "t1", 1), Answer::kWaits);
  ASSERT_EQ(launch(kB, "other", 2), Answer::kWaits);
  EXPECT_EQ(kill(kA, "t1", 3), Answer::kWaits);
  EXPECT_EQ(kill(kA, "other", 4), Answer::kGo);  // not this framework's launch
  EXPECT_EQ(etl.waiting(), 2u);
  now += milliseconds(500);
  EXPECT_THAT(due(), ElementsAre(1u));
  now += milliseconds(500);
  EXPECT_THAT(due(), ElementsAre(2u, 3u));  // the kill costs nothing
  EXPECT_EQ(kill(kA, "t1"), Answer::kGo);
}

TEST_F(ThrottleTest, WhatWaitsGoesWithItsSession) {
  use_up();
  ASSERT_EQ(launch(kA, "t1", 1), Answer::kWaits);
  ASSERT_EQ(kill(kA, "t1", 2), Answer::kWaits);
  ASSERT_EQ(launch(kB, "t2", 3), Answer::kWaits);
  throttle.end(kA);
  EXPECT_EQ(etl.waiting(), 1u);
  now += seconds(5);
  EXPECT_THAT(due(), ElementsAre(3u));
  EXPECT_EQ(launch(kA, "t1"), Answer::kGo);  // has not subscribed: dispatch knows what to say
  EXPECT_EQ(etl.waiting(), 0u);
}

TEST_F(ThrottleTest, AnotherReactorSeesTheSameRateAndTheSameRoom) {
  Throttle other(limits);
  other.begin(kA, "etl");
  use_up();
  wire::ByteVector bytes;
  wire::encode(core::Explain{}, 1, bytes);
  wire::FrameView frame;
  ASSERT_TRUE(wire::next_frame(bytes, core::kMaxFrameBytes, &frame).ok());
  EXPECT_EQ(other.on_call(kA, frame, now), Answer::kWaits);
  EXPECT_EQ(launch(kA, "t1"), Answer::kWaits);
  EXPECT_EQ(other.on_call(kA, frame, now), Answer::kFull);
  other.end(kA);
  EXPECT_EQ(etl.waiting(), 1u);
}

TEST_F(ThrottleTest, BytesOfOneFrameworkAreBounded) {
  RateLimits wide({{{{seconds(500), 1000}, "etl"}}, {}});
  Throttle narrow(wide);
  narrow.begin(kA, "etl");
  core::Accept accept;
  accept.offers.push_back(core::OfferId{5});
  const std::vector<std::uint8_t> description(core::kMaxTaskDescriptionBytes, 1);
  accept.tasks.emplace_back().id = "t";
  accept.tasks[0].description = description;
  wire::ByteVector bytes;
  wire::encode(accept, 0, bytes);
  wire::FrameView frame;
  ASSERT_TRUE(wire::next_frame(bytes, core::kMaxFrameBytes, &frame).ok());
  ASSERT_EQ(narrow.on_call(kA, frame, now), Answer::kGo);
  std::size_t held = 0;
  while (narrow.on_call(kA, frame, now) == Answer::kWaits) ++held;
  EXPECT_EQ(held, core::kMaxHeldBytes / frame.payload.size());
  EXPECT_EQ(wide.group_of("etl").refused(), 1u);
  EXPECT_EQ(wide.group_of("etl").waiting(), held);
  EXPECT_THAT(narrow.describe_full(kA), HasSubstr("etl"));
}

}  // namespace
}  // namespace shoal::master
