#include "agent/restore.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::TaskReason;
using core::TaskState;
using Fate = FoundTask::Fate;

// The agent that `before` was, started again.
struct Successor {
  explicit Successor(const TestAgent& before) : history(read_history(before.fx.history).history) {}

  FoundTask found(const std::string& task, Fate fate,
                  core::FrameworkId framework = kFramework) const {
    FoundTask one;
    one.task.framework = framework;
    one.task.id = task;
    one.task.name = task;
    one.task.resources = resources_of("cpus:1;mem:10");
    one.fate = fate;
    return one;
  }
  void begin(std::vector<FoundTask> tasks) {
    restore(agent.state, agent.fx, std::move(tasks), std::move(history), agent.now);
    EXPECT_EQ(agent.broken(), "");
  }
  const Task* find(const std::string& task, core::FrameworkId framework = kFramework) {
    return agent.state.tasks.find(framework, task);
  }

  UpdateHistory history;
  TestAgent agent;
};

TEST(RestoreTest, ATaskThatRunsIsOnlyTakenOver) {
  TestAgent before;
  before.connect();
  before.start("t");
  before.acknowledge(before.fx.statuses.back());
  Successor next(before);
  next.begin({next.found("t", Fate::kRuns)});
  const Task* task = next.find("t");
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->phase, TaskPhase::kRunning);
  EXPECT_EQ(task->state, TaskState::kRunning);
  EXPECT_EQ(next.agent.state.tasks.used(), resources_of("cpus:1;mem:10"));
  next.agent.connect();
  EXPECT_TRUE(next.agent.fx.statuses.empty());
  ASSERT_EQ(next.agent.fx.reports.size(), 1u);
  EXPECT_EQ(next.agent.fx.reports[0].state, TaskState::kRunning);
  next.agent.run("t");  // sent again by a master that did not hear
  EXPECT_TRUE(next.agent.fx.launches.empty());
  next.agent.exit("t");
  EXPECT_EQ(next.agent.fx.statuses.back().state, TaskState::kFinished);
}

TEST(RestoreTest, TheTimeThatATaskMayRunIsCountedFromItsStart) {
  TestAgent before;
  before.connect();
  before.start("t");
  Successor next(before);
  FoundTask running = next.found("t", Fate::kRuns);
  running.task.max_completion_ms = 10'000;
  running.age = std::chrono::milliseconds(9000);
  FoundTask late = next.found("late", Fate::kRuns);
  late.task.max_completion_ms = 10'000;
  late.age = std::chrono::hours(1);
  next.begin({running, late});
  EXPECT_TRUE(next.agent.fx.kills.empty());
  next.agent.advance(std::chrono::milliseconds(0));
  EXPECT_EQ(next.agent.fx.kills.size(), 1u) << "the time was over when the agent came";
  next.agent.advance(std::chrono::milliseconds(999));
  EXPECT_EQ(next.find("t")->kill_reason, TaskReason::kNone);
  next.agent.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(next.find("t")->kill_reason, TaskReason::kMaxCompletionTime);
}

TEST(RestoreTest, ATimeoutThatHadBegunIsNotTakenForAKill) {
  TestAgent before;
  before.connect();
  before.max_completion_ms = 1000;
  before.start("t");
  before.advance_hearing(std::chrono::milliseconds(1000));
  ASSERT_EQ(before.fx.kills.size(), 1u);
  Successor next(before);
  FoundTask found = next.found("t", Fate::kRuns);
  found.task.max_completion_ms = 1000;
  next.begin({found});
  EXPECT_EQ(next.agent.fx.kills.size(), 1u);
  next.agent.connect();
  next.agent.exit("t", {true, SIGTERM, false});
  EXPECT_EQ(next.agent.fx.statuses.back().state, TaskState::kFailed);
  EXPECT_EQ(next.agent.fx.statuses.back().message,
            "killed by SIGTERM; it ran longer than the 1 s that it may");
}

TEST(RestoreTest, WhatWasNeverToldIsToldNow) {
  TestAgent before;
  before.connect();
  before.run("t");  // launched; the agent died before it heard that it runs
  Successor next(before);
  next.begin({next.found("t", Fate::kRuns)});
  next.agent.connect();
  ASSERT_EQ(next.agent.fx.statuses.size(), 1u);
  EXPECT_EQ(next.agent.fx.statuses[0].state, TaskState::kRunning);
}

TEST(RestoreTest, UnacknowledgedUpdatesAreSentAgainInOrderUnderTheirIds) {
  TestAgent before;
  before.connect();
  before.start("t");
  before.exit("t", {false, 3, false});
  Successor next(before);
  next.begin({});  // its records were removed when its end was on disk
  EXPECT_EQ(next.find("t")->phase, TaskPhase::kEnded);
  next.agent.connect();
  ASSERT_EQ(next.agent.fx.statuses.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(next.agent.fx.statuses[i].uuid, before.fx.statuses[i].uuid);
    EXPECT_EQ(next.agent.fx.statuses[i].state, before.fx.statuses[i].state);
  }
  next.agent.acknowledge(next.agent.fx.statuses[1]);
  EXPECT_EQ(next.find("t"), nullptr);
}

TEST(RestoreTest, AnEndThatNobodySawIsToldWithItsTime) {
  TestAgent before;
  before.connect();
  before.start("t");
  before.acknowledge(before.fx.statuses.back());
  Successor next(before);
  FoundTask ended = next.found("t", Fate::kExited);
  ended.exit.exit = {true, SIGSEGV, true};
  ended.exit.ended_ms = 123'456;
  next.begin({ended});
  next.agent.connect();
  ASSERT_EQ(next.agent.fx.statuses.size(), 1u);
  const SentStatus& told = next.agent.fx.statuses[0];
  EXPECT_EQ(told.state, TaskState::kFailed);
  EXPECT_EQ(told.message, "killed by SIGSEGV (core dumped)");
  EXPECT_EQ(told.exit_signal, SIGSEGV);
  EXPECT_EQ(told.timestamp_ms, 123'456);
  EXPECT_TRUE(next.agent.state.tasks.used().empty());
}

TEST(RestoreTest, ATaskThatBeganAndEndedUnseenIsToldBoth) {
  TestAgent before;
  before.connect();
  before.run("t");
  Successor next(before);
  next.begin({next.found("t", Fate::kExited)});
  next.agent.connect();
  ASSERT_EQ(next.agent.fx.statuses.size(), 2u);
  EXPECT_EQ(next.agent.fx.statuses[0].state, TaskState::kRunning);
  EXPECT_EQ(next.agent.fx.statuses[1].state, TaskState::kFinished);
}

TEST(RestoreTest, ALostTaskIsGoneAndSaysWhy) {
  TestAgent before;
  before.connect();
  before.start("t");
  Successor next(before);
  FoundTask lost = next.found("t", Fate::kLost);
  lost.reason = TaskReason::kAgentRestarted;
  lost.why = "the machine was restarted";
  next.begin({lost});
  next.agent.connect();
  const SentStatus& told = next.agent.fx.statuses.back();
  EXPECT_EQ(told.state, TaskState::kGone);
  EXPECT_EQ(told.reason, TaskReason::kAgentRestarted);
  EXPECT_EQ(told.message, "the machine was restarted");
  EXPECT_FALSE(told.has_exit);
}

TEST(RestoreTest, OneThatRanAndHasNoRecordIsGone) {
  TestAgent before;
  before.connect();
  before.start("t");
  before.acknowledge(before.fx.statuses.back());
  Successor next(before);
  next.begin({});
  next.agent.connect();
  ASSERT_EQ(next.agent.fx.statuses.size(), 1u);
  EXPECT_EQ(next.agent.fx.statuses[0].state, TaskState::kGone);
  EXPECT_EQ(next.agent.fx.statuses[0].message, "the agent's record of the task is missing");
}

TEST(RestoreTest, AKillGoesOnAndItsEndIsKilled) {
  TestAgent before;
  before.connect();
  before.start("t");
  before.kill("t");
  before.acknowledge(before.fx.statuses.back());
  Successor next(before);
  next.begin({next.found("t", Fate::kRuns)});
  EXPECT_EQ(next.agent.fx.kills, (std::vector<KillCall>{{"t", KillMode::kTerminate}}));
  next.agent.advance(core::kDefaultKillGrace);
  EXPECT_EQ(next.agent.fx.kills.back(), (KillCall{"t", KillMode::kForce}));
  next.agent.connect();
  next.agent.exit("t", {true, SIGKILL, false});
  EXPECT_EQ(next.agent.fx.statuses.back().state, TaskState::kKilled);
}

TEST(RestoreTest, ATaskOfARemovedFrameworkIsKilledUnheard) {
  TestAgent before;
  before.connect();
  before.start("t");
  on_remove_framework(before.state, before.fx, {kFramework}, before.now);
  Successor next(before);
  next.begin({next.found("t", Fate::kRuns)});
  EXPECT_EQ(next.agent.fx.kills, (std::vector<KillCall>{{"t", KillMode::kTerminate}}));
  next.agent.connect();
  next.agent.exit("t");
  EXPECT_TRUE(next.agent.fx.statuses.empty());
  EXPECT_TRUE(next.agent.state.tasks.empty());
}

TEST(RestoreTest, WhatWasToldToHaveEndedIsNotToldAgain) {
  TestAgent before;
  before.connect();
  before.start("t");
  before.exit("t");
  Successor next(before);
  next.begin({next.found("t", Fate::kExited)});  // its records were still there
  next.agent.connect();
  ASSERT_EQ(next.agent.fx.statuses.size(), 2u);
  EXPECT_EQ(next.agent.fx.statuses[1].uuid, before.fx.statuses[1].uuid);
}

// --- recorded first, then sent ---

TEST(RecordedTest, NothingIsSentBeforeItIsRecorded) {
  TestAgent a;
  a.fx.records_later = true;
  a.connect();
  a.start("one");
  a.start("two");
  a.exit("one");
  EXPECT_TRUE(a.fx.statuses.empty());
  on_recorded(a.state, a.fx, 2, a.now);
  ASSERT_EQ(a.fx.statuses.size(), 2u);
  EXPECT_EQ(a.fx.statuses[0].task, "one");
  EXPECT_EQ(a.fx.statuses[1].task, "two");
  on_recorded(a.state, a.fx, 3, a.now);
  ASSERT_EQ(a.fx.statuses.size(), 3u);
  EXPECT_EQ(a.fx.statuses[2].state, TaskState::kFinished);
  on_recorded(a.state, a.fx, 3, a.now);
  EXPECT_EQ(a.fx.statuses.size(), 3u);
}

TEST(RecordedTest, ANewSessionIsToldWhatIsRecordedAndNoMore) {
  TestAgent a;
  a.fx.records_later = true;
  a.connect();
  a.start("t");
  on_recorded(a.state, a.fx, 1, a.now);
  a.exit("t");
  a.fx.take();
  on_disconnected(a.state);
  a.connect();
  ASSERT_EQ(a.fx.statuses.size(), 1u);
  EXPECT_EQ(a.fx.statuses[0].state, TaskState::kRunning);
  on_recorded(a.state, a.fx, 2, a.now);
  ASSERT_EQ(a.fx.statuses.size(), 2u);
  on_disconnected(a.state);
  a.fx.take();
  a.connect();
  EXPECT_EQ(a.fx.statuses.size(), 2u) << "again, in order";
}

}  // namespace
}  // namespace shoal::agent
