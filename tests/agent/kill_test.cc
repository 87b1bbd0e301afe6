// Nothing of a task outlives its SIGKILL, however it tries, and whichever way the machine has to
// hold it. The times are printed; docs/ISOLATION.md has them.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "agent/supervisor/record.h"
#include "tests/agent/held_task.h"

namespace shoal::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kStormPids = 300;

// Every process forks as often as it is let, each child in a session of its own, and half of the
// parents end.
constexpr char kStorm[] = R"(import os, time
while True:
  try:
    if os.fork() == 0: os.setsid()
    elif os.getpid() % 2: os._exit(0)
  except OSError: time.sleep(0.001)
)";

struct Means {
  const char* name;
  const char* switches;
  bool by_freezer;  // instead of cgroup.kill
};

class KillTest : public HeldTaskTest, public testing::WithParamInterface<Means> {
 protected:
  void SetUp() override {
    HeldTaskTest::SetUp();
    if (GetParam().by_freezer && ::access("/sys/fs/cgroup/freezer", F_OK) != 0) {
      GTEST_SKIP() << "no freezer of cgroup version 1";
    }
    if (!hold(GetParam().switches, kStormPids)) GTEST_SKIP() << why_not_;
    mark_ = fmt::format("98765{:05}", ::getpid() % 100'000);  // seconds that nobody else sleeps
  }

  // With the freezer's cgroup before the one that has cgroup.kill: the first is the one to kill by.
  SpawnRequest wanted(const std::string& line) {
    SpawnRequest request = held({line}, true, "cpus:1;mem:512");
    if (!GetParam().by_freezer) return request;
    freezer_ = fmt::format("/sys/fs/cgroup/freezer/shoal-test-{}-{}", ::getpid(), run_count_);
    request.settings.insert(request.settings.begin(), kCgroupSetting + freezer_);
    return request;
  }

  // SIGKILL to all of it, until the supervisor has ended; then nothing may be left.
  void kill_and_look(const StartedTask& task, const char* what) {
    const auto began = Clock::now();
    task.signal(SIGUSR1);
    EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
    const auto took = Clock::now() - began;
    fmt::print("{}, {}: gone {} ms after SIGKILL\n", what, GetParam().name,
               std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
    EXPECT_EQ(count_processes(mark_), 0);
    EXPECT_FALSE(read_proc_stat(task.leader).has_value()) << "alive or a zombie";
    EXPECT_FALSE(std::filesystem::exists(freezer_.empty() ? "/no" : freezer_));
    if (isolation_->cgroups() == nullptr) return;
    EXPECT_FALSE(usage().processes.has_value()) << "its cgroup is still there";
    EXPECT_EQ(isolation_->cgroups()->end_all_but({}), 0u) << "cgroups were left";
  }

  std::string mark_;
  std::string freezer_;
};

TEST_P(KillTest, AForkStorm) {
  if (isolation_->cgroups() == nullptr) GTEST_SKIP() << "only a cgroup bounds it";
  folder_.write("storm.py", kStorm);
  const StartedTask task = start(wanted("python3 storm.py " + mark_ + " & exec sleep " + mark_));
  while (usage().processes.value_or(0) < kStormPids - 10) ::poll(nullptr, 0, 1);
  kill_and_look(task, "fork storm of 300");
}

TEST_P(KillTest, DoubleForkNewSessionAndNoEnvironment) {
  make_fifo("ready");
  const StartedTask task =
      start(wanted("setsid env -i sh -c 'setsid sh -c \"echo x > ready; exec sleep " + mark_ +
                   "\" & exit 0' & exec sleep " + mark_));
  wait_for_line("ready");
  while (count_processes(mark_) < 2) ::poll(nullptr, 0, 1);
  kill_and_look(task, "double fork, setsid, env -i");
}

TEST_P(KillTest, OneThatIgnoresTerm) {
  make_fifo("ready");
  const StartedTask task =
      start(wanted("trap '' TERM; echo x > ready; sleep " + mark_ + "; sleep " + mark_));
  wait_for_line("ready");
  task.signal(SIGTERM);
  EXPECT_FALSE(wait_readable(task.supervisor().get(), 50));
  kill_and_look(task, "ignores SIGTERM");
}

TEST_P(KillTest, OneThatStopsItself) {
  const StartedTask task = start(wanted("sleep " + mark_ + " & kill -STOP $$"));
  while (read_proc_stat(task.leader)->state != 'T') ::poll(nullptr, 0, 1);
  kill_and_look(task, "stopped");
}

INSTANTIATE_TEST_SUITE_P(
    Means, KillTest,
    testing::Values(Means{"no_isolation", "none", false}, Means{"cgroup", "cgroup", false},
                    Means{"freezer", "cgroup", true}, Means{"namespaces", "namespaces", false},
                    Means{"all", "cgroup,namespaces,seccomp,capabilities", false},
                    Means{"user", "cgroup,namespaces,seccomp,capabilities,user", false}),
    [](const auto& means) { return std::string(means.param.name); });

class LostSupervisorTest : public HeldTaskTest {
 protected:
  // Until so many processes have become `sleep MARK`: one that is about to has no words for a
  // moment.
  static void wait_asleep(const std::string& mark, int count) {
    const std::string words = std::string("sleep") + '\0' + mark;
    while (count_processes(words) < count) ::poll(nullptr, 0, 1);
  }
};

TEST_F(LostSupervisorTest, WithANamespaceEverythingGoesWithIt) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  const std::string mark = fmt::format("98764{:05}", ::getpid() % 100'000);
  make_fifo("ready");
  const StartedTask task =
      start(held({"setsid env -i sh -c 'setsid sh -c \"echo x > ready; exec sleep " + mark +
                  "\" & exit 0' & exec sleep " + mark},
                 true));
  wait_for_line("ready");
  wait_asleep(mark, 2);
  task.signal(SIGKILL);
  EXPECT_TRUE(wait_readable(task.supervisor().get()));
  wait_exited(task.supervisor()).IgnoreError();
  EXPECT_EQ(count_processes(mark), 0) << "when the first process is gone, so are all";
}

TEST_F(LostSupervisorTest, WithACgroupTheNextAgentFindsTheRest) {
  if (!hold("cgroup")) GTEST_SKIP() << why_not_;
  const std::string mark = fmt::format("98763{:05}", ::getpid() % 100'000);
  make_fifo("ready");
  const StartedTask task =
      start(held({"setsid env -i sh -c 'setsid sh -c \"echo x > ready; exec sleep " + mark +
                  "\" & exit 0' & exec sleep 1000"},
                 true));
  wait_for_line("ready");
  wait_asleep(mark, 1);
  task.signal(SIGKILL);
  EXPECT_TRUE(wait_readable(task.supervisor().get()));
  wait_exited(task.supervisor()).IgnoreError();
  EXPECT_EQ(count_processes(mark), 1) << "in no group, session or family, and without a mark";
  EXPECT_EQ(isolation_->cgroups()->end_all_but({run_}), 0u) << "it is spared";
  EXPECT_EQ(isolation_->cgroups()->end_all_but({}), 1u);
  EXPECT_EQ(count_processes(mark), 0);
  EXPECT_TRUE(isolation_->cgroups()->end(run_)) << "there is none any more";
}

}  // namespace
}  // namespace shoal::agent
