// Peers of earlier and later releases, over real connections to today's master: who is refused, and
// told what; who is understood, and as what.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/status.h"
#include "tests/master/frame_client.h"
#include "tests/master/running_master.h"
#include "tests/wire/raw.h"

namespace shoal::master {
namespace {

using core::RefusalCode;
using wire::field;
using wire::MessageKind;
using wire::Raw;

constexpr std::uint16_t kUnknownKind = 999;

class NegotiationTest : public testing::Test {
 protected:
  void SetUp() override { master_.start(); }

  static core::Hello hello(core::PeerKind kind, std::uint16_t low, std::uint16_t high) {
    core::Hello message;
    message.kind = kind;
    message.protocol_min = low;
    message.protocol_max = high;
    message.software = "test";
    return message;
  }
  static void send(FrameClient& client, const wire::ByteVector& frame) {
    client.send_raw(frame.data(), frame.size());
  }
  // The refusal that comes next, and the end of the connection behind it.
  static void expect_refused(FrameClient& client, RefusalCode code, std::string_view message) {
    const auto refusal = client.expect<core::Refusal>(MessageKind::kRefusal);
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->code, code);
    EXPECT_EQ(refusal->message, message);
    EXPECT_TRUE(client.wait_closed());
  }
  // A frame of version 0.1, as that wrote it.
  static wire::ByteVector frame_of_01(std::string_view name) {
    std::ifstream stream(std::filesystem::path(SHOAL_SOURCE_DIR) / "tests/golden/0.1" / name);
    wire::ByteVector frame;
    for (std::string byte; stream >> byte;) {
      frame.push_back(static_cast<std::uint8_t>(std::stoi(byte, nullptr, 16)));
    }
    return frame;
  }

  RunningMaster master_;
};

TEST_F(NegotiationTest, PeersOfOtherProtocolsAreToldBothNumbers) {
  const std::vector<std::pair<std::uint16_t, std::uint16_t>> strangers = {{0, 0}, {2, 2}, {2, 7}};
  for (const auto kind :
       {core::PeerKind::kAgent, core::PeerKind::kFramework, core::PeerKind::kOperator}) {
    for (const auto& [low, high] : strangers) {
      FrameClient client(master_.address());
      client.send(hello(kind, low, high));
      expect_refused(client, RefusalCode::kUnsupportedVersion,
                     fmt::format("this master speaks protocol 1, the peer {} to {}", low, high));
    }
  }
}

TEST_F(NegotiationTest, PeersThatAlsoSpeakAnotherProtocolAreWelcome) {
  const std::vector<std::pair<std::uint16_t, std::uint16_t>> neighbours = {{0, 1}, {1, 2}, {0, 9}};
  for (const auto& [low, high] : neighbours) {
    FrameClient client(master_.address());
    client.send(hello(core::PeerKind::kOperator, low, high));
    const auto welcome = client.expect<core::Welcome>(MessageKind::kWelcome);
    ASSERT_TRUE(welcome.has_value());
    EXPECT_EQ(welcome->protocol, 1u);
  }
}

TEST_F(NegotiationTest, AnotherLayoutOfFramesIsRefusedWithBothNumbers) {
  for (const std::uint8_t version : {std::uint8_t{0}, std::uint8_t{2}}) {
    FrameClient client(master_.address());
    wire::ByteVector frame;
    wire::encode(hello(core::PeerKind::kAgent, 2, 2), 0, frame);
    frame[2] = version;
    send(client, frame);
    expect_refused(client, RefusalCode::kBadMessage,
                   fmt::format("frame version {} is not supported; this side speaks 1", version));
  }
}

TEST_F(NegotiationTest, FeaturesThatNobodyKnowsAreIgnored) {
  for (const std::uint64_t features : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    FrameClient client(master_.address());
    core::Hello message = hello(core::PeerKind::kFramework, 1, 1);
    message.features = features;
    client.send(message);
    const auto welcome = client.expect<core::Welcome>(MessageKind::kWelcome);
    ASSERT_TRUE(welcome.has_value());
    EXPECT_EQ(welcome->features, core::kFeatures);
    core::Subscribe subscribe;
    subscribe.name = "f";
    subscribe.capabilities = core::Capabilities(features);
    client.send(subscribe);
    EXPECT_TRUE(client.expect<core::Subscribed>(MessageKind::kSubscribed).has_value());
  }
}

TEST_F(NegotiationTest, KindsThatNobodyKnowsAreRefusedByNumber) {
  FrameClient first(master_.address());
  send(first, wire::framed(kUnknownKind, wire::ByteVector(8)));
  expect_refused(first, RefusalCode::kNotExpected, "the first message must be HELLO");
  for (const auto kind :
       {core::PeerKind::kAgent, core::PeerKind::kFramework, core::PeerKind::kOperator}) {
    FrameClient client(master_.address());
    client.greet(kind);
    send(client, wire::framed(kUnknownKind, wire::ByteVector(8)));
    expect_refused(client, RefusalCode::kNotExpected, "unknown message kind 999");
  }
}

TEST_F(NegotiationTest, ValuesThatNobodyKnowsAreRefusedByField) {
  FrameClient client(master_.address());
  Raw raw;
  const std::uint16_t protocol = 1;
  send(client, wire::framed(MessageKind::kHello,
                            raw.finish(raw.table(field(0, std::uint8_t{9}), field(1, protocol),
                                                 field(2, protocol)))));
  const auto refusal = client.expect<core::Refusal>(MessageKind::kRefusal);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, RefusalCode::kBadMessage);
  EXPECT_EQ(refusal->message.substr(0, 11), "Hello.kind:");
}

// An older schema has fewer fields in a table, and all of them are there for a peer of today.
TEST_F(NegotiationTest, WhoSaysLessMeansWhatItMeantThen) {
  const auto greet = [](FrameClient& client, std::uint8_t kind) {
    Raw raw;
    const std::uint16_t protocol = 1;
    send(client,
         wire::framed(MessageKind::kHello, raw.finish(raw.table(field(0, kind), field(1, protocol),
                                                                field(2, protocol)))));
    EXPECT_TRUE(client.expect<core::Welcome>(MessageKind::kWelcome).has_value());
  };
  FrameClient agent(master_.address());
  greet(agent, 0);
  Raw registration;
  const auto resources =
      registration.table(field(0, std::int64_t{4000}), field(1, std::int64_t{1'000'000}));
  const auto hostname = registration.text("old");
  send(agent,
       wire::framed(MessageKind::kRegisterAgent,
                    registration.finish(registration.table(
                        field(0, std::uint64_t{7}), field(1, hostname), field(3, resources)))));
  ASSERT_TRUE(agent.expect<core::AgentRegistered>(MessageKind::kAgentRegistered).has_value());

  FrameClient framework(master_.address());
  greet(framework, 1);
  Raw subscription;
  const auto name = subscription.text("old");
  send(framework, wire::framed(MessageKind::kSubscribe,
                               subscription.finish(subscription.table(field(0, name)))));
  const auto offers = framework.expect<core::Offers>(MessageKind::kOffers);
  ASSERT_TRUE(offers.has_value());
  EXPECT_EQ(offers->offers.at(0).role, "*");
  EXPECT_EQ(core::to_string(offers->offers[0].resources), "cpus:4;mem:1000");

  Raw acceptance;
  const auto wanted = acceptance.table(field(0, std::int64_t{1000}));
  const auto id = acceptance.text("t");
  const auto task = acceptance.table(field(0, id), field(2, wanted));
  const auto tasks = acceptance.tables({task});
  const auto ids = acceptance.numbers(std::vector<std::uint64_t>{offers->offers[0].id.packed()});
  send(framework, wire::framed(MessageKind::kAccept, acceptance.finish(acceptance.table(
                                                         field(0, ids), field(1, tasks)))));
  const auto run = agent.expect<core::RunTask>(MessageKind::kRunTask);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->task.id, "t");
}

TEST_F(NegotiationTest, PeersOfVersion01AreServed) {
  FrameClient agent(master_.address());
  agent.greet(core::PeerKind::kAgent);
  send(agent, frame_of_01("register_agent.hex"));
  EXPECT_TRUE(agent.expect<core::AgentRegistered>(MessageKind::kAgentRegistered).has_value());

  FrameClient idle(master_.address());  // the other one is full of tasks
  idle.greet(core::PeerKind::kAgent);
  core::RegisterAgent registration;
  registration.incarnation = 1;
  registration.hostname = "idle";
  registration.resources = core::parse_resources("cpus:2;mem:64").value();
  idle.send(registration);

  FrameClient framework(master_.address());
  framework.greet(core::PeerKind::kFramework);
  send(framework, frame_of_01("subscribe.hex"));
  EXPECT_TRUE(framework.expect<core::Subscribed>(MessageKind::kSubscribed).has_value());
  const auto offers = framework.expect<core::Offers>(MessageKind::kOffers);
  ASSERT_TRUE(offers.has_value());
  EXPECT_EQ(offers->offers.at(0).role, "research");
  // An offer of another run: nothing of it is done, and both of its tasks are told.
  send(framework, frame_of_01("accept.hex"));
  for (int task = 0; task < 2; ++task) {
    const auto status = framework.expect<core::TaskStatus>(MessageKind::kStatusUpdate);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->state, core::TaskState::kDropped);
  }
  send(framework, frame_of_01("suppress.hex"));
  send(framework, frame_of_01("revive.hex"));
  framework.send(core::Heartbeat{5});
  EXPECT_TRUE(framework.expect<core::Heartbeat>(MessageKind::kHeartbeat).has_value());
}

// A newer schema has fields at the end of its tables that nobody here knows.
TEST_F(NegotiationTest, WhatIsMoreThanThisMasterKnowsIsIgnored) {
  const std::uint16_t protocol = 1;
  FrameClient agent(master_.address());
  Raw greeting;
  const auto news = greeting.text("what this is nobody knows");
  const auto table = greeting.table(field(0, news), field(5, std::uint64_t{5}));
  const auto list = greeting.tables({table, table});
  send(agent,
       wire::framed(MessageKind::kHello, greeting.finish(greeting.table(
                                             field(0, std::uint8_t{0}), field(1, protocol),
                                             field(2, protocol), field(9, news), field(10, table),
                                             field(11, list), field(12, std::uint8_t{1})))));
  ASSERT_TRUE(agent.expect<core::Welcome>(MessageKind::kWelcome).has_value());
  Raw registration;
  const auto amounts = registration.table(
      field(0, std::int64_t{2000}), field(1, std::int64_t{64'000}), field(9, std::int64_t{9}));
  const auto hostname = registration.text("new");
  send(agent,
       wire::framed(MessageKind::kRegisterAgent,
                    registration.finish(registration.table(
                        field(0, std::uint64_t{7}), field(1, hostname), field(3, amounts),
                        field(9, ~std::uint64_t{0}), field(10, hostname), field(11, amounts)))));
  ASSERT_TRUE(agent.expect<core::AgentRegistered>(MessageKind::kAgentRegistered).has_value());

  FrameClient framework(master_.address());
  framework.greet(core::PeerKind::kFramework);
  Raw subscription;
  const auto name = subscription.text("new");
  send(framework,
       wire::framed(MessageKind::kSubscribe, subscription.finish(subscription.table(
                                                 field(0, name), field(6, ~std::uint64_t{0}),
                                                 field(9, name), field(10, std::uint32_t{3})))));
  const auto offers = framework.expect<core::Offers>(MessageKind::kOffers);
  ASSERT_TRUE(offers.has_value());
  EXPECT_EQ(core::to_string(offers->offers.at(0).resources), "cpus:2;mem:64");
}

}  // namespace
}  // namespace shoal::master
