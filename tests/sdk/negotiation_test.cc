// Masters of earlier and later releases, as today's schedulers and operators hear them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "net/listener.h"
#include "sdk/operator_client.h"
#include "sdk/scheduler_session.h"
#include "tests/net/net_testing.h"
#include "tests/wire/raw.h"

namespace shoal::sdk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::field;
using wire::MessageKind;
using wire::Raw;

constexpr std::uint16_t kProtocol = 1;
constexpr std::string_view kRefused = "this master speaks protocol 2, the peer 1 to 1";

wire::ByteVector welcome_of(std::uint16_t protocol) {
  core::Welcome welcome;
  welcome.protocol = protocol;
  welcome.cluster_id = 77;
  welcome.features = core::kFeatures;
  return wire::encoded(welcome);
}

wire::ByteVector refusal_of_version() {
  return wire::encoded(core::Refusal{core::RefusalCode::kUnsupportedVersion, kRefused});
}

class Heard final : public Scheduler {
 public:
  void offers(Driver&, absl::Span<const Offer> offers) override {
    for (const Offer& offer : offers) log.push_back("offer of " + offer.hostname);
  }
  void update(Driver&, const TaskStatus& status) override {
    log.push_back(status.task + " " + std::string(core::name_of(status.state)));
  }
  void error(Driver&, const absl::Status& status) override { end = status; }

  std::vector<std::string> log;
  absl::Status end;
};

class SessionNegotiationTest : public testing::Test, public SessionSink {
 protected:
  void send(wire::Bytes frame) override { sent.emplace_back(frame.begin(), frame.end()); }
  void reconnect(const absl::Status& why) override { lost = why; }
  void finished(const absl::Status& status) override { end = status; }

  absl::Status receive(const wire::ByteVector& frame) {
    wire::FrameView view;
    const auto progress = wire::next_frame(frame, core::kMaxFrameBytes, &view);
    EXPECT_TRUE(progress.ok() && *progress == wire::FrameProgress::kFrame);
    return session.on_frame(view, now);
  }

  core::TimePoint now{std::chrono::hours(1)};
  std::vector<wire::ByteVector> sent;
  absl::Status lost;
  absl::Status end;
  Heard scheduler;
  SchedulerSession session{{}, &scheduler, this};
};

TEST_F(SessionNegotiationTest, SaysWhatItSpeaksAndKnows) {
  session.on_connected(now);
  ASSERT_EQ(sent.size(), 1u);
  const auto hello = wire::decode<core::Hello>(wire::payload_of(sent[0]));
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->protocol_min, kProtocol);
  EXPECT_EQ(hello->protocol_max, kProtocol);
  EXPECT_EQ(hello->features, core::kFeatures);
}

TEST_F(SessionNegotiationTest, AProtocolThatItHasNotOfferedIsTheEnd) {
  session.on_connected(now);
  EXPECT_TRUE(receive(welcome_of(2)).ok());
  EXPECT_TRUE(session.is_stopped());
  EXPECT_TRUE(absl::IsFailedPrecondition(end)) << end;
  EXPECT_EQ(core::message_of(scheduler.end), "the master chose protocol 2; this side speaks 1");
  EXPECT_EQ(sent.size(), 1u);  // no subscription
}

TEST_F(SessionNegotiationTest, ARefusedVersionIsTheEndWithBothNumbers) {
  session.on_connected(now);
  EXPECT_TRUE(receive(refusal_of_version()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(end)) << end;
  EXPECT_EQ(core::message_of(scheduler.end), kRefused);
}

TEST_F(SessionNegotiationTest, AMasterThatSaysLessIsAskedForLess) {
  session.on_connected(now);
  Raw welcome;
  EXPECT_TRUE(receive(wire::framed(MessageKind::kWelcome,
                                   welcome.finish(welcome.table(field(0, kProtocol)))))
                  .ok());
  Raw subscribed;
  EXPECT_TRUE(receive(wire::framed(MessageKind::kSubscribed,
                                   subscribed.finish(subscribed.table(
                                       field(0, std::uint64_t{0xf}), field(1, std::uint32_t{5000}),
                                       field(2, std::uint32_t{15'000})))))
                  .ok());
  EXPECT_TRUE(session.is_connected());
  EXPECT_TRUE(absl::IsUnimplemented(session.explain({})));
  EXPECT_EQ(sent.size(), 2u);  // HELLO and SUBSCRIBE
}

TEST_F(SessionNegotiationTest, WhatIsMoreThanItKnowsIsIgnored) {
  session.on_connected(now);
  Raw welcome;
  const auto news = welcome.text("news");
  EXPECT_TRUE(
      receive(wire::framed(MessageKind::kWelcome,
                           welcome.finish(welcome.table(
                               field(0, kProtocol), field(1, ~std::uint64_t{0}), field(5, news)))))
          .ok());
  EXPECT_TRUE(receive(wire::encoded(core::Subscribed{core::FrameworkId{0xf}, 5000, 15'000})).ok());
  Raw offers;
  const auto hostname = offers.text("h");
  const auto cpus = offers.table(field(0, std::int64_t{1000}), field(9, std::int64_t{9}));
  const auto offer =
      offers.table(field(0, std::uint64_t{5}), field(1, std::uint64_t{0xa}), field(2, hostname),
                   field(4, cpus), field(9, hostname), field(10, cpus));
  const auto list = offers.tables({offer});
  EXPECT_TRUE(receive(wire::framed(MessageKind::kOffers,
                                   offers.finish(offers.table(field(0, list), field(1, list)))))
                  .ok());
  Raw update;
  const auto task = update.text("t");
  EXPECT_TRUE(
      receive(wire::framed(MessageKind::kStatusUpdate,
                           update.finish(update.table(field(0, std::uint64_t{0xf}), field(2, task),
                                                      field(3, std::uint8_t{2}), field(12, task),
                                                      field(13, std::uint64_t{1})))))
          .ok());
  EXPECT_THAT(scheduler.log, ElementsAre("offer of h", "t TASK_RUNNING"));
  EXPECT_TRUE(session.is_connected());
}

TEST_F(SessionNegotiationTest, AKindThatItDoesNotKnowClosesTheConnectionByNumber) {
  session.on_connected(now);
  EXPECT_TRUE(receive(welcome_of(kProtocol)).ok());
  EXPECT_TRUE(receive(wire::encoded(core::Subscribed{core::FrameworkId{0xf}, 5000, 15'000})).ok());
  const absl::Status status = receive(wire::framed(999, wire::ByteVector(8)));
  EXPECT_EQ(core::message_of(status), "the master sent kind 999 to a framework");
}

// Answers the first frame of every connection with the same bytes.
class OddMaster final : public net::ConnectionHandler {
 public:
  OddMaster(net::Reactor& reactor, wire::ByteVector answer) : answer_(std::move(answer)) {
    net::ListenerOptions options;
    options.frames = this;
    listener_ = net::Listener::create(reactor, "127.0.0.1:0", options).value();
  }
  std::string address() const { return listener_->bound_address().to_string(); }

 private:
  void on_frame(net::Connection& connection, const wire::FrameView&) override {
    connection.send(wire::Bytes(answer_));
  }
  void on_closed(net::Connection&, const absl::Status&) override {}

  const wire::ByteVector answer_;
  std::unique_ptr<net::Listener> listener_;
};

absl::Status ask(wire::ByteVector answer) {
  net::testing::Reactors reactors(1);
  const auto master = std::make_unique<OddMaster>(reactors[0], std::move(answer));
  reactors.start();
  auto client = OperatorClient::create(master->address()).value();
  const absl::Status status = client->teardown(core::FrameworkId{0xf});
  reactors.stop();
  return status;
}

TEST(OperatorNegotiation, AProtocolThatItHasNotOfferedIsNotSpoken) {
  const absl::Status status = ask(welcome_of(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(core::message_of(status), "the master chose protocol 2; this side speaks 1");
}

TEST(OperatorNegotiation, ARefusedVersionIsToldWithBothNumbers) {
  const absl::Status status = ask(refusal_of_version());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(core::message_of(status), kRefused);
}

TEST(OperatorNegotiation, AnotherLayoutOfFramesIsToldWithBothNumbers) {
  wire::ByteVector frame = welcome_of(kProtocol);
  frame[2] = 2;
  const absl::Status status = ask(frame);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(core::message_of(status)),
              HasSubstr("frame version 2 is not supported; this side speaks 1"));
}

TEST(OperatorNegotiation, AKindThatItDoesNotKnowIsToldByNumber) {
  const absl::Status status = ask(wire::framed(999, wire::ByteVector(8)));
  EXPECT_THAT(std::string(core::message_of(status)), HasSubstr("answered the hello with kind 999"));
}

}  // namespace
}  // namespace shoal::sdk
