#include "agent/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "agent/log_reader.h"
#include "agent/recovery.h"
#include "agent/sandbox.h"
#include "core/trace_id.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;

class ExecutorTest : public testing::Test, protected ExecutorEvents {
 protected:
  void SetUp() override {
    ASSERT_TRUE(find_runs(folder_.path()).ok());  // makes the folder
    make_executor(1);
  }
  void TearDown() override {
    if (executor_ != nullptr) executor_->end_all();
  }
  void make_executor(std::uint64_t seed) {
    ProcessExecutorOptions options;
    options.data_dir = folder_.path();
    options.seed = seed;
    options.supervisor = supervisor_program();
    options.on_checkpoint = [this](const CheckpointFiles&) { ++checkpoints_; };
    auto made = ProcessExecutor::create(loop_.reactor(), this, std::move(options));
    ASSERT_TRUE(made.ok()) << made.status();
    executor_ = *std::move(made);
  }
  std::size_t runs_on_disk() const { return find_runs(folder_.path())->runs.size(); }

  void on_started(core::FrameworkId, std::string_view task) override {
    ++started_[std::string(task)];
  }
  void on_failed(core::FrameworkId, std::string_view task, std::string_view why) override {
    failed_[std::string(task)] = why;
  }
  void on_exited(core::FrameworkId, std::string_view task, const ExitStatus& exit) override {
    exits_[std::string(task)] = exit;
  }
  void on_lost(core::FrameworkId, std::string_view task, std::string_view why) override {
    lost_[std::string(task)] = why;
  }

  void launch(const std::string& task, const wire::TaskDescription& description,
              std::string_view resources = "cpus:1") {
    const core::Resources held = resources_of(resources);
    executor_->launch({kFramework, core::AgentId{0xa1}, task, held, description});
  }
  void launch_shell(const std::string& task, const std::string& line,
                    std::string_view resources = "cpus:1") {
    wire::TaskDescription description;
    description.shell = true;
    description.command = line;
    launch(task, description, resources);
  }
  bool wait_exit(const std::string& task) {
    return loop_.run_until([&] { return exits_.contains(task); });
  }
  // Waits until the task has written a whole line, and gives its output.
  std::string wait_line(const std::string& task) {
    loop_.run_until([&] {
      loop_.reactor().run_again();
      return output(task).find('\n') != std::string::npos;
    });
    return output(task);
  }
  std::string output(const std::string& task, const std::string& name = "stdout") {
    const std::string framework = core::to_string(kFramework);
    const auto run = latest_run(folder_.path(), framework, task);
    if (!run.ok()) return {};
    const auto sandbox = open_sandbox(folder_.path(), {framework, task, *run});
    if (!sandbox.ok()) return {};
    const auto chunk = read_log(sandbox->get(), name, 0, core::kMaxLogChunkBytes);
    return chunk.ok() ? chunk->data : std::string();
  }

  TempFolder folder_;
  Loop loop_;
  std::map<std::string, int> started_;
  std::map<std::string, std::string> failed_;
  std::map<std::string, ExitStatus> exits_;
  std::map<std::string, std::string> lost_;
  int checkpoints_ = 0;
  std::unique_ptr<ProcessExecutor> executor_;
};

TEST_F(ExecutorTest, RunsACommandAndTellsItsCode) {
  launch_shell("t", "echo out; echo err >&2; exit 3");
  EXPECT_TRUE(started_.empty());  // never from inside the call
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_EQ(started_["t"], 1);
  EXPECT_FALSE(exits_["t"].signaled);
  EXPECT_EQ(exits_["t"].code_or_signal, 3);
  EXPECT_EQ(output("t"), "out\n");
  EXPECT_EQ(output("t", "stderr"), "err\n");
  EXPECT_EQ(executor_->running(), 0u);
}

TEST_F(ExecutorTest, TellsTheTaskWhoItIs) {
  wire::TaskDescription description;
  description.shell = true;
  description.command =
      "echo $SHOAL_TASK_ID $SHOAL_FRAMEWORK_ID $SHOAL_AGENT_ID $SHOAL_PORTS $MINE;"
      "test \"$HOME\" = \"$SHOAL_SANDBOX\" && test \"$PWD\" = \"$SHOAL_SANDBOX\" && echo same";
  description.environment = {{"MINE", "yes"}, {"SHOAL_TASK_ID", "a lie"}};
  launch("t-1", description, "cpus:1;ports:[31000-31001,31005-31005]");
  ASSERT_TRUE(wait_exit("t-1"));
  EXPECT_EQ(output("t-1"),
            "t-1 f-00000000000000f1 a-00000000000000a1 31000,31001,31005 yes\nsame\n");
}

TEST_F(ExecutorTest, ATaskCanGoOnWithTheTraceOfItsLaunch) {
  launch_shell("t-1", "echo $TRACEPARENT");
  wire::TaskDescription with_own;
  with_own.shell = true;
  with_own.command = "echo $TRACEPARENT";
  with_own.environment = {{"TRACEPARENT", "00-its-own-01"}};
  launch("t-2", with_own);
  ASSERT_TRUE(wait_exit("t-1"));
  ASSERT_TRUE(wait_exit("t-2"));
  EXPECT_EQ(output("t-1"), core::trace_parent(core::FrameworkId{0xf1}, "t-1") + "\n");
  EXPECT_EQ(output("t-2"), "00-its-own-01\n");
}

TEST_F(ExecutorTest, ATaskIsOnRecordBeforeItBegins) {
  launch_shell("t", "ls '" + folder_.path() + "'/meta/*@t@$SHOAL_TASK_UUID");
  ASSERT_TRUE(loop_.run_until([&] { return !executor_->supervised().empty(); }));
  EXPECT_EQ(checkpoints_, 1);
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_EQ(output("t"), "exit.tmp\nsupervisor\ntask\n");
}

TEST_F(ExecutorTest, RecordsStayUntilTheEndIsTold) {
  launch_shell("t", "exit 3");
  launch("none", [] {
    wire::TaskDescription description;
    description.command = "no-such-program";
    return description;
  }());
  ASSERT_TRUE(loop_.run_until([&] { return failed_.contains("none") && exits_.contains("t"); }));
  const auto found = find_runs(folder_.path());
  ASSERT_EQ(found->runs.size(), 2u);
  EXPECT_EQ(found->runs[1].id.task_id, "t");
  EXPECT_EQ(found->runs[1].exit->exit.code_or_signal, 3);
  executor_->forget(kFramework, "t");
  executor_->forget(kFramework, "none");
  executor_->forget(kOtherFramework, "stranger");
  EXPECT_TRUE(loop_.run_until([&] { return executor_->is_idle(); }));
  EXPECT_EQ(runs_on_disk(), 0u);
}

TEST_F(ExecutorTest, ArgumentsAreNotReadByAShell) {
  wire::TaskDescription description;
  description.command = "printf";
  description.arguments = {"%s|", "a b", "$HOME", ""};
  launch("t", description);
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_EQ(output("t"), "a b|$HOME||");
}

TEST_F(ExecutorTest, WhatCannotStartSaysWhy) {
  wire::TaskDescription description;
  description.command = "/no/such/program";
  launch("missing", description);
  description.command = "sh";
  description.working_directory = "/no/such/folder";
  launch("nowhere", description);
  ASSERT_TRUE(loop_.run_until([&] { return failed_.size() == 2; }));
  EXPECT_THAT(failed_["missing"], HasSubstr("/no/such/program"));
  EXPECT_THAT(failed_["nowhere"], HasSubstr("/no/such/folder"));
  EXPECT_TRUE(started_.empty());
  EXPECT_EQ(executor_->running(), 0u);
}

TEST_F(ExecutorTest, ASignalIsToldAsOne) {
  launch_shell("t", "kill -SEGV $$");
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_TRUE(exits_["t"].signaled);
  EXPECT_EQ(exits_["t"].code_or_signal, SIGSEGV);
}

TEST_F(ExecutorTest, TermReachesTheWholeGroup) {
  launch_shell("t", "sh -c 'echo $$; exec tail -f /dev/null' & wait");
  const pid_t child = std::stoi(wait_line("t"));
  executor_->kill(kFramework, "t", KillMode::kTerminate);
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_TRUE(exits_["t"].signaled);
  EXPECT_EQ(exits_["t"].code_or_signal, SIGTERM);
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    const auto stat = read_proc_stat(child);
    return !stat || stat->ended();
  }));
}

TEST_F(ExecutorTest, AStoppedTaskHearsTerm) {
  launch_shell("t", "trap 'exit 9' TERM; echo up; kill -STOP $$; tail -f /dev/null");
  wait_line("t");
  executor_->kill(kFramework, "t", KillMode::kTerminate);
  ASSERT_TRUE(wait_exit("t"));
}

TEST_F(ExecutorTest, ForceAlsoFindsWhoLeftTheGroup) {
  launch_shell("t",
               "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$; tail -f /dev/null' & "
               "while :; do wait; done");
  const pid_t escaped = std::stoi(wait_line("t"));
  executor_->kill(kFramework, "t", KillMode::kTerminate);
  executor_->kill(kFramework, "t", KillMode::kForce);
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_EQ(exits_["t"].code_or_signal, SIGKILL);
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return !read_proc_stat(escaped).has_value();  // dead, and reaped too
  }));
}

TEST_F(ExecutorTest, StraysOfATaskThatEndsByItselfGoToo) {
  launch_shell(
      "t", "setsid sh -c 'echo $$; exec tail -f /dev/null' & while [ ! -s stdout ]; do :; done");
  const pid_t stray = std::stoi(wait_line("t"));
  ASSERT_TRUE(wait_exit("t"));
  EXPECT_EQ(exits_["t"].code_or_signal, 0);
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return !read_proc_stat(stray).has_value();
  }));
}

TEST_F(ExecutorTest, ATaskWhoseSupervisorIsKilledIsLostAndNothingOfItStays) {
  launch_shell("t", "setsid sh -c 'echo $$; exec tail -f /dev/null' & wait");
  const pid_t stray = std::stoi(wait_line("t"));
  ASSERT_TRUE(loop_.run_until([&] { return started_.contains("t"); }));
  const auto found = find_runs(folder_.path());
  ASSERT_TRUE(found->runs[0].supervisor.ok());
  ::kill(found->runs[0].supervisor->pid, SIGKILL);
  ASSERT_TRUE(loop_.run_until([&] { return lost_.contains("t"); }));
  EXPECT_THAT(lost_["t"], HasSubstr("its supervisor was killed"));
  const auto stat = read_proc_stat(stray);
  EXPECT_TRUE(!stat || stat->ended());
  EXPECT_EQ(executor_->running(), 0u);
}

// The task writes before its supervisor says that it runs; the loop stands still until it is dead.
TEST_F(ExecutorTest, NothingStaysOfOneWhoseSupervisorIsKilledBeforeItHasSpoken) {
  launch_shell("t", "setsid sh -c 'echo $$; exec tail -f /dev/null' & wait");
  ASSERT_TRUE(loop_.run_until([&] { return !executor_->supervised().empty(); }));
  const pid_t supervisor = executor_->supervised().front().supervisor;
  while (output("t").find('\n') == std::string::npos) ::poll(nullptr, 0, 1);
  const pid_t stray = std::stoi(output("t"));
  ::kill(supervisor, SIGKILL);
  ASSERT_TRUE(loop_.run_until([&] { return lost_.contains("t") || failed_.contains("t"); }));
  const auto stat = read_proc_stat(stray);
  EXPECT_TRUE(!stat || stat->ended());
  EXPECT_EQ(executor_->running(), 0u);
}

TEST_F(ExecutorTest, AnotherExecutorTakesOver) {
  launch_shell("runs", "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.01; done");
  launch_shell("ends", "exit 5");
  wait_line("runs");
  ASSERT_TRUE(loop_.run_until([&] { return started_["runs"] == 1; }));
  ASSERT_TRUE(wait_exit("ends"));
  executor_.reset();
  exits_.clear();
  make_executor(2);
  auto recovery = recover(folder_.path(), read_boot_id(), RecoverMode::kReconnect);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  ASSERT_EQ(recovery->live.size(), 1u);
  ASSERT_EQ(recovery->over.size(), 1u);
  EXPECT_EQ(recovery->hunt.killed, 0u);
  ASSERT_TRUE(executor_->adopt(std::move(recovery->live), recovery->over).ok());
  EXPECT_EQ(executor_->running(), 1u);
  executor_->forget(kFramework, "ends");
  ASSERT_TRUE(loop_.run_until([&] { return executor_->is_idle(); }));
  EXPECT_EQ(runs_on_disk(), 1u);
  executor_->kill(kFramework, "runs", KillMode::kTerminate);
  ASSERT_TRUE(wait_exit("runs"));
  EXPECT_EQ(exits_["runs"].code_or_signal, 4);
  EXPECT_EQ(output("runs"), "up\nbye\n");
  EXPECT_EQ(started_["runs"], 1) << "told only by the one that launched it";
}

TEST_F(ExecutorTest, ManyAtOnceEachWithItsOwnEnd) {
  constexpr int kTasks = 100;
  for (int i = 0; i < kTasks; ++i) {
    launch_shell("t" + std::to_string(i), "exit " + std::to_string(i % 7));
  }
  ASSERT_TRUE(loop_.run_until([&] { return exits_.size() == kTasks; }));
  for (int i = 0; i < kTasks; ++i) {
    EXPECT_EQ(exits_["t" + std::to_string(i)].code_or_signal, i % 7);
  }
}

TEST_F(ExecutorTest, OneThatIsKilledBeforeItIsStartedNeverIs) {
  launch_shell("t", "touch '" + folder_.path() + "/began'; sleep 1000");
  executor_->kill(kFramework, "t", KillMode::kTerminate);
  ASSERT_TRUE(loop_.run_until([&] { return failed_.contains("t"); }));
  EXPECT_EQ(failed_["t"], "killed before it was started");
  EXPECT_TRUE(started_.empty());
  EXPECT_EQ(executor_->running(), 0u);
  executor_->forget(kFramework, "t");
  EXPECT_TRUE(loop_.run_until([&] { return executor_->is_idle(); }));
  EXPECT_EQ(runs_on_disk(), 0u);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/began"));
}

TEST_F(ExecutorTest, OneThatIsNotStartedYetEndsWithTheExecutor) {
  launch_shell("first", "sleep 1000");
  launch_shell("second", "sleep 1000");
  executor_.reset();
  const auto found = find_runs(folder_.path());
  ASSERT_TRUE(found.ok());
  EXPECT_LE(found->runs.size(), 1u) << "what has not begun is dropped";
  for (const FoundRun& run : found->runs) EXPECT_TRUE(absl::IsNotFound(run.supervisor.status()));
  make_executor(2);
  launch_shell("third", "sleep 1000");
  executor_->end_all();
  EXPECT_LE(runs_on_disk(), 1u);
}

TEST_F(ExecutorTest, NothingSurvivesItsEnd) {
  launch_shell("t", "trap '' TERM; echo $$; while :; do tail -f /dev/null; done");
  const pid_t pid = std::stoi(wait_line("t"));
  executor_->end_all();
  EXPECT_FALSE(read_proc_stat(pid).has_value());
  EXPECT_EQ(runs_on_disk(), 0u);
}

TEST_F(ExecutorTest, AnUnwritableFolderFailsTheLaunch) {
  std::filesystem::remove_all(folder_.path());
  folder_.write("../" + std::filesystem::path(folder_.path()).filename().string(), "a file");
  launch_shell("t", "true");
  ASSERT_TRUE(loop_.run_until([&] { return failed_.contains("t"); }));
  EXPECT_FALSE(failed_["t"].empty());
}

TEST(PortsText, ListsFewAndSpansMany) {
  EXPECT_EQ(ports_text({}), "");
  EXPECT_EQ(ports_text(resources_of("ports:[5-6,9-9]").ports), "5,6,9");
  EXPECT_EQ(ports_text(resources_of("ports:[5-5,1000-2000]").ports), "5-5,1000-2000");
}

}  // namespace
}  // namespace shoal::agent
