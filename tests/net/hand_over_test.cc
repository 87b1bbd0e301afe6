#include "net/hand_over.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "net/descriptor_limit.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using testing::Reactors;

// Two connected sockets: one to hand over, one to see what becomes of it.
struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    handed = fds[0];
    peer = fds[1];
    const timeval patience{30, 0};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Pair() { ::close(peer); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Whether every copy of the handed socket is closed.
  bool is_closed() const {
    char byte = 0;
    return ::recv(peer, &byte, 1, 0) == 0;
  }

  int handed = -1;
  int peer = -1;
};

// Two ends on two reactors that the test runs itself, a turn at a time.
struct Ends {
  explicit Ends(const HandOverOptions& options = {})
      : reactors(2), ends(HandOver::create(reactors.pointers(), options).value()) {
    for (std::size_t i = 0; i < 2; ++i) {
      ends[i]->receive(
          [this](DetachedConnection connection) {
            tags.push_back(connection.input().empty() ? 0 : connection.input()[0]);
            received.push_back(std::move(connection));
          },
          [this](std::size_t count, const absl::Status& why) {
            refused += count;
            reason = why;
          });
    }
  }
  void turn(std::size_t i) {
    reactors[i].stop();
    reactors[i].run();
  }
  void send(int fd, std::uint8_t tag) {
    ends[0]->send(1, DetachedConnection(fd, std::vector<std::uint8_t>{tag}, {}));
  }

  Reactors reactors;
  std::vector<std::unique_ptr<HandOver>> ends;
  std::vector<DetachedConnection> received;
  std::vector<std::uint8_t> tags;
  std::size_t refused = 0;
  absl::Status reason;
};

std::vector<std::uint8_t> count_up(std::size_t count) {
  std::vector<std::uint8_t> tags;
  for (std::size_t i = 0; i < count; ++i) tags.push_back(static_cast<std::uint8_t>(i));
  return tags;
}

TEST(HandOver, ManyInOneTurnArriveInOrderWithTheirBytes) {
  Ends ends;
  constexpr std::size_t kCount = 2 * HandOver::kMaxPerMessage + 5;
  std::vector<std::unique_ptr<Pair>> pairs;
  const std::uint64_t own = ends.reactors[0].counters().descriptors.value();
  for (std::size_t i = 0; i < kCount; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    ends.send(pairs.back()->handed, static_cast<std::uint8_t>(i));
  }
  EXPECT_EQ(ends.reactors[0].counters().descriptors.value(), own + kCount);
  ends.turn(0);
  EXPECT_EQ(ends.reactors[0].counters().descriptors.value(), own);
  for (const auto& pair : pairs) {
    EXPECT_EQ(::fcntl(pair->handed, F_GETFD), -1) << "closed at its sender";
  }
  while (ends.received.size() < kCount) ends.turn(1);
  EXPECT_EQ(ends.tags, count_up(kCount));
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto tag = static_cast<char>(i);
    ASSERT_EQ(::send(ends.received[i].fd(), &tag, 1, MSG_NOSIGNAL), 1);
    char seen = 0;
    ASSERT_EQ(::recv(pairs[i]->peer, &seen, 1, 0), 1);
    EXPECT_EQ(seen, tag);
    EXPECT_NE(::fcntl(ends.received[i].fd(), F_GETFD) & FD_CLOEXEC, 0);
  }
  ends.received.clear();
  for (const auto& pair : pairs) EXPECT_TRUE(pair->is_closed());
  EXPECT_EQ(ends.refused, 0u);
}

TEST(HandOver, AFullTableRefusesWhatHasNoRoomAndLeaksNothing) {
  Ends ends;
  std::array<Pair, 5> pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ends.send(pairs[i].handed, static_cast<std::uint8_t>(i));
  }
  ends.turn(0);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit small = old;
  small.rlim_cur = descriptors_in_use() + 1;  // the lowest number, no other
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &small), 0);
  while (ends.received.size() + ends.refused < pairs.size()) ends.turn(1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(ends.tags, count_up(1));
  EXPECT_EQ(ends.refused, 4u);
  EXPECT_TRUE(absl::IsResourceExhausted(ends.reason)) << ends.reason;
  EXPECT_EQ(ends.reactors[1].counters().hand_over_refused.value(), 4u);
  for (std::size_t i = 1; i < pairs.size(); ++i) EXPECT_TRUE(pairs[i].is_closed());
  Pair later;  // it goes on
  ends.send(later.handed, 1);
  ends.turn(0);
  while (ends.received.size() < 2) ends.turn(1);
  EXPECT_EQ(ends.tags, count_up(2));
}

TEST(HandOver, AFullSocketpairMakesThemWaitInOrder) {
  HandOverOptions options;
  options.send_buffer_bytes = 1;  // the system's least
  Ends ends(options);
  constexpr std::size_t kCount = 1000;
  const Pair pair;
  const std::uint64_t own = ends.reactors[0].counters().descriptors.value();
  for (std::size_t i = 0; i < kCount; ++i) {
    ends.send(::fcntl(pair.handed, F_DUPFD_CLOEXEC, 0), static_cast<std::uint8_t>(i));
  }
  ::close(pair.handed);
  ends.turn(0);
  const std::uint64_t waiting = ends.reactors[0].counters().descriptors.value() - own;
  EXPECT_GT(waiting, 0u);
  EXPECT_LT(waiting, kCount);
  while (ends.received.size() < kCount) {
    ends.turn(1);
    ends.turn(0);  // tries again when its timer is due
  }
  EXPECT_EQ(ends.tags, count_up(kCount));
  EXPECT_EQ(ends.refused, 0u);
  ends.received.clear();
  EXPECT_TRUE(pair.is_closed());
}

TEST(HandOver, WhatWaitsIsBounded) {
  HandOverOptions options;
  options.max_waiting = 2;
  Ends ends(options);
  std::array<Pair, 5> pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ends.send(pairs[i].handed, static_cast<std::uint8_t>(i));
  }
  EXPECT_EQ(ends.refused, 3u);
  EXPECT_TRUE(absl::IsResourceExhausted(ends.reason)) << ends.reason;
  EXPECT_EQ(ends.reactors[0].counters().hand_over_refused.value(), 3u);
  for (std::size_t i = 2; i < pairs.size(); ++i) EXPECT_TRUE(pairs[i].is_closed());
  ends.turn(0);
  while (ends.received.size() < 2) ends.turn(1);
  EXPECT_EQ(ends.tags, count_up(2));
}

TEST(HandOver, TheirEndClosesWhatIsOnItsWay) {
  HandOverOptions options;
  options.send_buffer_bytes = 1;
  const Pair pair;
  {
    Ends ends(options);
    for (std::size_t i = 0; i < 1000; ++i) {  // some in the socketpair, some wait for it
      ends.send(::fcntl(pair.handed, F_DUPFD_CLOEXEC, 0), 0);
    }
    ::close(pair.handed);
    ends.turn(0);
  }
  EXPECT_TRUE(pair.is_closed());
}

TEST(HandOver, AReceiverThatIsGoneRefuses) {
  Ends ends;
  const int sending = ends.ends[1]->sending_descriptor();
  const int kept = ::fcntl(sending, F_DUPFD_CLOEXEC, 0);
  ends.ends[1].reset();
  // As in a table of its own: what the receiver closed is still open here.
  ASSERT_EQ(::dup3(kept, sending, O_CLOEXEC), sending);
  ::close(kept);
  const Pair pair;
  ends.send(pair.handed, 1);
  ends.turn(0);
  EXPECT_EQ(ends.refused, 1u);
  EXPECT_TRUE(absl::IsUnavailable(ends.reason)) << ends.reason;
  EXPECT_TRUE(pair.is_closed());
  ::close(sending);
}

}  // namespace
}  // namespace shoal::net
