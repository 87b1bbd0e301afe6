#include "master/late_sends.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/net/net_testing.h"

namespace shoal::master {
namespace {

using net::testing::as_text;
using net::testing::Client;
using net::testing::EchoHandler;
using net::testing::make_frame;
using net::testing::Reactors;
using net::testing::trusting;

// A server that answers frame kind 1 late, and all others at once.
class LateSendsTest : public testing::Test {
 protected:
  LateSendsTest() {
    handler_.framed = [this](net::Connection& connection, const wire::FrameView& frame) {
      const auto copy = make_frame(frame.header.kind, "answer", frame.header.correlation);
      if (frame.header.kind == 1) return late_.send(connection.id(), copy);
      connection.send(copy);
    };
    net::ListenerOptions listening;
    listening.frames = &handler_;
    listening.connection = trusting();
    listener_ = net::Listener::create(reactors_[0], "127.0.0.1:0", listening).value();
  }
  ~LateSendsTest() override {
    reactors_.stop();
    listener_.reset();
  }
  std::uint64_t writes() { return reactors_[0].counters().writes.value(); }
  static std::string answer(std::uint16_t kind, std::uint32_t correlation) {
    return as_text(make_frame(kind, "answer", correlation));
  }

  EchoHandler handler_;
  Reactors reactors_{1};
  LateSends late_{reactors_[0]};
  std::unique_ptr<net::Listener> listener_;
};

TEST_F(LateSendsTest, GoesWithTheNextFrameAndInOrder) {
  reactors_.start();
  Client client(listener_->bound_address());
  std::string asked;
  std::string expected;
  for (std::uint32_t i = 1; i <= 6; ++i) {
    const std::uint16_t kind = i < 6 ? 1 : 2;
    asked += as_text(make_frame(kind, "", i));
    expected += answer(kind, i);
  }
  ASSERT_TRUE(client.send(asked));
  EXPECT_EQ(client.receive(expected.size()), expected);
  reactors_.stop();  // it counts after it has written
  EXPECT_EQ(writes(), 1u);
}

TEST_F(LateSendsTest, GoesAloneWhenNoneComes) {
  reactors_.start();
  Client client(listener_->bound_address());
  ASSERT_TRUE(client.send(as_text(make_frame(1, "", 7))));
  EXPECT_EQ(client.receive(answer(1, 7).size()), answer(1, 7));
  ASSERT_TRUE(client.send(as_text(make_frame(1, "", 8))));
  EXPECT_EQ(client.receive(answer(1, 8).size()), answer(1, 8));
}

TEST_F(LateSendsTest, ForAPeerThatHasGoneItIsForgotten) {
  reactors_.start();
  {
    Client client(listener_->bound_address());
    ASSERT_TRUE(client.send(as_text(make_frame(1, "", 9))));
    ASSERT_TRUE(client.send(as_text(make_frame(2, "", 10))));
    EXPECT_EQ(client.receive(answer(1, 9).size()), answer(1, 9));
    ASSERT_TRUE(client.send(as_text(make_frame(1, "", 11))));
  }
  ASSERT_TRUE(handler_.closed.take().has_value());
  Client other(listener_->bound_address());
  ASSERT_TRUE(other.send(as_text(make_frame(1, "", 12))));
  EXPECT_EQ(other.receive(answer(1, 12).size()), answer(1, 12));
}

}  // namespace
}  // namespace shoal::master
