// The program shoal-supervisor, by what it does with a task.
#include <signal.h>
#include <sys/wait.h>

#include "agent/supervisor/record.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using SupervisorTest = TaskTest;

TEST_F(SupervisorTest, IsOnRecordBeforeTheTaskBegins) {
  const SpawnRequest wanted = request({"echo $PPID; exec sleep 1000"}, true);
  const StartedTask task = start(wanted);
  std::ifstream in(wanted.run_folder + "/supervisor", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto record = decode_supervisor_record(
      wire::Bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->pid, task.supervised.process.pid);
  EXPECT_EQ(record->boot_id, read_boot_id());
  EXPECT_EQ(record->start_time, read_proc_stat(record->pid)->start_time);
  task.signal(SIGUSR1);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
}

TEST_F(SupervisorTest, TermReachesTheGroupAndKillWhatIgnoresIt) {
  make_fifo("ready");
  const StartedTask task = start_shell(
      "trap '' TERM; sleep 1000 & sleep 1000 & echo $! > ready; while :; do wait; done");
  const pid_t member = std::stoi(wait_for_line("ready"));
  task.signal(SIGTERM);
  EXPECT_FALSE(wait_readable(task.supervisor().get(), 50)) << "it ignores SIGTERM";
  EXPECT_TRUE(is_alive(member)) << "inherited: ignored there too";
  task.signal(SIGUSR1);
  const ExitStatus exit = wait(task);
  EXPECT_TRUE(exit.signaled);
  EXPECT_EQ(exit.code_or_signal, SIGKILL);
  EXPECT_FALSE(read_proc_stat(member).has_value());
}

TEST_F(SupervisorTest, OtherSignalsAreNotHeard) {
  const StartedTask task = start(request({"sleep", "1000"}));
  for (const int signo : {SIGHUP, SIGINT, SIGQUIT, SIGUSR2, SIGPIPE, SIGALRM}) task.signal(signo);
  EXPECT_FALSE(wait_readable(task.supervisor().get(), 50));
  EXPECT_TRUE(is_alive(task.leader));
  task.signal(SIGUSR1);
  wait(task);
}

TEST_F(SupervisorTest, AStoppedTaskHearsTerm) {
  make_fifo("ready");
  const StartedTask task =
      start_shell("trap 'exit 9' TERM; echo x > ready; kill -STOP $$; while :; do wait; done");
  wait_for_line("ready");
  while (read_proc_stat(task.leader)->state != 'T') ::poll(nullptr, 0, 1);
  task.signal(SIGTERM);
  EXPECT_EQ(wait(task).code_or_signal, 9);
}

// It makes its parent its tracer, which is the supervisor.
TEST_F(SupervisorTest, ATaskThatAsksToBeTracedGoesOn) {
  const std::string begin =
      "import ctypes, os, signal, sys\n"
      "signal.signal(signal.SIGUSR1, lambda *_: print('heard', flush=True))\n"
      "ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n";
  const ExitStatus heard =
      run(request({"python3", "-c", begin + "os.kill(os.getpid(), signal.SIGUSR1)\nsys.exit(7)"}));
  EXPECT_FALSE(heard.signaled);
  EXPECT_EQ(heard.code_or_signal, 7);
  EXPECT_EQ(folder_.read("stdout"), "heard\n");
  const ExitStatus executed =
      run(request({"python3", "-c", begin + "os.execvp('sh', ['sh', '-c', 'exit 5'])"}));
  EXPECT_FALSE(executed.signaled) << "stopped at its exec";
  EXPECT_EQ(executed.code_or_signal, 5);
  const ExitStatus ended =
      run(request({"python3", "-c", begin + "os.kill(os.getpid(), signal.SIGTERM)"}));
  EXPECT_TRUE(ended.signaled);
  EXPECT_EQ(ended.code_or_signal, SIGTERM);
}

TEST_F(SupervisorTest, ATaskThatClosesItsDescriptorsEndsAsAnyOther) {
  EXPECT_EQ(run(request({"python3", "-c", "import os, sys\nos.closerange(0, 65536)\nos._exit(4)"}))
                .code_or_signal,
            4);
}

TEST_F(SupervisorTest, WhatALeaderLeavesInItsGroupEndsWithIt) {
  make_fifo("ready");
  const StartedTask task = start_shell("sleep 1000 & echo $! > ready; exit 5");
  const pid_t member = std::stoi(wait_for_line("ready"));
  const ExitStatus exit = wait(task);
  EXPECT_FALSE(exit.signaled);
  EXPECT_EQ(exit.code_or_signal, 5);
  EXPECT_FALSE(read_proc_stat(member).has_value()) << "alive or a zombie";
}

// setsid, double fork and an empty environment: in no group, session or family of the task.
constexpr char kEscape[] =
    "setsid env -i sh -c 'setsid sh -c \"echo \\$\\$ > ready; exec sleep 1000\" & exit 0' & ";

TEST_F(SupervisorTest, AnEscapeeIsKilledWithItsTask) {
  make_fifo("ready");
  const StartedTask task = start_shell(std::string(kEscape) + "exec sleep 1000");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  EXPECT_NE(read_proc_stat(escapee)->session, task.leader);
  task.signal(SIGUSR1);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
  EXPECT_FALSE(read_proc_stat(escapee).has_value()) << "alive or a zombie";
}

TEST_F(SupervisorTest, AnEscapeeOfATaskThatEndsGoesToo) {
  make_fifo("ready");
  make_fifo("go");
  const StartedTask task = start_shell(std::string(kEscape) + "read x < go; exit 3");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  std::ofstream(folder_.path() + "/go") << "x\n";
  EXPECT_EQ(wait(task).code_or_signal, 3);
  EXPECT_FALSE(read_proc_stat(escapee).has_value()) << "alive or a zombie";
}

TEST_F(SupervisorTest, ARunningTasksOwnDaemonIsLeftAloneAndReaped) {
  make_fifo("ready");
  make_fifo("go");
  const StartedTask task = start_shell(
      "setsid sh -c 'setsid sh -c \"echo \\$\\$ > ready; read x < go; exit 0\" & exit 0' & "
      "exec sleep 1000");
  const pid_t daemon = std::stoi(wait_for_line("ready"));
  while (read_proc_stat(daemon)->parent != task.supervised.process.pid) ::poll(nullptr, 0, 1);
  EXPECT_TRUE(is_alive(daemon));
  std::ofstream(folder_.path() + "/go") << "x\n";
  while (read_proc_stat(daemon).has_value()) ::poll(nullptr, 0, 1);  // no zombie is left
  task.signal(SIGUSR1);
  wait(task);
}

TEST_F(SupervisorTest, AForkStormEnds) {
  make_fifo("ready");
  // Each process starts the next in a session of its own and ends; bounded, in case all else fails.
  folder_.write("storm",
                "#!/bin/sh\n[ $1 -gt 3000 ] && exit\n[ $1 = 5 ] && echo x > ready\n"
                "setsid ./storm $(($1 + 1)) &\nexit 0\n",
                0755);
  const StartedTask task = start_shell("./storm 1 & ./storm 1000 & exec sleep 1000");
  wait_for_line("ready");
  task.signal(SIGUSR1);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
}

TEST_F(SupervisorTest, TheTaskDiesWithIt) {
  const StartedTask task = start(request({"sleep", "1000"}));
  const UniqueFd leader = open_same_process(*read_proc_stat(task.leader));
  task.signal(SIGKILL);
  EXPECT_TRUE(wait_readable(leader.get()));
  EXPECT_TRUE(wait_readable(task.supervisor().get()));
  wait_exited(task.supervisor()).IgnoreError();
  EXPECT_FALSE(read_exit_file(task.run_folder).ok());
}

TEST_F(SupervisorTest, AFolderItCannotWriteToIsTold) {
  if (::geteuid() == 0) {
    SpawnRequest wanted = request({"true"});
    std::filesystem::create_directory(wanted.run_folder + "/supervisor");  // in the way
    EXPECT_NE(failure(wanted).message.find("record"), std::string::npos);
  }
  SpawnRequest wanted = request({"true"});
  wanted.run_folder = "/no/such/run";
  EXPECT_NE(failure(wanted).message.find("/no/such/run"), std::string::npos);
}

}  // namespace
}  // namespace shoal::agent
