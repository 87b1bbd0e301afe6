// Operators and schedulers against masters that are played by the test, over real sockets: who
// leads, who does not, and who thinks so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "core/status.h"
#include "net/listener.h"
#include "sdk/operator_client.h"
#include "sdk/scheduler_driver.h"
#include "tests/net/net_testing.h"
#include "wire/message.h"

namespace shoal::sdk {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr core::FrameworkId kFramework{0xf00d};

// Answers hellos, and what an operator or a scheduler says next, with one message.
class ScriptedMaster final : public net::ConnectionHandler {
 public:
  explicit ScriptedMaster(net::Reactor& reactor) : reactor_(reactor) {
    net::ListenerOptions options;
    options.frames = this;
    options.connection.max_payload = core::kMaxFrameBytes;
    listener_ = net::Listener::create(reactor, "127.0.0.1:0", options).value();
  }
  std::string address() const { return listener_->bound_address().to_string(); }

  void drop_newest() {
    net::Connection* connection = reactor_.find_connection(newest_);
    if (connection != nullptr) connection->close(absl::AbortedError("the master dies"));
  }

  // Set while the reactors do not run, or on the reactor.
  bool is_standby = false;
  int busy_for = 0;  // hellos
  std::string leader;
  std::uint64_t epoch = 0;
  net::testing::Inbox<std::uint64_t> hellos;  // the epochs they named

 private:
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
    switch (static_cast<wire::MessageKind>(frame.header.kind)) {
      case wire::MessageKind::kHello:
        return on_hello(connection, frame);
      case wire::MessageKind::kSubscribe:
        return send(connection, core::Subscribed{kFramework, 5000, 15'000}, frame);
      case wire::MessageKind::kHeartbeat:
        return;
      default:
        return send(connection, core::Done{}, frame);
    }
  }
  void on_hello(net::Connection& connection, const wire::FrameView& frame) {
    const auto hello = wire::decode<core::Hello>(frame.payload);
    ASSERT_TRUE(hello.ok()) << hello.status();
    connection.set_authenticated();
    hellos.put(hello->epoch);
    newest_ = connection.id();
    if (busy_for > 0) {
      --busy_for;
      send(connection, core::Refusal{core::RefusalCode::kOverloaded, "busy", "", 5}, frame);
      return connection.close_after_flush(absl::CancelledError("busy"));
    }
    if (is_standby) {
      send(connection, core::Refusal{core::RefusalCode::kNotLeader, "a standby", leader}, frame);
      return connection.close_after_flush(absl::CancelledError("a standby"));
    }
    core::Welcome welcome;
    welcome.protocol = wire::kProtocolVersion;
    welcome.cluster_id = 77;
    welcome.epoch = epoch;
    send(connection, welcome, frame);
  }
  void on_closed(net::Connection&, const absl::Status&) override {}
  template <typename Message>
  static void send(net::Connection& connection, const Message& message,
                   const wire::FrameView& asked) {
    wire::ByteVector frame;
    wire::encode(message, asked.header.correlation, frame);
    connection.send(frame);
  }

  net::Reactor& reactor_;
  net::SessionId newest_ = 0;
  std::unique_ptr<net::Listener> listener_;
};

class SeveralMastersTest : public testing::Test {
 protected:
  ~SeveralMastersTest() override { reactors_.stop(); }
  std::string both() const { return first_->address() + "," + second_->address(); }
  absl::Status call(OperatorClient& client) { return client.teardown(kFramework); }

  net::testing::Reactors reactors_{1};
  std::unique_ptr<ScriptedMaster> first_ = std::make_unique<ScriptedMaster>(reactors_[0]);
  std::unique_ptr<ScriptedMaster> second_ = std::make_unique<ScriptedMaster>(reactors_[0]);
};

TEST_F(SeveralMastersTest, AnOperatorFollowsAStandbyToTheLeader) {
  first_->is_standby = true;
  first_->leader = second_->address();
  reactors_.start();
  auto client = OperatorClient::create(first_->address()).value();
  EXPECT_TRUE(call(*client).ok());
  EXPECT_TRUE(first_->hellos.take().has_value());
  EXPECT_TRUE(second_->hellos.take().has_value());
}

TEST_F(SeveralMastersTest, AnOperatorWaitsForAnElectionAndSaysThatNobodyLeads) {
  first_->is_standby = second_->is_standby = true;
  reactors_.start();
  auto client = OperatorClient::create(both(), milliseconds(600)).value();
  const absl::Status status = call(*client);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no master leads at 127.0.0.1:"));
  auto patient = OperatorClient::create(both()).value();
  while (first_->hellos.take(milliseconds(0)).has_value()) {
  }
  reactors_.on(0, [&] {
    second_->is_standby = false;  // elected between two rounds
  });
  EXPECT_TRUE(call(*patient).ok());
}

TEST_F(SeveralMastersTest, MastersThatNameEachOtherDoNotHoldAnOperatorForEver) {
  first_->is_standby = second_->is_standby = true;
  first_->leader = second_->address();
  second_->leader = first_->address();
  reactors_.start();
  auto client = OperatorClient::create(both(), milliseconds(600)).value();
  const absl::Status status = call(*client);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no master leads"));
}

TEST_F(SeveralMastersTest, WhereNobodyListensAnOperatorIsToldAtOnce) {
  auto client = OperatorClient::create("127.0.0.1:1,127.0.0.1:2").value();
  const absl::Status status = call(*client);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no master at 127.0.0.1:1, 127.0.0.1:2:"));
}

TEST_F(SeveralMastersTest, AnOperatorDoesNotGoBackToAnEarlierMaster) {
  first_->epoch = 7;
  second_->epoch = 8;
  reactors_.start();
  auto client = OperatorClient::create(both(), milliseconds(600)).value();
  ASSERT_TRUE(call(*client).ok());
  EXPECT_EQ(first_->hellos.take(), 0u);
  reactors_.on(0, [&] {
    first_->epoch = 0;
    first_->drop_newest();
  });
  // The loss of the connection may be what the next call hears of.
  if (absl::Status status = call(*client); !status.ok()) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_TRUE(call(*client).ok());
  }
  EXPECT_EQ(first_->hellos.take(), 7u);
  EXPECT_EQ(second_->hellos.take(), 7u);
}

class Subscriber final : public Scheduler {
 public:
  void subscribed(Driver& driver, core::FrameworkId) override { driver.stop(); }
};

TEST_F(SeveralMastersTest, ASchedulerFollowsAStandbyToTheLeader) {
  first_->is_standby = true;
  first_->leader = second_->address();
  reactors_.start();
  Subscriber scheduler;
  SchedulerDriverOptions options;
  options.masters = {first_->address()};
  options.wait_for_master = false;
  auto driver = SchedulerDriver::create(std::move(options), &scheduler).value();
  EXPECT_TRUE(driver->run().ok());
  EXPECT_TRUE(second_->hellos.take().has_value());
}

// Its second address would fail at once, and with that the command.
TEST_F(SeveralMastersTest, ASchedulerWaitsForALeaderThatIsBusyAndForNobodyElse) {
  first_->busy_for = 3;
  reactors_.start();
  Subscriber scheduler;
  SchedulerDriverOptions options;
  options.masters = {first_->address() + ",127.0.0.1:1"};
  options.wait_for_master = false;
  auto driver = SchedulerDriver::create(std::move(options), &scheduler).value();
  EXPECT_TRUE(driver->run().ok());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(first_->hellos.take().has_value());
}

TEST_F(SeveralMastersTest, ASchedulerOfACommandEndsWhereNobodyListens) {
  Subscriber scheduler;
  SchedulerDriverOptions options;
  options.masters = {"127.0.0.1:1,127.0.0.1:2"};
  options.wait_for_master = false;
  auto driver = SchedulerDriver::create(std::move(options), &scheduler).value();
  const absl::Status status = driver->run();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no master at 127.0.0.1:1, 127.0.0.1:2"));
}

}  // namespace
}  // namespace shoal::sdk
