#include "net/reactor_threads.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>

#include "net/hand_over.h"
#include "tests/net/net_testing.h"
#include "tests/net/one_table.h"

namespace shoal::net {
namespace {

using testing::Inbox;

std::vector<DescriptorTables> tables_to_test() {
  if (testing::kOneTableOnly) return {DescriptorTables::kShared};
  return {DescriptorTables::kShared, DescriptorTables::kPerReactor};
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

std::vector<int> open_descriptors() {
  std::vector<int> fds;
  DIR* folder = ::opendir("/proc/thread-self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') fds.push_back(std::stoi(entry->d_name));
  }
  std::erase(fds, ::dirfd(folder));
  ::closedir(folder);
  std::sort(fds.begin(), fds.end());
  return fds;
}

// Reactors that run_reactors() runs, on a thread of the test's, with a hand-over between them.
class Running {
 public:
  Running(std::size_t count, DescriptorTables tables) {
    for (std::size_t i = 0; i < count; ++i) {
      reactors_.push_back(Reactor::create(i).value());
      pointers_.push_back(reactors_.back().get());
    }
    ends_ = HandOver::create(pointers_).value();
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back({pointers_[i],
                          {ends_[i]->receiving_descriptor()},
                          {ends_[i]->sending_descriptor()},
                          [this, i] {
                            ended.put(std::this_thread::get_id());
                            ends_[i].reset();
                            reactors_[i].reset();
                          }});
    }
    thread_ = std::thread([this, tables] {
      outcome = run_reactors(members_, tables, [this] {
        all_stopped = std::all_of(reactors_.begin(), reactors_.end(),
                                  [](const auto& reactor) { return reactor != nullptr; });
      });
    });
  }
  ~Running() { stop(); }

  Reactor& operator[](std::size_t i) { return *pointers_[i]; }
  HandOver& end(std::size_t i) { return *ends_[i]; }
  // Runs `fn` on reactor i's thread and waits for it.
  template <typename Fn>
  auto on(std::size_t i, Fn fn) -> decltype(fn()) {
    std::packaged_task<decltype(fn())()> task(std::move(fn));
    auto result = task.get_future();
    pointers_[i]->post([&task] { task(); });
    return result.get();
  }
  void stop() {
    if (!thread_.joinable()) return;
    for (Reactor* reactor : pointers_) reactor->stop();
    thread_.join();
    EXPECT_TRUE(outcome.ok()) << outcome;
  }

  Inbox<std::thread::id> ended;
  bool all_stopped = false;
  absl::Status outcome;

 private:
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<Reactor*> pointers_;
  std::vector<std::unique_ptr<HandOver>> ends_;
  std::vector<ReactorThread> members_;
  std::thread thread_;
};

TEST(ReactorThreads, EachEndsOnItsOwnThreadAndLeavesNothingOpen) {
  Reactor::create(0).value().reset();  // what libuv opens once for a process
  const std::vector<int> before = open_descriptors();
  for (const DescriptorTables tables : tables_to_test()) {
    for (const std::size_t count : {1u, 2u, 4u}) {
      Running running(count, tables);
      std::vector<std::thread::id> threads;
      for (std::size_t i = 0; i < count; ++i) {
        threads.push_back(running.on(i, [] { return std::this_thread::get_id(); }));
      }
      running.stop();
      EXPECT_TRUE(running.all_stopped);
      for (std::size_t i = 0; i < count; ++i) {
        const auto ended = running.ended.take();
        ASSERT_TRUE(ended.has_value());
        EXPECT_EQ(std::count(threads.begin(), threads.end(), *ended), 1);
      }
      EXPECT_EQ(open_descriptors(), before);
    }
  }
}

// A master that becomes the leader still has peers of its standby: their end must reach them.
TEST(ReactorThreads, ConnectionsOfOtherThreadsAreNotCopied) {
  if (testing::kOneTableOnly) GTEST_SKIP();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  Running running(3, DescriptorTables::kPerReactor);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(running.on(i, [fd = ends[0]] { return is_open(fd); }), i == 0);
  }
  ::close(ends[0]);
  char byte = 0;
  EXPECT_EQ(::recv(ends[1], &byte, 1, MSG_DONTWAIT), 0) << "its other end is still open somewhere";
  ::close(ends[1]);
}

TEST(ReactorThreads, OneTableIsSeenByAll) {
  Running running(2, DescriptorTables::kShared);
  const int fd = running.on(1, [] { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); });
  EXPECT_TRUE(running.on(0, [fd] { return is_open(fd); }));
  ::close(fd);
}

TEST(ReactorThreads, TablesOfTheirOwnHoldWhatTheirReactorNeeds) {
  if (testing::kOneTableOnly) GTEST_SKIP();
  Running running(3, DescriptorTables::kPerReactor);
  // Asked of each on its own thread, which also proves that wake-ups cross the tables.
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      std::vector<int> own = running[j].own_descriptors();
      own.push_back(running.end(j).receiving_descriptor());
      std::vector<int> shared = running[j].shared_descriptors();
      shared.push_back(running.end(j).sending_descriptor());
      for (const int fd : own) EXPECT_EQ(running.on(i, [fd] { return is_open(fd); }), i == j);
      for (const int fd : shared) EXPECT_TRUE(running.on(i, [fd] { return is_open(fd); }));
    }
  }
  constexpr int kHigh = 900;  // a number that no table has
  const int fd = running.on(1, [] { return ::fcntl(0, F_DUPFD_CLOEXEC, kHigh); });
  EXPECT_TRUE(running.on(1, [fd] { return is_open(fd); }));
  EXPECT_FALSE(running.on(0, [fd] { return is_open(fd); }));
  EXPECT_FALSE(running.on(2, [fd] { return is_open(fd); }));
}

TEST(ReactorThreads, ConnectionsCrossTheTables) {
  if (testing::kOneTableOnly) GTEST_SKIP();
  constexpr std::size_t kCount = 3;
  Running running(kCount, DescriptorTables::kPerReactor);
  testing::EchoHandler echo;
  std::array<std::optional<std::size_t>, kCount> onward;  // each its reactor's
  for (std::size_t i = 0; i < kCount; ++i) {
    running.on(i, [&, i] {
      running.end(i).receive(
          [&, i](DetachedConnection connection) {
            if (onward[i]) {
              const std::size_t to = *std::exchange(onward[i], std::nullopt);
              return running.end(i).send(to, std::move(connection));
            }
            auto adopted =
                Connection::adopt(running[i], std::move(connection), &echo, testing::trusting());
            EXPECT_TRUE(adopted.ok()) << adopted.status();
          },
          [](std::size_t, const absl::Status& why) { ADD_FAILURE() << why; });
    });
  }
  const std::vector<std::uint8_t> frame = testing::make_frame(1, "x");
  // Reactor 0 has the test's table, so all sockets start there: 0 -> via -> to.
  for (const auto& [via, to] : {std::pair(0, 1), {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}}) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const timeval patience{30, 0};
    setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto first = static_cast<std::size_t>(via == 0 ? to : via);
    if (via != 0) running.on(first, [&, to = to] { onward[first] = static_cast<std::size_t>(to); });
    running.on(0, [&] { running.end(0).send(first, DetachedConnection(pair[0], frame, {})); });
    std::vector<std::uint8_t> answer(frame.size());
    ASSERT_EQ(::recv(pair[1], answer.data(), answer.size(), MSG_WAITALL),
              static_cast<ssize_t>(frame.size()));
    EXPECT_EQ(answer, frame);
    ::shutdown(pair[1], SHUT_WR);
    EXPECT_TRUE(echo.closed.take().has_value());
    EXPECT_EQ(::recv(pair[1], answer.data(), answer.size(), 0), 0) << "no copy is left";
    ::close(pair[1]);
  }
  running.stop();
}

}  // namespace
}  // namespace shoal::net
