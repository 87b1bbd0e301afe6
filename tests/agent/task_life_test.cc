#include "agent/task_life.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::TaskReason;
using core::TaskState;
using std::chrono::milliseconds;
using testing::ElementsAre;

TEST(MaxCompletionTimeTest, IsCountedFromTheStartAndEndsAsFailed) {
  TestAgent a;
  a.connect();
  a.max_completion_ms = 10'000;
  a.run("t", "cpus:1", 500);
  a.advance_hearing(milliseconds(60'000));  // the launch takes its time
  EXPECT_TRUE(a.fx.kills.empty());
  on_process_started(a.state, a.fx, kFramework, "t", a.now);
  a.advance_hearing(milliseconds(9999));
  EXPECT_TRUE(a.fx.kills.empty());
  a.fx.take();
  a.advance_hearing(milliseconds(1));
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kTerminate}));
  auto sent = a.fx.take();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.back().state, TaskState::kKilling);
  EXPECT_EQ(sent.back().reason, TaskReason::kMaxCompletionTime);
  EXPECT_EQ(sent.back().message, "it ran longer than the 10 s that it may");
  a.advance_hearing(milliseconds(500));
  EXPECT_EQ(a.fx.kills.back(), (KillCall{"t", KillMode::kForce}));
  EXPECT_EQ(a.broken(), "");
  a.fx.take();
  a.exit("t", {.signaled = true, .code_or_signal = SIGKILL});
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[0].reason, TaskReason::kMaxCompletionTime);
  EXPECT_EQ(sent[0].message, "killed by SIGKILL; it ran longer than the 10 s that it may");
  EXPECT_EQ(sent[0].exit_signal, SIGKILL);
}

TEST(MaxCompletionTimeTest, ATaskThatEndsWellWhenItIsToldToHasFailed) {
  TestAgent a;
  a.connect();
  a.max_completion_ms = 1500;
  a.start("t");
  a.advance_hearing(milliseconds(1500));
  a.fx.take();
  a.exit("t");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[0].message, "exited with 0; it ran longer than the 1500 ms that it may");
}

TEST(MaxCompletionTimeTest, WhoIsBeingKilledIsNotTimedOut) {
  TestAgent a;
  a.connect();
  a.max_completion_ms = 1000;
  a.start("t", "cpus:1", 60'000);
  a.advance_hearing(milliseconds(500));
  a.kill("t");
  a.advance_hearing(milliseconds(5000));
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kTerminate}));
  a.fx.take();
  a.exit("t");
  EXPECT_EQ(a.fx.take().back().state, TaskState::kKilled);
}

TEST(MaxCompletionTimeTest, WhoEndsInTimeOrHasNoLimitIsLeftAlone) {
  TestAgent a;
  a.connect();
  a.start("endless");
  a.max_completion_ms = 1000;
  a.start("quick");
  a.exit("quick");
  a.advance_hearing(milliseconds(3'600'000));
  EXPECT_TRUE(a.fx.kills.empty());
  EXPECT_EQ(a.broken(), "");
}

TEST(MaxCompletionTimeTest, AKillOfAFrameworkOnlyHurriesIt) {
  TestAgent a;
  a.connect();
  a.max_completion_ms = 1000;
  a.start("t", "cpus:1", 60'000);
  a.advance_hearing(milliseconds(1000));
  a.kill("t", 0);
  EXPECT_EQ(a.fx.kills.back(), (KillCall{"t", KillMode::kForce}));
  a.fx.take();
  a.exit("t", {.signaled = true, .code_or_signal = SIGKILL});
  EXPECT_EQ(a.fx.take().back().reason, TaskReason::kMaxCompletionTime) << "that came first";
}

}  // namespace
}  // namespace shoal::agent
