// Masters of earlier and later releases, and readers of logs, as today's agent hears them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/session.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/recording_effects.h"
#include "tests/wire/raw.h"

namespace shoal::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::field;
using wire::MessageKind;
using wire::Raw;

constexpr std::uint16_t kProtocol = 1;

void receive(TestAgent& a, const wire::ByteVector& frame) {
  wire::FrameView view;
  const auto progress = wire::next_frame(frame, core::kMaxFrameBytes, &view);
  ASSERT_TRUE(progress.ok() && *progress == wire::FrameProgress::kFrame);
  on_frame(a.state, a.fx, view, a.now);
}

template <typename Message>
void receive_message(TestAgent& a, const Message& message) {
  receive(a, wire::encoded(message));
}

TEST(AgentNegotiation, SaysWhatItSpeaksAndKnows) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  ASSERT_EQ(a.fx.hellos.size(), 1u);
  EXPECT_EQ(a.fx.hellos[0].protocol_min, kProtocol);
  EXPECT_EQ(a.fx.hellos[0].protocol_max, kProtocol);
  EXPECT_EQ(a.fx.hellos[0].features, core::kFeatures);
}

TEST(AgentNegotiation, AProtocolThatItHasNotOfferedIsNotSpoken) {
  for (const std::uint16_t chosen : {std::uint16_t{0}, std::uint16_t{2}}) {
    TestAgent a;
    on_connected(a.state, a.fx, a.now);
    receive_message(a, core::Welcome{chosen, core::kFeatures, kCluster, "x"});
    EXPECT_EQ(a.fx.registrations, 0);
    EXPECT_THAT(
        a.fx.disconnects,
        ElementsAre(fmt::format("the master chose protocol {}; this agent speaks 1", chosen)));
  }
}

TEST(AgentNegotiation, ARefusedVersionIsTheEndWithBothNumbers) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  receive_message(a, core::Refusal{core::RefusalCode::kUnsupportedVersion,
                                   "this master speaks protocol 2, the peer 1 to 1"});
  EXPECT_THAT(a.fx.ends, ElementsAre("the master refused: this master speaks protocol 2, the peer "
                                     "1 to 1 (UNSUPPORTED_VERSION)"));
}

// Without the feature it sends none of the kinds that such a master does not know.
TEST(AgentNegotiation, AMasterThatSaysLessIsServedWithLess) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  Raw welcome;
  receive(a, wire::framed(MessageKind::kWelcome,
                          welcome.finish(welcome.table(field(0, kProtocol),
                                                       field(2, std::uint64_t{kCluster})))));
  EXPECT_EQ(a.fx.registrations, 1);
  Raw registered;
  receive(a, wire::framed(MessageKind::kAgentRegistered,
                          registered.finish(registered.table(field(0, std::uint64_t{9}),
                                                             field(1, std::uint32_t{5000}),
                                                             field(2, std::uint32_t{15'000})))));
  EXPECT_TRUE(a.state.is_registered());
  EXPECT_THAT(a.fx.lent, IsEmpty());
  EXPECT_EQ(a.state.heartbeat_interval, core::kHeartbeatInterval);
  EXPECT_THAT(a.fx.disconnects, IsEmpty());
}

wire::ByteVector command_true() {
  wire::TaskDescription description;
  description.command = "true";
  return wire::encode_task_description(description).value();
}

TEST(AgentNegotiation, WhatIsMoreThanItKnowsIsIgnored) {
  TestAgent a;
  a.state.revocable = resources_of("cpus{revocable}:2");
  on_connected(a.state, a.fx, a.now);
  Raw welcome;
  const auto news = welcome.text("news");
  receive(
      a, wire::framed(MessageKind::kWelcome,
                      welcome.finish(welcome.table(field(0, kProtocol), field(1, ~std::uint64_t{0}),
                                                   field(2, std::uint64_t{kCluster}),
                                                   field(5, news), field(6, std::uint64_t{6})))));
  Raw registered;
  receive(a, wire::framed(MessageKind::kAgentRegistered,
                          registered.finish(registered.table(
                              field(0, std::uint64_t{9}), field(1, std::uint32_t{5000}),
                              field(2, std::uint32_t{15'000}), field(3, std::uint64_t{3})))));
  ASSERT_TRUE(a.state.is_registered());
  EXPECT_EQ(a.fx.lent.size(), 1u);  // the feature that it does know

  Raw run;
  const auto id = run.text("t");
  const auto cpus = run.table(field(0, std::int64_t{1000}), field(9, std::int64_t{9}));
  const auto description = run.numbers(command_true());
  const auto task =
      run.table(field(0, id), field(2, cpus), field(3, description), field(5, id), field(6, cpus));
  receive(a, wire::framed(
                 MessageKind::kRunTask,
                 run.finish(run.table(field(0, kFramework.value), field(1, task), field(2, id)))));
  EXPECT_THAT(a.fx.commands, ElementsAre("true"));
  on_process_started(a.state, a.fx, kFramework, "t", a.now);
  // One of before: without a limit of its grace.
  Raw kill;
  const auto killed = kill.text("t");
  receive(a, wire::framed(MessageKind::kKillTask,
                          kill.finish(kill.table(field(0, kFramework.value), field(2, killed)))));
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kTerminate}));
  EXPECT_THAT(a.fx.disconnects, IsEmpty());
}

TEST(AgentNegotiation, AKindThatItDoesNotKnowEndsTheSessionByNumber) {
  TestAgent a;
  a.connect();
  receive(a, wire::framed(999, wire::ByteVector(8)));
  EXPECT_THAT(a.fx.disconnects,
              ElementsAre("the master sent a message of unknown kind 999, which is not expected "
                          "here"));
}

// Over real connections: what listens there is of another time, and the agent says so when it ends.
using AgentNegotiationTest = AgentTest;

TEST_F(AgentNegotiationTest, ReadersOfLogsAreToldBothNumbers) {
  start_and_wait();
  TestPeer reader(loop_.reactor(), agent_->address());
  ASSERT_TRUE(loop_.run_until([&] { return reader.is_connected(); }));
  core::Hello hello;
  hello.kind = core::PeerKind::kLogReader;
  hello.protocol_min = 2;
  hello.protocol_max = 3;
  reader.send(hello);
  ASSERT_TRUE(loop_.run_until([&] { return reader.closes > 0; }));
  ASSERT_EQ(reader.frames.size(), 1u);
  const auto refusal = reader.frames[0].as<core::Refusal>();
  ASSERT_TRUE(refusal.ok()) << refusal.status();
  EXPECT_EQ(refusal->code, core::RefusalCode::kUnsupportedVersion);
  EXPECT_EQ(refusal->message, "this agent speaks protocol 1, the peer 2 to 3");
}

TEST_F(AgentNegotiationTest, AMasterThatDoesNotSpeakItsProtocolEndsTheDaemon) {
  master_.refusal = core::RefusalCode::kUnsupportedVersion;
  start(options());
  ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
  EXPECT_EQ(core::message_of(*stopped_), "the master refused: not you (UNSUPPORTED_VERSION)");
}

}  // namespace
}  // namespace shoal::agent
