#include "agent/process.h"

#include <signal.h>

#include "agent/process_tree.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

TEST(ProcStatTest, ReadsOurselves) {
  const auto stat = read_proc_stat(::getpid());
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->pid, ::getpid());
  EXPECT_EQ(stat->parent, ::getppid());
  EXPECT_EQ(stat->session, ::getsid(0));
  EXPECT_EQ(stat->group, ::getpgrp());
  EXPECT_FALSE(stat->ended());
  EXPECT_FALSE(read_proc_stat(1 << 30).has_value());
}

TEST(ProcStatTest, ANameMayHoldAnything) {
  const std::string tail = " 2 3 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 1 1";
  for (const std::string& name :
       std::vector<std::string>{"sh", "a b", "a) R 1 1 1", "((", ")", ""}) {
    const auto stat = parse_proc_stat("99 (" + name + ") Z" + tail);
    ASSERT_TRUE(stat.has_value()) << name;
    EXPECT_EQ(stat->pid, 99);
    EXPECT_EQ(stat->state, 'Z');
    EXPECT_EQ(stat->parent, 2);
    EXPECT_EQ(stat->group, 3);
    EXPECT_EQ(stat->session, 4);
    EXPECT_EQ(stat->start_time, 777u);
  }
  for (const std::string& bad : std::vector<std::string>{"", "(", ")(", "1 (a)", "1 (a) ",
                                                         "1 (a) R 2 3", "x (a) R" + tail}) {
    EXPECT_FALSE(parse_proc_stat(bad).has_value()) << bad;
  }
}

class ProcessTreeTest : public TaskTest {
 protected:
  void SetUp() override {
    TaskTest::SetUp();
    ASSERT_TRUE(ProcessTree::adopt_orphans().ok());
  }

  SpawnedProcess start_tracked(const std::string& line, const std::string& uuid) {
    SpawnRequest wanted = request({line}, true);
    wanted.task_uuid = uuid;
    SpawnedProcess process = start(wanted);
    tree_.track(process.pid, uuid);
    return process;
  }

  // Blocks until a task has made the fifo readable: it writes one line to it.
  std::string wait_for_line(const std::string& fifo) {
    std::ifstream in(folder_.path() + "/" + fifo);
    std::string line;
    std::getline(in, line);
    return line;
  }
  void make_fifo(const std::string& name) {
    ASSERT_EQ(::mkfifo((folder_.path() + "/" + name).c_str(), 0600), 0);
  }

  // What the daemon's timer would do: again and again until all is quiet.
  void sweep_until_no_child_is_left() {
    for (int i = 0; i < 10'000 && !children_of(::getpid()).empty(); ++i) {
      tree_.sweep();
      ::poll(nullptr, 0, 1);
    }
    EXPECT_TRUE(children_of(::getpid()).empty());
  }

  static bool is_alive(pid_t pid) {
    const auto stat = read_proc_stat(pid);
    return stat.has_value() && !stat->ended();
  }

  ProcessTree tree_{ProcessTree::Ownership::kExclusive};
};

TEST_F(ProcessTreeTest, TermIsIgnoredThenKillEndsTheWholeGroup) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked(
      "trap '' TERM; sleep 1000 & sleep 1000 & echo $! > ready; while :; do wait; done", "u1");
  const pid_t member = std::stoi(wait_for_line("ready"));
  ASSERT_TRUE(signal_group(task, SIGTERM).ok());
  EXPECT_FALSE(wait_readable(task.pidfd.get(), 50)) << "it ignores SIGTERM";
  EXPECT_TRUE(is_alive(member)) << "inherited: ignored there too";
  ASSERT_TRUE(signal_group(task, SIGKILL).ok());
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  const auto status = tree_.finish(task);
  ASSERT_TRUE(status.ok() && status->has_value());
  EXPECT_TRUE((*status)->signaled);
  EXPECT_EQ((*status)->code_or_signal, SIGKILL);
  sweep_until_no_child_is_left();
  EXPECT_FALSE(is_alive(member));
}

TEST_F(ProcessTreeTest, AStoppedTaskCanBeKilled) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked("echo x > ready; kill -STOP $$", "u1");
  wait_for_line("ready");
  tree_.kill_tree(task);
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(tree_.finish(task)->has_value());
}

TEST_F(ProcessTreeTest, WhatALeaderLeavesInItsGroupEndsWithIt) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked("sleep 1000 & echo $! > ready; exit 5", "u1");
  const pid_t member = std::stoi(wait_for_line("ready"));
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(is_alive(member));
  const auto status = tree_.finish(task);
  ASSERT_TRUE(status.ok() && status->has_value());
  EXPECT_FALSE((*status)->signaled);
  EXPECT_EQ((*status)->code_or_signal, 5);
  sweep_until_no_child_is_left();
  EXPECT_FALSE(is_alive(member));
}

TEST_F(ProcessTreeTest, NothingIsSignalledAfterTheLeaderWasReaped) {
  const SpawnedProcess task = start_tracked("exit 0", "u1");
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(signal_group(task, SIGTERM).ok()) << "a zombie keeps its group id";
  ASSERT_TRUE(tree_.finish(task)->has_value());
  EXPECT_TRUE(absl::IsNotFound(signal_group(task, SIGTERM)));
  EXPECT_TRUE(absl::IsNotFound(tree_.finish(task).status()));
}

// setsid and double fork: in no group, no session and no family of the task any more.
constexpr char kEscape[] =
    "setsid sh -c 'setsid sh -c \"echo \\$\\$ > ready; exec sleep 1000\" & exit 0' & ";

TEST_F(ProcessTreeTest, AnEscapeeIsKilledWithItsRunningTask) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked(std::string(kEscape) + "exec sleep 1000", "u1");
  const SpawnedProcess other = start_tracked("exec sleep 1000", "u2");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  EXPECT_NE(read_proc_stat(escapee)->session, task.pid);
  for (int i = 0; i < 10'000 && (is_alive(escapee) || is_alive(task.pid)); ++i) {
    tree_.kill_tree(task);
    ::poll(nullptr, 0, 1);
  }
  EXPECT_FALSE(is_alive(escapee));
  EXPECT_TRUE(is_alive(other.pid)) << "another task was killed";
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(tree_.finish(task)->has_value());
  EXPECT_EQ(tree_.kill_tree(other).alive, 0u);
  ASSERT_TRUE(wait_readable(other.pidfd.get()));
  EXPECT_EQ((*tree_.finish(other))->code_or_signal, SIGKILL);
  sweep_until_no_child_is_left();
}

TEST_F(ProcessTreeTest, AnEscapeeOfAnEndedTaskIsSweptAway) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked(std::string(kEscape) + "exit 3", "u1");
  const SpawnedProcess other = start_tracked("sleep 1000; exit 9", "u2");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_EQ((*tree_.finish(task))->code_or_signal, 3);
  for (int i = 0; i < 10'000 && read_proc_stat(escapee).has_value(); ++i) {
    tree_.sweep();
    ::poll(nullptr, 0, 1);
  }
  EXPECT_FALSE(read_proc_stat(escapee).has_value()) << "alive or a zombie";
  EXPECT_TRUE(is_alive(other.pid));
  tree_.kill_tree(other);
  ASSERT_TRUE(wait_readable(other.pidfd.get()));
  EXPECT_TRUE(tree_.finish(other)->has_value());
  sweep_until_no_child_is_left();
}

TEST_F(ProcessTreeTest, ARunningTasksOwnDaemonIsLeftAlone) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked(std::string(kEscape) + "exec sleep 1000", "u1");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  while (read_proc_stat(escapee)->parent != ::getpid()) ::poll(nullptr, 0, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tree_.sweep().killed, 0u);
  EXPECT_TRUE(is_alive(escapee));
  tree_.kill_tree(task);
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(tree_.finish(task)->has_value());
  sweep_until_no_child_is_left();
}

TEST_F(ProcessTreeTest, WithoutMarkerAnEscapeeGoesWhenNoTaskRuns) {
  make_fifo("ready");
  const SpawnedProcess task = start_tracked(
      "setsid env -i sh -c 'setsid sh -c \"echo \\$\\$ > ready; exec sleep 1000\" & exit 0' & exit "
      "0",
      "u1");
  const SpawnedProcess other = start_tracked("exec sleep 1000", "u2");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(tree_.finish(task)->has_value());
  while (read_proc_stat(escapee)->parent != ::getpid()) ::poll(nullptr, 0, 1);
  tree_.sweep();
  EXPECT_TRUE(is_alive(escapee)) << "it could be the other task's";
  tree_.kill_tree(other);
  ASSERT_TRUE(wait_readable(other.pidfd.get()));
  EXPECT_TRUE(tree_.finish(other)->has_value());
  sweep_until_no_child_is_left();
  EXPECT_FALSE(is_alive(escapee));
}

TEST_F(ProcessTreeTest, SweepNeverTakesAnExitStatus) {
  const SpawnedProcess task = start_tracked("exit 42", "u1");
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_EQ(tree_.sweep().reaped, 0u);
  EXPECT_EQ((*tree_.finish(task))->code_or_signal, 42);
}

TEST_F(ProcessTreeTest, AgentsInOneProcessLeaveEachOtherAlone) {
  ProcessTree mine(ProcessTree::Ownership::kShared);
  const SpawnedProcess ended = start_tracked("exit 42", "theirs-1");  // tracked by tree_ only
  const SpawnedProcess running = start_tracked("exec sleep 1000", "theirs-2");
  ASSERT_TRUE(wait_readable(ended.pidfd.get()));
  for (int i = 0; i < 3; ++i) {
    const auto report = mine.sweep();
    EXPECT_EQ(report.reaped, 0u);
    EXPECT_EQ(report.killed, 0u);
  }
  EXPECT_EQ((*tree_.finish(ended))->code_or_signal, 42);
  EXPECT_TRUE(is_alive(running.pid));
  tree_.kill_tree(running);
  ASSERT_TRUE(wait_readable(running.pidfd.get()));
  EXPECT_TRUE(tree_.finish(running)->has_value());
}

TEST_F(ProcessTreeTest, AForkStormEnds) {
  make_fifo("ready");
  // Each process starts the next in a session of its own and ends; bounded, in case all else fails.
  folder_.write("storm",
                "#!/bin/sh\n[ $1 -gt 3000 ] && exit\n[ $1 = 5 ] && echo x > ready\n"
                "setsid ./storm $(($1 + 1)) &\nexit 0\n",
                0755);
  const SpawnedProcess task = start_tracked("./storm 1 & ./storm 1000 & exec sleep 1000", "u1");
  wait_for_line("ready");
  tree_.kill_tree(task);
  ASSERT_TRUE(wait_readable(task.pidfd.get()));
  EXPECT_TRUE(tree_.finish(task)->has_value());
  sweep_until_no_child_is_left();
  EXPECT_TRUE(children_of(::getpid()).empty());
}

}  // namespace
}  // namespace shoal::agent
