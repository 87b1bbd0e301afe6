#include "agent/process.h"

#include <signal.h>
#include <sys/wait.h>

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

TEST(ProcessEnvironmentTest, FindsWholeNamesOnly) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::string one = "AB=1";
    std::string two = "A=2=3";
    std::string three = "EMPTY=";
    char name[] = "sleep";
    char time[] = "1000";
    char* arguments[] = {name, time, nullptr};
    char* environment[] = {one.data(), two.data(), three.data(), nullptr};
    ::execve("/bin/sleep", arguments, environment);
    ::_exit(127);
  }
  while (ProcessEnvironment(child).get("AB").empty()) ::poll(nullptr, 0, 1);
  const ProcessEnvironment environment(child);
  EXPECT_EQ(environment.get("A"), "2=3");
  EXPECT_EQ(environment.get("B"), "");
  EXPECT_EQ(environment.get("EMPTY"), "");
  EXPECT_EQ(ProcessEnvironment(1 << 30).get("A"), "");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace shoal::agent
