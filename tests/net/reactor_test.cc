#include "net/reactor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>

#include "net/clock.h"
#include "net/fd_watcher.h"
#include "net/random.h"
#include "net/signal_watcher.h"
#include "net/timer.h"
#include "tests/net/net_testing.h"

namespace shoal::net {
namespace {

using std::chrono::milliseconds;
using testing::Inbox;
using testing::Reactors;

TEST(Reactor, StopBeforeRunEndsTheRun) {
  auto reactor = Reactor::create(0).value();
  reactor->stop();
  reactor->run();
  reactor->post([&] { reactor->stop(); });
  reactor->run();  // and it can run again
}

TEST(Reactor, RefusesAnIndexThatIsTooLarge) {
  EXPECT_EQ(Reactor::create(core::kMaxReactors).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Reactor, PostsRunInOrderOnItsThread) {
  for (const std::size_t count : {1u, 2u, 4u}) {
    Reactors reactors(count);
    reactors.start();
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<int> seen;
      for (int n = 0; n < 100; ++n) reactors[i].post([&seen, n] { seen.push_back(n); });
      const auto id = reactors.on(i, [] { return std::this_thread::get_id(); });
      EXPECT_NE(id, std::this_thread::get_id());
      ASSERT_EQ(seen.size(), 100u);
      EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    }
  }
}

TEST(Reactor, TimeStandsStillWithinATurn) {
  Reactors reactors(1);
  reactors.start();
  const auto [first, second, real] = reactors.on(0, [&] {
    const core::TimePoint a = reactors[0].now();
    while (monotonic_now() - a < milliseconds(2)) {
    }
    return std::tuple(a, reactors[0].now(), monotonic_now());
  });
  EXPECT_EQ(first, second);
  EXPECT_GE(real - first, milliseconds(2));
  const core::TimePoint later = reactors.on(0, [&] { return reactors[0].now(); });
  EXPECT_GE(later, real);
  reactors.stop();
  EXPECT_GE(reactors[0].counters().max_turn_ns.value(), 2'000'000u);
  EXPECT_GE(reactors[0].counters().turns.value(), 2u);
}

TEST(Reactor, HooksRunOncePerTurnInOrderAndCanBeRemoved) {
  std::vector<int> seen;  // hooks run to the reactor's end
  Reactors reactors(1);
  const auto a = reactors[0].at_turn_end([&] { seen.push_back(1); });
  reactors[0].at_turn_end([&] { seen.push_back(2); });
  reactors.start();
  reactors.on(0, [] {});
  reactors.on(0, [&] { seen.clear(); });
  const auto one_turn = reactors.on(0, [&] { return std::exchange(seen, {}); });
  EXPECT_EQ(one_turn, (std::vector<int>{1, 2}));
  reactors.on(0, [&] { reactors[0].remove_hook(a); });
  reactors.on(0, [&] { seen.clear(); });
  EXPECT_EQ(reactors.on(0, [&] { return seen; }), std::vector<int>{2});
}

TEST(Reactor, RunAgainDoesNotBlock) {
  int turns = 0;
  Inbox<int> done;
  Reactors reactors(1);
  reactors[0].at_turn_end([&] {
    if (turns == 0) return;
    if (++turns == 100) return done.put(turns);
    if (turns < 100) reactors[0].run_again();
  });
  reactors.start();
  reactors.on(0, [&] {
    turns = 1;
    reactors[0].run_again();
  });
  EXPECT_EQ(done.take(), 100);
}

TEST(Timer, NeverEarlyAndNotVeryLate) {
  Reactors reactors(1);
  Inbox<core::Duration> fired;
  core::TimePoint started;
  Timer timer(reactors[0], [&] { fired.put(reactors[0].now() - started); });
  reactors.start();
  for (const int ms : {0, 1, 2, 5, 20}) {
    reactors.on(0, [&] {
      started = reactors[0].now();
      timer.start(milliseconds(ms));
    });
    const auto waited = fired.take();
    ASSERT_TRUE(waited.has_value());
    EXPECT_GE(*waited, milliseconds(ms));
    EXPECT_LT(*waited, std::chrono::seconds(5));
  }
  reactors.stop();
}

// The turn's time is older than the delay: a busy turn, or a long way from now() to run().
TEST(Timer, OneThatStartsItselfAgainLetsOthersIn) {
  auto reactor = Reactor::create(0).value();
  int fired = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(*reactor, [&] {
    if (++fired == 10'000) return reactor->stop();
    timer->start(milliseconds(1));
  });
  timer->start(milliseconds(1));
  while (monotonic_now() - reactor->now() < milliseconds(5)) {
  }
  reactor->post([&] { reactor->stop(); });
  reactor->run();
  EXPECT_LT(fired, 100);
  timer.reset();
}

TEST(Timer, MayEndInItsOwnCallback) {
  Reactors reactors(1);
  Inbox<int> fired;
  std::unique_ptr<Timer> once;
  once = std::make_unique<Timer>(reactors[0], [&] {
    once.reset();
    fired.put(1);
  });
  int ticks = 0;
  std::unique_ptr<Timer> repeating;
  repeating = std::make_unique<Timer>(reactors[0], [&] {
    if (++ticks < 3) return;
    EXPECT_TRUE(repeating->is_active());
    repeating->stop();
    EXPECT_FALSE(repeating->is_active());
    fired.put(ticks);
  });
  once->start(milliseconds(1));
  repeating->start_repeating(milliseconds(1));
  reactors.start();
  const int first = fired.take().value();
  const int second = fired.take().value();
  EXPECT_EQ(first + second, 4);
  reactors.stop();
  EXPECT_EQ(ticks, 3);
}

TEST(SignalWatcher, DeliversAndRefuses) {
  Reactors reactors(1);
  EXPECT_FALSE(SignalWatcher::create(reactors[0], SIGKILL, [] {}).ok());
  Inbox<int> got;
  std::unique_ptr<SignalWatcher> watcher;
  watcher = SignalWatcher::create(reactors[0], SIGUSR1, [&] {
              watcher.reset();  // inside its own callback
              got.put(SIGUSR1);
            }).value();
  reactors.start();
  raise(SIGUSR1);
  EXPECT_EQ(got.take(), SIGUSR1);
}

TEST(FdWatcher, TellsReadableAndMayEndInItsCallback) {
  Reactors reactors(1);
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  Inbox<FdEvents> got;
  std::unique_ptr<FdWatcher> watcher;
  watcher = FdWatcher::create(reactors[0], fd, [&](FdEvents events) {
              watcher.reset();
              got.put(events);
            }).value();
  watcher->watch(true, false);
  reactors.start();
  const std::uint64_t one = 1;
  ASSERT_EQ(write(fd, &one, sizeof one), 8);
  const auto events = got.take();
  ASSERT_TRUE(events.has_value());
  EXPECT_TRUE(events->readable);
  EXPECT_FALSE(events->writable);
  reactors.stop();
  close(fd);
}

TEST(FdWatcher, RefusesWhatCannotBePolled) {
  auto reactor = Reactor::create(0).value();
  EXPECT_FALSE(FdWatcher::create(*reactor, -1, [](FdEvents) {}).ok());
}

TEST(Random, SeedsDiffer) { EXPECT_NE(random_seed(), random_seed()); }

TEST(Clock, WallTimeIsThisCentury) { EXPECT_GT(wall_now_ms(), 1'600'000'000'000); }

}  // namespace
}  // namespace shoal::net
