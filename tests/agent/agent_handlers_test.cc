#include "agent/agent_handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <set>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::TaskReason;
using core::TaskState;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- run ---

TEST(AgentTasks, RunFromStartToForgotten) {
  TestAgent a;
  a.connect();
  a.run("t");
  EXPECT_THAT(a.fx.launches, ElementsAre("t"));
  EXPECT_THAT(a.fx.take(), IsEmpty());
  EXPECT_EQ(a.state.tasks.used().cpus, 1000);
  on_process_started(a.state, a.fx, kFramework, "t", a.now);
  auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kRunning);
  EXPECT_EQ(sent[0].agent, a.state.id);
  EXPECT_TRUE(sent[0].has_uuid);
  EXPECT_EQ(sent[0].timestamp_ms, 3'600'000 + 1'000'000);
  a.acknowledge(sent[0]);
  EXPECT_EQ(a.state.tasks.size(), 1u);
  a.exit("t");
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kFinished);
  EXPECT_TRUE(sent[0].has_exit);
  EXPECT_EQ(sent[0].exit_code, 0);
  EXPECT_TRUE(a.state.tasks.used().empty());
  EXPECT_EQ(a.broken(), "");
  a.acknowledge(sent[0]);
  EXPECT_TRUE(a.state.tasks.empty());
}

TEST(AgentTasks, TheExitIsToldTruly) {
  TestAgent a;
  a.connect();
  a.start("code");
  a.acknowledge(a.fx.take()[0]);
  a.exit("code", {.signaled = false, .code_or_signal = 3});
  auto sent = a.fx.take();
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[0].reason, TaskReason::kCommandFailed);
  EXPECT_EQ(sent[0].exit_code, 3);
  EXPECT_EQ(sent[0].exit_signal, 0);
  EXPECT_EQ(sent[0].message, "exited with 3");
  a.start("signal");
  a.acknowledge(a.fx.take()[0]);
  a.exit("signal", {.signaled = true, .code_or_signal = SIGSEGV, .core_dumped = true});
  sent = a.fx.take();
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[0].exit_signal, SIGSEGV);
  EXPECT_EQ(sent[0].message, "killed by SIGSEGV (core dumped)");
}

TEST(AgentTasks, ASecondRunStartsNothingAndTellsTheState) {
  TestAgent a;
  a.connect();
  a.run("t");
  a.run("t");  // staging: said so, nothing to acknowledge
  auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kStaging);
  EXPECT_FALSE(sent[0].has_uuid);
  on_process_started(a.state, a.fx, kFramework, "t", a.now);
  const auto running = a.fx.take();
  a.run("t");  // unacknowledged: the same update again
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].uuid, running[0].uuid);
  a.acknowledge(sent[0]);
  a.run("t");  // acknowledged: for information
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kRunning);
  EXPECT_FALSE(sent[0].has_uuid);
  a.exit("t");
  a.run("t");  // ended, unacknowledged
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].uuid, sent[0].uuid);
  EXPECT_THAT(a.fx.launches, ElementsAre("t"));
}

TEST(AgentTasks, TheSameIdOfTwoFrameworksIsTwoTasks) {
  TestAgent a;
  a.connect();
  a.run("t", "cpus:1", -1, kFramework);
  a.run("t", "cpus:1", -1, kOtherFramework);
  EXPECT_EQ(a.fx.launches.size(), 2u);
  EXPECT_EQ(a.state.tasks.used().cpus, 2000);
}

TEST(AgentTasks, WhatDoesNotFitIsDroppedWithWords) {
  TestAgent a;
  a.connect();
  a.start("big", "cpus:3.5;ports:[31000-31004]");
  a.acknowledge(a.fx.take()[0]);
  a.run("cpus", "cpus:1");
  a.run("ports", "cpus:0.1;ports:[31004-31005]");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].state, TaskState::kDropped);
  EXPECT_TRUE(sent[0].has_uuid);
  EXPECT_THAT(sent[0].message, HasSubstr("cpus 1 (has 0.5)"));
  EXPECT_EQ(sent[1].state, TaskState::kDropped);
  EXPECT_THAT(sent[1].message, HasSubstr("ports"));
  EXPECT_THAT(a.fx.launches, ElementsAre("big"));
  EXPECT_EQ(a.broken(), "");
  a.acknowledge(sent[0]);
  a.acknowledge(sent[1]);
  EXPECT_EQ(a.state.tasks.size(), 1u);
}

TEST(AgentTasks, ABadDescriptionIsAnError) {
  TestAgent a;
  a.connect();
  const std::vector<std::uint8_t> garbage(40, 0xff);
  core::RunTask message;
  message.framework = kFramework;
  message.task = {"t", "t", resources_of("cpus:1"), garbage, {}};
  on_run_task(a.state, a.fx, message, a.now);
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kError);
  EXPECT_EQ(sent[0].reason, TaskReason::kTaskInvalid);
  EXPECT_THAT(a.fx.launches, IsEmpty());
  EXPECT_TRUE(a.state.tasks.used().empty());
}

TEST(AgentTasks, AFailedLaunchSaysWhy) {
  TestAgent a;
  a.connect();
  a.run("t");
  on_launch_failed(a.state, a.fx, kFramework, "t", "cannot run 'x': no such file", a.now);
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[0].reason, TaskReason::kLaunchFailed);
  EXPECT_EQ(sent[0].message, "cannot run 'x': no such file");
  EXPECT_FALSE(sent[0].has_exit);
  EXPECT_TRUE(a.state.tasks.used().empty());
}

TEST(AgentTasks, TheNumberOfTasksIsBounded) {
  TestAgent a;
  a.connect();
  for (std::size_t i = 0; i < core::kMaxTasksPerAgent; ++i) {
    a.run("t" + std::to_string(i), "mem:0.5");
  }
  a.fx.take();
  a.run("one-more", "mem:0.5");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kDropped);
  EXPECT_FALSE(sent[0].has_uuid);
  EXPECT_EQ(a.state.tasks.size(), core::kMaxTasksPerAgent);
}

// --- kill ---

TEST(AgentKill, TermThenGraceThenKill) {
  TestAgent a;
  a.connect();
  a.start("t", "cpus:1", 1000);
  a.acknowledge(a.fx.take()[0]);
  a.kill("t");
  auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kKilling);
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kTerminate}));
  a.advance_hearing(milliseconds(999));
  EXPECT_EQ(a.fx.kills.size(), 1u);
  a.advance_hearing(milliseconds(1));
  EXPECT_THAT(a.fx.kills,
              ElementsAre(KillCall{"t", KillMode::kTerminate}, KillCall{"t", KillMode::kForce}));
  EXPECT_EQ(a.state.tasks.used().cpus, 1000);  // until it is really gone
  a.acknowledge(sent[0]);
  a.exit("t", {.signaled = true, .code_or_signal = SIGKILL});
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kKilled);
  EXPECT_EQ(sent[0].exit_signal, SIGKILL);
  EXPECT_EQ(a.broken(), "");
}

TEST(AgentKill, ExitZeroAfterAKillIsKilled) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t");
  a.exit("t");
  EXPECT_EQ(a.state.tasks.find(kFramework, "t")->state, TaskState::kKilled);
}

TEST(AgentKill, TheCallsGraceWinsAndASecondCallOnlyHurries) {
  TestAgent a;
  a.connect();
  a.start("t", "cpus:1", 60'000);
  a.kill("t", 5000);
  a.kill("t", 10'000);
  a.advance_hearing(milliseconds(4999));
  EXPECT_EQ(a.fx.kills.size(), 1u);
  a.kill("t", 0);
  EXPECT_EQ(a.fx.kills.back(), (KillCall{"t", KillMode::kForce}));
  a.kill("t", 0);
  a.advance_hearing(milliseconds(10'000));
  EXPECT_EQ(a.fx.kills.size(), 2u);
}

TEST(AgentKill, ZeroGraceIsForceAtOnce) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t", 0);
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kForce}));
}

TEST(AgentKill, BeforeTheRunArrives) {
  TestAgent a;
  a.connect();
  a.kill("t");
  auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kDropped);
  EXPECT_EQ(sent[0].reason, TaskReason::kTaskUnknown);
  EXPECT_TRUE(sent[0].has_uuid);
  a.run("t");  // overtaken: it was told to be over, so it must not start
  EXPECT_THAT(a.fx.launches, IsEmpty());
  EXPECT_EQ(a.fx.take().at(0).uuid, sent[0].uuid);
  a.acknowledge(sent[0]);
  EXPECT_TRUE(a.state.tasks.empty());
}

TEST(AgentKill, WhileLaunchingItNeverCountsAsRunning) {
  TestAgent a;
  a.connect();
  a.run("t");
  a.kill("t");
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kForce}));
  on_process_started(a.state, a.fx, kFramework, "t", a.now);
  EXPECT_EQ(a.fx.kills.size(), 2u);  // it was started after all
  a.exit("t", {.signaled = true, .code_or_signal = SIGKILL});
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].state, TaskState::kKilling);
  EXPECT_EQ(sent[1].state, TaskState::kKilled);
  EXPECT_EQ(sent[1].reason, TaskReason::kKilledDuringLaunch);
}

TEST(AgentKill, WhileLaunchingAndTheLaunchFails) {
  TestAgent a;
  a.connect();
  a.run("t");
  a.kill("t");
  on_launch_failed(a.state, a.fx, kFramework, "t", "no such file", a.now);
  const Task* task = a.state.tasks.find(kFramework, "t");
  EXPECT_EQ(task->state, TaskState::kKilled);
  EXPECT_TRUE(a.state.tasks.used().empty());
}

TEST(AgentKill, AnEndedTaskTellsItsEndAgain) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.acknowledge(a.fx.take()[0]);
  a.exit("t");
  const auto ended = a.fx.take();
  a.kill("t");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].uuid, ended[0].uuid);
  EXPECT_EQ(sent[0].state, TaskState::kFinished);
  EXPECT_THAT(a.fx.kills, IsEmpty());
}

// --- removal of a framework ---

TEST(AgentRemoveFramework, ItsTasksEndUnheard) {
  TestAgent a;
  a.connect();
  a.start("mine");
  a.start("other", "cpus:1", -1, kOtherFramework);
  a.exit("mine");
  a.start("mine-2");
  a.fx.take();
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kFramework}, a.now);
  EXPECT_EQ(a.state.tasks.find(kFramework, "mine"), nullptr);
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"mine-2", KillMode::kTerminate}));
  a.exit("mine-2", {.signaled = true, .code_or_signal = SIGTERM});
  EXPECT_THAT(a.fx.take(), IsEmpty());
  EXPECT_EQ(a.state.tasks.size(), 1u);
  EXPECT_EQ(a.state.tasks.find(kOtherFramework, "other")->state, TaskState::kRunning);
  EXPECT_EQ(a.broken(), "");
}

TEST(AgentRemoveFramework, WhatItHeldIsWaitedFor) {
  TestAgent a;
  a.connect();
  a.start("old", "cpus:4;ports:[31000-31009]");
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kFramework}, a.now);
  // The master takes its resources as free: a new task comes before the old one is gone.
  a.run("new", "cpus:2;ports:[31000-31000]", -1, kOtherFramework);
  a.run("new-2", "cpus:2", -1, kOtherFramework);
  a.run("too-much", "cpus:2", -1, kOtherFramework);
  EXPECT_THAT(a.fx.launches, ElementsAre("old"));
  EXPECT_EQ(a.state.tasks.find(kOtherFramework, "too-much")->state, TaskState::kDropped);
  EXPECT_EQ(a.broken(), "");
  a.exit("old");
  EXPECT_THAT(a.fx.launches, ElementsAre("old", "new", "new-2"));
  EXPECT_EQ(a.broken(), "");
}

TEST(AgentRemoveFramework, AWaitingTaskIsKilledUnstarted) {
  TestAgent a;
  a.connect();
  a.start("old", "cpus:4", -1, kOtherFramework);
  a.fx.take();
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kOtherFramework}, a.now);
  a.run("new", "cpus:2");
  a.kill("new");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kKilled);
  EXPECT_EQ(sent[0].reason, TaskReason::kKilledDuringLaunch);
  a.exit("old", {}, kOtherFramework);
  EXPECT_THAT(a.fx.launches, ElementsAre("old"));
  EXPECT_EQ(a.broken(), "");
}

// --- updates ---

TEST(AgentUpdates, InOrderAndWithoutWaitingForAcknowledgements) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t");
  a.exit("t");
  const auto sent = a.fx.take();
  std::vector<TaskState> seen;
  std::set<core::UpdateUuid> uuids;
  for (const SentStatus& status : sent) {
    seen.push_back(status.state);
    uuids.insert(status.uuid);
  }
  EXPECT_THAT(seen, ElementsAre(TaskState::kRunning, TaskState::kKilling, TaskState::kKilled));
  EXPECT_EQ(uuids.size(), 3u);
  for (const SentStatus& status : sent) a.acknowledge(status);
  EXPECT_TRUE(a.state.tasks.empty());
}

TEST(AgentUpdates, WhatIsLeftIsResentInOrder) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t");
  a.exit("t");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 3u);
  a.acknowledge(sent[0]);
  on_disconnected(a.state);
  a.connect();
  const auto again = a.fx.take();
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].uuid, sent[1].uuid);
  EXPECT_EQ(again[1].uuid, sent[2].uuid);
}

TEST(AgentUpdates, AnAcknowledgementCoversEarlierUpdates) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t");
  a.exit("t");
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 3u);
  a.acknowledge(sent[1]);
  on_disconnected(a.state);
  a.connect();
  const auto again = a.fx.take();
  ASSERT_EQ(again.size(), 1u);  // the later one that was acknowledged made the first one void
  EXPECT_EQ(again[0].uuid, sent[2].uuid);
}

TEST(AgentUpdates, StrangeAcknowledgementsChangeNothing) {
  TestAgent a;
  a.connect();
  a.start("t");
  const auto running = a.fx.take();
  a.exit("t");
  SentStatus wrong = running[0];
  wrong.uuid[0] ^= 1;
  a.acknowledge(wrong);
  wrong = running[0];
  wrong.task = "nobody";
  a.acknowledge(wrong);
  const auto ended = a.fx.take();
  ASSERT_EQ(ended.size(), 1u);
  a.acknowledge(running[0]);
  a.acknowledge(running[0]);  // a second time: it must not take the next one away
  EXPECT_EQ(a.state.tasks.size(), 1u);
  a.acknowledge(ended[0]);
  EXPECT_TRUE(a.state.tasks.empty());
}

TEST(AgentUpdates, ResentWithGrowingWaits) {
  TestAgent a;
  a.connect();
  a.start("t");
  const auto first = a.fx.take();
  core::Duration wait = core::kUpdateRetryMin;
  for (int i = 0; i < 12; ++i) {
    const core::TimePoint due = a.now + wait;
    while (a.now + milliseconds(1000) < due) a.advance_hearing(milliseconds(1000));
    a.now = due - milliseconds(1);
    a.state.last_heard = a.now;
    on_tick(a.state, a.fx, a.now);
    EXPECT_THAT(a.fx.take(), IsEmpty()) << "attempt " << i;
    a.advance_hearing(milliseconds(1));
    const auto again = a.fx.take();
    ASSERT_EQ(again.size(), 1u) << "attempt " << i;
    EXPECT_EQ(again[0].uuid, first[0].uuid);
    wait = std::min<core::Duration>(wait * 2, core::kUpdateRetryMax);
  }
}

TEST(AgentUpdates, NothingIsSentWithoutASessionAndAllAtOnceAfterIt) {
  TestAgent a;
  a.connect();
  a.start("one");
  a.start("two");
  a.acknowledge(a.fx.take()[0]);  // of "one"
  on_disconnected(a.state);
  a.exit("one", {.signaled = false, .code_or_signal = 1});
  a.advance(milliseconds(600'000));
  EXPECT_THAT(a.fx.take(), IsEmpty());
  EXPECT_EQ(a.broken(), "");
  a.connect();
  ASSERT_EQ(a.fx.reports.size(), 2u);
  EXPECT_EQ(a.fx.reports[0].id, "one");
  EXPECT_EQ(a.fx.reports[0].state, TaskState::kFailed);
  EXPECT_EQ(a.fx.reports[1].state, TaskState::kRunning);
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[1].state, TaskState::kRunning);
}

TEST(AgentUpdates, GracesRunOnWithoutASession) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t", 1000);
  on_disconnected(a.state);
  EXPECT_EQ(next_deadline(a.state), a.now + milliseconds(1000));
  a.advance(milliseconds(1000));
  EXPECT_EQ(a.fx.kills.back(), (KillCall{"t", KillMode::kForce}));
}

TEST(AgentUpdates, LongNamesAreCutInReports) {
  TestAgent a;
  a.connect();
  std::string name(core::kMaxTaskNameBytes - 1, 'x');
  name += "\u00e9tail";  // two bytes, the second beyond the bound
  a.run("t");
  a.state.tasks.find(kFramework, "t")->name = name;
  on_disconnected(a.state);
  a.connect();
  EXPECT_EQ(a.fx.reports.at(0).name, std::string(core::kMaxTaskNameBytes - 1, 'x'));
}

// --- shutdown ---

TEST(AgentShutdown, KillsAllWithGraceThenAtOnce) {
  TestAgent a;
  a.connect();
  a.start("one");
  a.run("two");
  on_shutdown(a.state, a.fx, KillMode::kTerminate, a.now);
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"one", KillMode::kTerminate},
                                      KillCall{"two", KillMode::kForce}));
  a.run("three");
  EXPECT_EQ(a.state.tasks.find(kFramework, "three")->state, TaskState::kDropped);
  on_shutdown(a.state, a.fx, KillMode::kForce, a.now);
  EXPECT_EQ(a.fx.kills.back(), (KillCall{"one", KillMode::kForce}));
  a.exit("one", {.signaled = true, .code_or_signal = SIGKILL});
  on_process_started(a.state, a.fx, kFramework, "two", a.now);
  a.exit("two", {.signaled = true, .code_or_signal = SIGKILL});
  EXPECT_EQ(a.state.tasks.live(), 0u);
  EXPECT_EQ(a.state.tasks.find(kFramework, "one")->state, TaskState::kKilled);
  EXPECT_EQ(a.broken(), "");
}

// --- the same again, by chance ---

// Any order of messages and events keeps the invariants, never starts a task twice while it is
// known, and ends with nothing left once everything is acknowledged.
TEST(AgentTasks, AnyOrderOfEventsKeepsTheInvariants) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    TestAgent a;
    core::Random random(seed);
    a.connect();
    for (int step = 0; step < 300; ++step) {
      const std::string task = "t" + std::to_string(random.below(6));
      const core::FrameworkId framework = random.chance(1, 2) ? kFramework : kOtherFramework;
      switch (random.below(10)) {
        case 0:
        case 1:
          a.max_completion_ms = random.chance(1, 4) ? 700 : -1;
          a.run(task, random.chance(1, 3) ? "cpus:3;ports:[31000-31000]" : "cpus:1", 500,
                framework);
          break;
        case 2:
        case 3:
          on_process_started(a.state, a.fx, framework, task, a.now);
          break;
        case 4:
          a.exit(task, {}, framework);
          break;
        case 5:
          on_kill_task(a.state, a.fx, core::KillTask{framework, a.state.id, task, -1}, a.now);
          break;
        case 6:
          for (const SentStatus& status : a.fx.take()) a.acknowledge(status);
          break;
        case 7:
          if (random.chance(1, 4)) on_disconnected(a.state);
          if (!a.state.is_registered()) a.connect();
          break;
        case 8:
          if (random.chance(1, 6)) {
            on_remove_framework(a.state, a.fx, core::RemoveFramework{framework}, a.now);
          }
          break;
        default:
          a.advance_hearing(milliseconds(random.below(2000)));
      }
      ASSERT_EQ(a.broken(), "") << "seed " << seed << " step " << step;
    }
    on_shutdown(a.state, a.fx, KillMode::kForce, a.now);
    for (const auto framework : {kFramework, kOtherFramework}) {
      for (int i = 0; i < 6; ++i) {
        const std::string task = "t" + std::to_string(i);
        on_process_started(a.state, a.fx, framework, task, a.now);
        a.exit(task, {}, framework);
      }
    }
    on_disconnected(a.state);
    a.fx.take();
    a.connect();
    while (!a.fx.statuses.empty()) {
      for (const SentStatus& status : a.fx.take()) a.acknowledge(status);
    }
    EXPECT_TRUE(a.state.tasks.empty()) << "seed " << seed;
    EXPECT_TRUE(a.state.tasks.committed().empty());
  }
}

}  // namespace
}  // namespace shoal::agent
