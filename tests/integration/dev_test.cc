// `shoal dev` as a supervisor: start, restart, and an end that leaves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// How many processes have `mark` among their words.
int count_processes(const std::string& mark) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && command_line_of(pid).find(mark) != std::string::npos) ++found;
  }
  return found;
}

TEST(DevTest, CtrlCEndsEverythingWithZero) {
  Cluster cluster({"--agents", "2"});
  ASSERT_TRUE(cluster.is_ready());
  EXPECT_EQ(children_of(cluster.pid()).size(), 3u);
  auto task = cluster.start_shoal({"run", "--", "sh", "-c", "echo started; exec sleep 76543"});
  ASSERT_TRUE(task->wait_for_output("started\n"));
  cluster.process().signal(SIGINT);
  const Result result = cluster.process().wait(std::chrono::seconds(40));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("shoal run -- echo hello"));
  // `run` may have heard that its task was killed before the master was gone, or not.
  task->signal(SIGKILL);
  task->wait();
  EXPECT_EQ(count_processes("sleep 76543"), 0);
}

TEST(DevTest, AKilledAgentComesBackAndItsTasksDoNotLinger) {
  Cluster cluster({"--agents", "1"});
  ASSERT_TRUE(cluster.is_ready());
  auto task = cluster.start_shoal(
      {"run", "--timeout", "1h", "--", "sh", "-c", "echo started; exec sleep 65432"});
  ASSERT_TRUE(task->wait_for_output("started\n"));
  const pid_t before = cluster.agent_pid(1);
  ASSERT_GT(before, 0);
  ::kill(before, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const pid_t now = cluster.agent_pid(1);
    return now > 0 && now != before;
  }));
  task->signal(SIGKILL);
  task->wait();
  EXPECT_TRUE(eventually([] { return count_processes("sleep 65432") == 0; }));
  const Result after = cluster.shoal({"run", "--", "echo", "back"});
  EXPECT_EQ(after.out, "back\n");
}

TEST(DevTest, LeavesNothingEvenIfAgentsWereKilledWithTasks) {
  std::string folder;
  {
    Cluster cluster({"--agents", "2"});
    ASSERT_TRUE(cluster.is_ready());
    auto task = cluster.start_shoal({"run", "--instances", "2", "--cpus", "1", "--", "sh", "-c",
                                     "(setsid sleep 54321 &); echo started; exec sleep 54321"});
    ASSERT_TRUE(task->wait_for_output("[0] started\n"));
    ASSERT_TRUE(task->wait_for_output("[1] started\n"));
    ::kill(cluster.agent_pid(1), SIGKILL);
    ::kill(cluster.agent_pid(2), SIGKILL);
    cluster.process().signal(SIGTERM);
    EXPECT_EQ(cluster.process().wait(std::chrono::seconds(40)).exit_code, 0);
    task->signal(SIGKILL);
    task->wait();
  }
  EXPECT_EQ(count_processes("sleep 54321"), 0);
}

TEST(DevTest, AgentsDieWithAKilledDev) {
  TempFolder data;  // a killed dev cannot remove its own
  auto cluster = std::make_unique<Cluster>(
      std::vector<std::string>{"--agents", "1", "--data", data.path() + "/dev"});
  ASSERT_TRUE(cluster->is_ready());
  const std::string mark = "--master " + cluster->master() + " ";
  EXPECT_EQ(count_processes(mark), 1);
  cluster->process().signal(SIGKILL);
  cluster->process().wait();
  EXPECT_TRUE(eventually([&] { return count_processes(mark) == 0; }));
}

TEST(DevTest, ATakenPortIsExplained) {
  Cluster cluster({"--agents", "0"});
  ASSERT_TRUE(cluster.is_ready());
  const Result second = run({SHOAL_BINARY, "dev", "--listen", cluster.master()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr(cluster.master()));
}

TEST(DevTest, WithoutAgentsRunSaysSo) {
  Cluster cluster({"--agents", "0"});
  ASSERT_TRUE(cluster.is_ready());
  auto waiting = cluster.start_shoal({"run", "--", "true"});
  EXPECT_TRUE(waiting->wait_for_output("waiting for cpus:0.5;mem:64: no agents are registered"));
  waiting->signal(SIGINT);
  EXPECT_EQ(waiting->wait().exit_code, 130);
}

TEST(DevTest, KeepsItsDataOnlyWhenTold) {
  TempFolder folder;
  {
    Cluster cluster({"--agents", "1", "--data", folder.path() + "/kept"});
    ASSERT_TRUE(cluster.is_ready());
  }
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/kept/agent-1"));
}

}  // namespace
}  // namespace shoal::test
