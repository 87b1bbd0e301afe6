#include "net/send_gate.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "net/stream.h"
#include "net/timer.h"

namespace shoal::net {
namespace {

TEST(SendGateTest, KeepsOutputUntilItOpens) {
  auto reactor = Reactor::create(0).value();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  bool is_open = false;
  set_send_gate(*reactor, [&is_open] { return is_open; });
  StreamPtr stream = Stream::create(*reactor, ends[0]).value();
  stream->write({reinterpret_cast<const std::uint8_t*>("hello"), 5});
  char bytes[8];
  auto opens = std::make_unique<Timer>(*reactor, [&] {
    EXPECT_LT(::recv(ends[1], bytes, sizeof bytes, 0), 0) << "turns have ended, nothing was sent";
    EXPECT_EQ(stream->output_bytes(), 5u);
    is_open = true;
    reactor->stop();
  });
  opens->start(std::chrono::milliseconds(20));
  reactor->run();
  EXPECT_EQ(::recv(ends[1], bytes, sizeof bytes, 0), 5);
  EXPECT_EQ(stream->output_bytes(), 0u);
  is_open = false;
  stream->write({reinterpret_cast<const std::uint8_t*>("stale"), 5});
  reactor->stop();
  reactor->run();
  opens.reset();
  stream.reset();
  reactor.reset();
  EXPECT_EQ(::recv(ends[1], bytes, sizeof bytes, 0), 0) << "the end sends nothing";
  ::close(ends[1]);
}

}  // namespace
}  // namespace shoal::net
