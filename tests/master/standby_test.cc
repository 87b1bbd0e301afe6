#include "master/standby.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "net/dialer.h"
#include "tests/master/frame_client.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

class StandbyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Standby::create(
        {.listen = "127.0.0.1:0", .version = "test", .on_signal = {}, .on_hang_up = {}});
    ASSERT_TRUE(made.ok()) << made.status();
    standby_ = *std::move(made);
  }
  std::string address() const { return standby_->address().to_string(); }

  std::unique_ptr<FrameClient> knock(core::PeerKind kind) const {
    auto client = std::make_unique<FrameClient>(address());
    core::Hello hello;
    hello.kind = kind;
    hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
    hello.software = "test";
    client->send(hello, 7);
    return client;
  }
  // When this returns the standby has heard all that knocked before.
  void settle() const {
    FrameClient client(address());
    client.send(core::Heartbeat{});
    EXPECT_TRUE(client.wait_closed());
  }
  // Where the peer is sent on to; "-" when it is not.
  static std::string sent_to(FrameClient& client) {
    const auto refusal = client.expect<core::Refusal>(wire::MessageKind::kRefusal);
    if (!refusal.has_value() || refusal->code != core::RefusalCode::kNotLeader) return "-";
    return std::string(refusal->leader);
  }

  std::unique_ptr<Standby> standby_;
};

TEST_F(StandbyTest, WhileNobodyCanTellWhoLeadsAPeerIsKeptALittleAndThenToldSo) {
  const auto began = std::chrono::steady_clock::now();
  const auto agent = knock(core::PeerKind::kAgent);
  EXPECT_EQ(sent_to(*agent), "");
  const auto waited = std::chrono::steady_clock::now() - began;
  EXPECT_GE(waited, std::chrono::milliseconds(900));
  EXPECT_LT(waited, net::kGreetingTimeout);
  EXPECT_TRUE(agent->wait_closed());
}

TEST_F(StandbyTest, ThoseThatWaitAreToldWhenThisProcessLeads) {
  std::vector<std::unique_ptr<FrameClient>> waiting;
  for (int i = 0; i < 250; ++i) waiting.push_back(knock(core::PeerKind::kAgent));
  waiting.push_back(knock(core::PeerKind::kFramework));
  settle();
  standby_->close();
  // More than are told at once; all are, before their time is over.
  EXPECT_EQ(sent_to(*waiting.back()), address());
  waiting.pop_back();
  for (const auto& client : waiting) EXPECT_EQ(sent_to(*client), address());
}

TEST_F(StandbyTest, APeerThatLeavesWhileItWaitsHarmsNobody) {
  for (int i = 0; i < 20; ++i) knock(core::PeerKind::kAgent);
  const auto last = knock(core::PeerKind::kAgent);
  settle();
  standby_->close();
  EXPECT_EQ(sent_to(*last), address());
}

TEST_F(StandbyTest, WhoWaitsCanBeTakenOverWithItsHelloFrameworksFirst) {
  const auto agent = knock(core::PeerKind::kAgent);
  const auto framework = knock(core::PeerKind::kFramework);
  settle();
  const std::vector<net::DetachedConnection> taken = standby_->take_waiting();
  ASSERT_EQ(taken.size(), 2u);
  const std::array<core::PeerKind, 2> kinds{core::PeerKind::kFramework, core::PeerKind::kAgent};
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_TRUE(taken[i].is_valid());
    EXPECT_TRUE(taken[i].output().empty());
    wire::FrameView frame;
    const auto progress = wire::next_frame(taken[i].input(), core::kMaxHelloBytes, &frame);
    ASSERT_TRUE(progress.ok()) << progress.status();
    ASSERT_EQ(*progress, wire::FrameProgress::kFrame);
    const auto hello = wire::decode<core::Hello>(frame.payload);
    ASSERT_TRUE(hello.ok()) << hello.status();
    EXPECT_EQ(hello->kind, kinds[i]);
    EXPECT_EQ(frame.header.correlation, 7u);
  }
  EXPECT_TRUE(standby_->take_waiting().empty());
}

TEST_F(StandbyTest, WhatIsNoHelloIsRefusedAtOnce) {
  FrameClient client(address());
  client.send(core::Heartbeat{});
  const auto refusal = client.expect<core::Refusal>(wire::MessageKind::kRefusal);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, core::RefusalCode::kNotExpected);
}

}  // namespace
}  // namespace shoal::master
