#include "agent/data_dir_lock.h"

#include <signal.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

TEST(DataDirLockTest, ASecondAgentIsRefusedWithTheFirstOnesPid) {
  const TempFolder folder;
  const std::string data = folder.path() + "/data";
  {
    const auto first = DataDirLock::acquire(data);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = DataDirLock::acquire(data);
    EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
    EXPECT_NE(second.status().message().find(absl::StrCat("process ", ::getpid())),
              std::string::npos)
        << second.status();
  }
  EXPECT_TRUE(DataDirLock::acquire(data).ok()) << "the lock outlived its owner";
}

TEST(DataDirLockTest, ADeadAgentHoldsNothing) {
  const TempFolder folder;
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto lock = DataDirLock::acquire(folder.path());
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(agent, &status, 0), agent);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(DataDirLock::acquire(folder.path()).ok());
}

// As a supervisor that was being started when its agent was killed.
TEST(DataDirLockTest, WhatADeadAgentLeavesForAMomentIsWaitedFor) {
  const TempFolder folder;
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto lock = DataDirLock::acquire(folder.path());
    if (::fork() == 0) {
      ::poll(nullptr, 0, 100);  // it has the lock's descriptor too
      ::_exit(0);
    }
    ::kill(::getpid(), SIGKILL);
  }
  ASSERT_EQ(::waitpid(agent, nullptr, 0), agent);
  const auto next = DataDirLock::acquire(folder.path());
  EXPECT_TRUE(next.ok()) << next.status();
}

using DataDirLockTaskTest = TaskTest;

TEST_F(DataDirLockTaskTest, TasksDoNotInheritTheLock) {
  std::optional<DataDirLock> lock(*DataDirLock::acquire(folder_.path()));
  const StartedTask task = start(request({"sleep", "1000"}));
  lock.reset();
  EXPECT_TRUE(DataDirLock::acquire(folder_.path()).ok());
  task.signal(SIGUSR1);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
}

TEST(DataDirLockTest, ABadFolderIsNamed) {
  const TempFolder folder;
  folder.write("file", "");
  EXPECT_TRUE(absl::IsNotFound(DataDirLock::acquire("/no/such/place").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DataDirLock::acquire(folder.path() + "/file").status()));
  fs::create_symlink("/etc/passwd", folder.path() + "/agent.lock");
  EXPECT_TRUE(absl::IsFailedPrecondition(DataDirLock::acquire(folder.path()).status()));
}

}  // namespace
}  // namespace shoal::agent
