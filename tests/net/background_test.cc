#include "net/background.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "net/reactor.h"

namespace shoal::net {
namespace {

TEST(BackgroundTest, WorksElsewhereAndIsDoneHere) {
  auto reactor = *Reactor::create(0);
  std::thread::id worked;
  std::thread::id done;
  BackgroundTask task(
      *reactor, [&] { worked = std::this_thread::get_id(); },
      [&] {
        done = std::this_thread::get_id();
        reactor->stop();
      });
  reactor->run();
  EXPECT_EQ(done, std::this_thread::get_id());
  EXPECT_NE(worked, done);
}

TEST(BackgroundTest, ItsEndWaitsForWorkThatRuns) {
  auto reactor = *Reactor::create(0);
  std::promise<void> began;
  std::atomic<bool> has_ended = false;
  bool was_done = false;
  {
    BackgroundTask task(
        *reactor,
        [&] {
          began.set_value();
          std::this_thread::yield();
          has_ended = true;
        },
        [&] { was_done = true; });
    began.get_future().wait();
  }
  EXPECT_TRUE(has_ended);
  reactor.reset();
  EXPECT_FALSE(was_done);
}

TEST(BackgroundTest, MayBeDestroyedWhenDone) {
  auto reactor = *Reactor::create(0);
  std::unique_ptr<BackgroundTask> task;
  task = std::make_unique<BackgroundTask>(
      *reactor, [] {},
      [&] {
        task.reset();
        reactor->stop();
      });
  reactor->run();
  EXPECT_EQ(task, nullptr);
}

}  // namespace
}  // namespace shoal::net
