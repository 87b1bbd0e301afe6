// The handlers of agent/agent_handlers.h that make and keep the session with the master.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <set>

#include "agent/agent_handlers.h"
#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::TaskReason;
using core::TaskState;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AgentSession, GreetsRegistersAndTakesTheId) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  ASSERT_EQ(a.fx.hellos.size(), 1u);
  EXPECT_EQ(a.fx.hellos[0].kind, core::PeerKind::kAgent);
  EXPECT_EQ(a.fx.hellos[0].peer_id, 0u);
  EXPECT_EQ(a.fx.registrations, 0);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x"}, a.now);
  EXPECT_EQ(a.fx.registrations, 1);
  EXPECT_NE(a.fx.incarnation, 0u);
  on_registered(a.state, a.fx, core::AgentRegistered{core::AgentId{5}, 100, 300}, a.now);
  EXPECT_TRUE(a.state.is_registered());
  EXPECT_EQ(a.state.id.value, 5u);
  EXPECT_EQ(a.state.heartbeat_interval, milliseconds(100));
  EXPECT_EQ(a.state.session_timeout, milliseconds(300));
}

TEST(AgentSession, ComesBackWithItsIdClusterAndIncarnation) {
  TestAgent a;
  a.connect(0xa1);
  const std::uint64_t incarnation = a.fx.incarnation;
  on_disconnected(a.state);
  a.connect(0xa1);
  ASSERT_EQ(a.fx.hellos.size(), 2u);
  EXPECT_EQ(a.fx.hellos[1].peer_id, 0xa1u);
  EXPECT_EQ(a.fx.hellos[1].cluster_id, kCluster);
  EXPECT_EQ(a.fx.incarnation, incarnation);
}

TEST(AgentSession, SillyIntervalsAreMadeSane) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  on_registered(a.state, a.fx, core::AgentRegistered{core::AgentId{5}, 0, 0}, a.now);
  EXPECT_EQ(a.state.heartbeat_interval, core::Duration(core::kHeartbeatInterval));
  EXPECT_EQ(a.state.session_timeout, core::Duration(core::kSessionTimeout));
  on_registered(a.state, a.fx, core::AgentRegistered{core::AgentId{5}, 1, 1}, a.now);
  EXPECT_EQ(a.state.heartbeat_interval, milliseconds(10));
  EXPECT_EQ(a.state.session_timeout, milliseconds(20));
}

TEST(AgentSession, HeartbeatsCountUpAndAreDueOnTime) {
  TestAgent a;
  a.connect();
  const core::TimePoint first = a.state.next_heartbeat;
  EXPECT_LT(first, a.now + milliseconds(5000));
  EXPECT_EQ(next_deadline(a.state), first);
  const auto wait = std::chrono::ceil<milliseconds>(first - a.now);
  a.advance_hearing(wait - milliseconds(1));
  EXPECT_THAT(a.fx.heartbeats, IsEmpty());
  a.advance_hearing(milliseconds(1));
  EXPECT_EQ(next_deadline(a.state), a.now + milliseconds(5000));
  a.advance_hearing(milliseconds(5000));
  EXPECT_THAT(a.fx.heartbeats, ElementsAre(1, 2));
}

TEST(AgentSession, UsageIsAskedForWithAHeartbeatAndNotTooOften) {
  TestAgent a;
  a.state.usage_interval = milliseconds(12'000);
  a.connect();
  a.advance_hearing(milliseconds(5000));
  EXPECT_EQ(a.fx.usage_asked, 1);
  a.advance_hearing(milliseconds(5000));
  a.advance_hearing(milliseconds(5000));
  EXPECT_EQ(a.fx.usage_asked, 1);
  a.advance_hearing(milliseconds(5000));
  EXPECT_EQ(a.fx.usage_asked, 2);
  core::UsageReport report;
  report.machine.cpus_milli = 1500;
  on_usage(a.state, a.fx, report);
  EXPECT_THAT(a.fx.usage, ElementsAre(1500u));
}

TEST(AgentSession, UsageIsNeitherAskedForNorSentToAMasterThatDoesNotKnowIt) {
  TestAgent a;
  a.state.usage_interval = milliseconds(1000);
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, 1, kCluster, "older"}, a.now);
  on_registered(a.state, a.fx, core::AgentRegistered{core::AgentId{5}, 5000, 15'000}, a.now);
  a.advance_hearing(milliseconds(5000));
  EXPECT_EQ(a.fx.usage_asked, 0);
  on_usage(a.state, a.fx, core::UsageReport{});  // asked for in an earlier session
  a.connect();
  on_disconnected(a.state);
  on_usage(a.state, a.fx, core::UsageReport{});
  EXPECT_THAT(a.fx.usage, IsEmpty());
}

TEST(AgentSession, AgentsThatRegisterTogetherDoNotBeatTogether) {
  int early = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    TestAgent a;
    a.state.random = core::Random(seed);
    a.connect();
    if (a.state.next_heartbeat - a.now < milliseconds(2500)) ++early;
  }
  EXPECT_GT(early, 30);
  EXPECT_LT(early, 70);
}

TEST(AgentSession, SilenceOfTheMasterEndsTheSession) {
  TestAgent a;
  a.connect();
  a.advance(milliseconds(14'999));
  EXPECT_THAT(a.fx.disconnects, IsEmpty());
  a.advance(milliseconds(1));
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("silent for 15000 ms"));
  EXPECT_FALSE(a.state.is_registered());
  a.advance(milliseconds(60'000));
  EXPECT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_EQ(next_deadline(a.state), core::TimePoint::max());
}

TEST(AgentSession, AMasterThatNeverWelcomesIsLeft) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  a.advance(milliseconds(15'000));
  EXPECT_EQ(a.fx.disconnects.size(), 1u);
}

TEST(AgentSession, RefusalsThatNoRetryHeals) {
  for (const auto code : {core::RefusalCode::kWrongCluster, core::RefusalCode::kUnsupportedVersion,
                          core::RefusalCode::kInvalid}) {
    TestAgent a;
    on_connected(a.state, a.fx, a.now);
    on_refusal(a.state, a.fx, core::Refusal{code, "because"});
    ASSERT_EQ(a.fx.ends.size(), 1u) << core::name_of(code);
    EXPECT_THAT(a.fx.ends[0], HasSubstr("because"));
    EXPECT_EQ(a.state.session, SessionPhase::kDisconnected);
  }
}

TEST(AgentSession, AHigherEpochIsStoredBeforeTheAgentRegisters) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  a.fx.store_status = absl::ResourceExhaustedError("the disk is full");
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x", 7}, a.now);
  EXPECT_EQ(a.fx.registrations, 0);
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("the disk is full"));
  a.fx.store_status = absl::OkStatus();
  on_connected(a.state, a.fx, a.now);
  EXPECT_EQ(a.fx.hellos[1].epoch, 0u);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x", 7}, a.now);
  EXPECT_EQ(a.fx.registrations, 1);
  EXPECT_EQ(a.fx.epochs, (std::vector<std::uint64_t>{7}));
  on_connected(a.state, a.fx, a.now);
  EXPECT_EQ(a.fx.hellos[2].epoch, 7u);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x", 7}, a.now);
  EXPECT_EQ(a.fx.epochs.size(), 1u);  // known
}

TEST(AgentSession, AnEarlierMasterIsRefused) {
  TestAgent a;
  a.state.epoch = 7;
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x", 6}, a.now);
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_EQ(a.fx.disconnects[0], "it leads no more: its epoch is 6, this agent has seen 7");
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x", 0}, a.now);
  ASSERT_EQ(a.fx.disconnects.size(), 2u);
  EXPECT_THAT(a.fx.disconnects[1], HasSubstr("remove its file 'epoch'"));
  on_connected(a.state, a.fx, a.now);
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kFenced, "a later master leads"});
  EXPECT_EQ(a.fx.disconnects.size(), 3u);
  EXPECT_EQ(a.fx.registrations, 0);
  EXPECT_THAT(a.fx.ends, IsEmpty());
  EXPECT_EQ(a.state.epoch, 7u);
}

TEST(AgentSession, AStandbySaysWhoLeads) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kNotLeader, "standby", "h:1"});
  a.connect();
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kNotLeader, "no more", ""});
  EXPECT_EQ(a.fx.leaders, (std::vector<std::string>{"h:1", ""}));
  EXPECT_EQ(a.state.session, SessionPhase::kDisconnected);
  EXPECT_THAT(a.fx.ends, IsEmpty());
}

TEST(AgentSession, FencedWhileRegisteredEnds) {
  TestAgent a;
  a.connect();
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kFenced, "another one"});
  EXPECT_EQ(a.fx.ends.size(), 1u);
}

TEST(AgentSession, AnAgentThatIsGoneLeavesWithItsTasks) {
  TestAgent a;
  a.connect();
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kGone, "written off"});
  EXPECT_EQ(a.fx.departures.size(), 1u);
  EXPECT_THAT(a.fx.ends, IsEmpty());
  EXPECT_EQ(a.state.session, SessionPhase::kDisconnected);
}

TEST(AgentSession, RefusalsThatPass) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kOverloaded, "later"});
  EXPECT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.ends, IsEmpty());
  a.connect();
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kInvalid, "one message"});
  EXPECT_TRUE(a.state.is_registered());
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kShuttingDown, "bye"});
  EXPECT_FALSE(a.state.is_registered());
}

TEST(AgentSession, ABusyMasterIsAskedAgainWhenItSays) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  const core::Refusal busy{core::RefusalCode::kOverloaded, "later", "", 1500};
  on_refusal(a.state, a.fx, busy);
  EXPECT_EQ(a.fx.waits, (std::vector<core::Duration>{std::chrono::milliseconds(1500)}));
  EXPECT_EQ(a.state.session, SessionPhase::kDisconnected);
  EXPECT_THAT(a.fx.ends, IsEmpty());
  a.connect();
  on_refusal(a.state, a.fx, busy);  // of one message
  EXPECT_TRUE(a.state.is_registered());
  EXPECT_EQ(a.fx.waits.size(), 1u);
}

TEST(AgentSession, AForgottenIdIsGivenUp) {
  TestAgent a;
  a.connect(0xa1);
  on_disconnected(a.state);
  on_connected(a.state, a.fx, a.now);
  on_refusal(a.state, a.fx, core::Refusal{core::RefusalCode::kNotFound, "no such agent"});
  EXPECT_FALSE(a.state.id.valid());
  a.connect(0xa2);
  EXPECT_EQ(a.fx.hellos.back().peer_id, 0u);
  EXPECT_EQ(a.state.id.value, 0xa2u);
}

TEST(AgentSession, AnotherClusterOrProtocolIsNotFollowed) {
  TestAgent a;
  a.connect();
  on_disconnected(a.state);
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster + 1, "x"}, a.now);
  EXPECT_EQ(a.fx.ends.size(), 1u);
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{9, 0, kCluster, "x"}, a.now);
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("protocol 9"));
}

}  // namespace
}  // namespace shoal::agent
