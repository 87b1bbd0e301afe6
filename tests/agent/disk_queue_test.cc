#include "agent/disk_queue.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/agent/loop.h"

namespace shoal::agent {
namespace {

class DiskQueueTest : public testing::Test {
 protected:
  Loop loop_;
  std::vector<int> worked_;  // by one job at a time, and read when it is idle
  std::vector<int> done_;
};

TEST_F(DiskQueueTest, JobsRunInOrderElsewhereAndEndInTheLoop) {
  constexpr int kJobs = 100;
  const auto loop_thread = std::this_thread::get_id();
  int elsewhere = 0;
  int here = 0;
  DiskQueue queue(loop_.reactor());
  EXPECT_TRUE(queue.is_idle());
  for (int i = 0; i < kJobs; ++i) {
    queue.add(
        [&, i] {
          worked_.push_back(i);
          elsewhere += std::this_thread::get_id() != loop_thread ? 1 : 0;
        },
        [&, i] {
          done_.push_back(i);
          here += std::this_thread::get_id() == loop_thread ? 1 : 0;
        });
  }
  EXPECT_TRUE(done_.empty()) << "never from inside add()";
  ASSERT_TRUE(loop_.run_until([&] { return queue.is_idle(); }));
  ASSERT_EQ(done_.size(), static_cast<std::size_t>(kJobs));
  EXPECT_TRUE(std::is_sorted(worked_.begin(), worked_.end()));
  EXPECT_TRUE(std::is_sorted(done_.begin(), done_.end()));
  EXPECT_EQ(elsewhere, kJobs);
  EXPECT_EQ(here, kJobs);
}

TEST_F(DiskQueueTest, NoTurnHasMoreThanAFew) {
  std::size_t in_this_turn = 0;
  std::size_t most = 0;
  const auto hook = loop_.reactor().at_turn_end([&] {
    most = std::max(most, in_this_turn);
    in_this_turn = 0;
  });
  DiskQueue queue(loop_.reactor());
  for (int i = 0; i < 100; ++i) queue.add([] {}, [&] { ++in_this_turn; });
  ASSERT_TRUE(loop_.run_until([&] { return queue.is_idle(); }));
  loop_.reactor().remove_hook(hook);
  EXPECT_GT(most, 0u);
  EXPECT_LE(most, DiskQueue::kMostPerTurn);
}

TEST_F(DiskQueueTest, OneThatIsSlowIsNotWaitedForByThoseBeforeIt) {
  std::promise<void> release;
  DiskQueue queue(loop_.reactor());
  queue.add([] { ::poll(nullptr, 0, 5); }, [&] { done_.push_back(1); });
  ASSERT_TRUE(loop_.run_until([&] { return done_.size() == 1; }));
  queue.add([&] { release.get_future().wait(); }, [&] { done_.push_back(2); });
  int turns = 0;
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return ++turns > 100;
  }));
  EXPECT_EQ(done_.size(), 1u) << "the loop went on";
  release.set_value();
  ASSERT_TRUE(loop_.run_until([&] { return done_.size() == 2; }));
}

TEST_F(DiskQueueTest, AJobMayAddOthers) {
  DiskQueue queue(loop_.reactor());
  queue.add([] {}, [&] { queue.add([&] { worked_.push_back(1); }, [&] { done_.push_back(1); }); });
  ASSERT_TRUE(loop_.run_until([&] { return done_.size() == 1; }));
  EXPECT_TRUE(queue.is_idle());
}

TEST_F(DiskQueueTest, SettlingDoesAllAndTellsNobody) {
  DiskQueue queue(loop_.reactor());
  for (int i = 0; i < 30; ++i) {
    queue.add([&, i] { worked_.push_back(i); }, [&, i] { done_.push_back(i); });
  }
  queue.settle();
  EXPECT_TRUE(queue.is_idle());
  EXPECT_EQ(worked_.size(), 30u);
  EXPECT_TRUE(std::is_sorted(worked_.begin(), worked_.end()));
  EXPECT_TRUE(done_.empty());
}

TEST_F(DiskQueueTest, ItsEndWaitsForTheJobThatRuns) {
  std::atomic<bool> has_begun = false;
  std::atomic<bool> has_ended = false;
  {
    DiskQueue queue(loop_.reactor());
    queue.add([&] {
      has_begun = true;
      ::poll(nullptr, 0, 20);
      has_ended = true;
    });
    while (!has_begun) std::this_thread::yield();
  }
  EXPECT_TRUE(has_ended);
}

}  // namespace
}  // namespace shoal::agent
