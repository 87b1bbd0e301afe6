#include "agent/null_executor.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using std::chrono::milliseconds;

// The handlers with a null executor behind them: as the swarm and the simulator join the two.
struct NullAgent final : public ExecutorEvents {
  explicit NullAgent(const NullExecutorOptions& options) : executor(3, options) { test.connect(); }

  void on_started(core::FrameworkId framework, std::string_view task) override {
    on_process_started(test.state, test.fx, framework, task, test.now);
  }
  void on_failed(core::FrameworkId framework, std::string_view task,
                 std::string_view why) override {
    on_launch_failed(test.state, test.fx, framework, task, why, test.now);
  }
  void on_exited(core::FrameworkId framework, std::string_view task,
                 const ExitStatus& exit) override {
    on_process_exited(test.state, test.fx, framework, task, exit, test.now);
  }
  void on_lost(core::FrameworkId, std::string_view task, std::string_view) override {
    FAIL() << "nothing gets lost here: " << task;
  }
  void launch(std::string_view task) {
    test.run(task);
    const core::Resources held = resources_of("cpus:1;mem:10");
    wire::TaskDescription description;
    executor.launch({kFramework, test.state.id, task, held, description});
  }
  void tick(milliseconds by) {
    test.advance_hearing(by);
    executor.tick(*this, test.now);
  }
  core::TaskState state_of(std::string_view task) {
    return test.state.tasks.find(kFramework, task)->state;
  }

  TestAgent test;
  NullExecutor executor;
};

TEST(NullExecutor, RunsForItsTime) {
  NullAgent a({.run = core::DurationSpread::fixed(milliseconds(100))});
  EXPECT_EQ(a.executor.next_deadline(), core::TimePoint::max());
  a.launch("t");
  EXPECT_EQ(a.executor.next_deadline(), core::TimePoint::min());
  a.tick(milliseconds(0));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kRunning);
  EXPECT_EQ(a.executor.next_deadline(), a.test.now + milliseconds(100));
  a.tick(milliseconds(99));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kRunning);
  a.tick(milliseconds(1));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kFinished);
  EXPECT_EQ(a.executor.running(), 0u);
}

TEST(NullExecutor, StartsLate) {
  NullAgent a({.start = core::DurationSpread::fixed(milliseconds(50)),
               .run = core::DurationSpread::fixed(milliseconds(10))});
  a.launch("t");
  a.tick(milliseconds(0));
  EXPECT_EQ(a.executor.next_deadline(), a.test.now + milliseconds(50));
  a.tick(milliseconds(49));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kStaging);
  a.tick(milliseconds(1));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kRunning);
  a.tick(milliseconds(10));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kFinished);
}

TEST(NullExecutor, ManyStartAndEndInOneTick) {
  NullAgent a({});
  for (const auto* task : {"a", "b", "c"}) a.launch(task);
  a.tick(milliseconds(0));
  EXPECT_EQ(a.executor.running(), 3u);
  a.tick(milliseconds(0));
  EXPECT_EQ(a.executor.running(), 0u);
  for (const auto* task : {"a", "b", "c"}) EXPECT_EQ(a.state_of(task), core::TaskState::kFinished);
}

TEST(NullExecutor, KillsAndFailuresAsAsked) {
  NullAgent a({.run = core::DurationSpread::fixed(milliseconds(1000)), .ignore_term_one_in = 1});
  a.launch("t");
  a.tick(milliseconds(0));
  a.executor.kill(kFramework, "t", KillMode::kTerminate);
  a.tick(milliseconds(1));
  EXPECT_EQ(a.executor.running(), 1u);
  a.executor.kill(kFramework, "t", KillMode::kForce);
  a.tick(milliseconds(1));
  EXPECT_EQ(a.executor.running(), 0u);
  EXPECT_EQ(a.state_of("t"), core::TaskState::kFailed);  // the handlers asked for no kill

  NullAgent refusing({.refuse_one_in = 1});
  refusing.launch("t");
  refusing.tick(milliseconds(0));
  EXPECT_EQ(refusing.state_of("t"), core::TaskState::kFailed);
  NullAgent failing({.fail_one_in = 1});
  failing.launch("t");
  failing.tick(milliseconds(0));
  failing.tick(milliseconds(0));
  EXPECT_EQ(failing.state_of("t"), core::TaskState::kFailed);
}

TEST(NullExecutor, AKillBeforeTheFirstTickIsNotLost) {
  NullAgent a({.run = core::DurationSpread::fixed(milliseconds(1000))});
  a.launch("t");
  a.test.kill("t");
  a.executor.kill(kFramework, "t", KillMode::kForce);
  a.tick(milliseconds(0));
  a.tick(milliseconds(0));
  EXPECT_EQ(a.state_of("t"), core::TaskState::kKilled);
}

}  // namespace
}  // namespace shoal::agent
