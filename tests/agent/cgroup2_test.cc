// Version 2 of cgroups on a kernel's own files. They are skipped where its controllers are not, and
// then `make vm-tests` has a machine for them; there (SHOAL_VM) nothing is skipped.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "agent/cgroup.h"
#include "agent/device_rules.h"
#include "agent/machine_usage.h"
#include "agent/supervisor/cgroup_folder.h"
#include "agent/supervisor/record.h"
#include "agent/task_life.h"
#include "core/text.h"
#include "tests/agent/held_task.h"

namespace shoal::agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Without the end of its line.
std::string line_of(const std::string& path) { return std::string(core::strip(read_file(path))); }

std::string v2_mount() { return parse_cgroup_mounts(read_file("/proc/self/mountinfo")).v2; }

// Why these tests cannot run here; empty: they can.
std::string why_no_v2() {
  const std::string mount = v2_mount();
  if (mount.empty()) return "no cgroup version 2 is mounted";
  const std::string offered = " " + line_of(mount + "/cgroup.controllers") + " ";
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (offered.find(fmt::format(" {} ", controller)) == std::string::npos) {
      return fmt::format("cgroup version 2 has no controller {} here (make vm-tests)", controller);
    }
  }
  return "";
}

class Cgroup2Test : public HeldTaskTest {
 protected:
  void SetUp() override {
    HeldTaskTest::SetUp();
    std::string why = why_no_v2();
    if (why.empty() && !hold("cgroup", kPids, true)) why = why_not_;
    if (why.empty()) return;
    if (std::getenv("SHOAL_VM") != nullptr) FAIL() << why;
    GTEST_SKIP() << why;
  }
  void TearDown() override {
    HeldTaskTest::TearDown();
    if (!guard_.empty()) ::rmdir(guard_.c_str());
  }
  // Of the last request.
  std::string folder_of(const SpawnRequest& wanted) const {
    return wanted.settings.front().substr(std::string_view(kCgroupSetting).size());
  }
  std::string file(const std::string& name) const { return line_of(cgroup_ + "/" + name); }
  StartedTask start_in(const std::string& line, std::string_view resources) {
    const SpawnRequest wanted = held({line}, true, resources);
    cgroup_ = folder_of(wanted);
    return start(wanted);
  }
  void end(const StartedTask& task) {
    task.signal(SIGUSR1);
    EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
    EXPECT_FALSE(std::filesystem::exists(cgroup_)) << "its cgroup was left";
  }
  std::uint64_t number(const char* name, const char* key) const {
    std::uint64_t value = 0;
    EXPECT_TRUE(read_cgroup_number(cgroup_.c_str(), name, key, &value)) << name << " " << key;
    return value;
  }
  // A cgroup of the test's own beside "shoal-test".
  std::string make_guard() {
    guard_ = fmt::format("{}/shoal-guard-{}", v2_mount(), ::getpid());
    EXPECT_EQ(::mkdir(guard_.c_str(), 0755), 0);
    return guard_;
  }

  static constexpr std::uint32_t kPids = 300;
  std::string cgroup_;  // of the last task
  std::string guard_;
};

TEST_F(Cgroup2Test, EverythingIsHeldByVersion2) {
  ASSERT_TRUE(hold("cgroup,devices", kPids, true)) << why_not_;
  EXPECT_EQ(isolation_->to_string(),
            "cgroup v2: cpu, memory, pids, devices; killed by cgroup.kill");
  EXPECT_EQ(isolation_->missing(), "");
}

TEST_F(Cgroup2Test, TheKernelHasTheLimitsAndTheTaskAlone) {
  const StartedTask task = start_in("exec sleep 1000", "cpus:0.5;mem:64");
  EXPECT_EQ(file("cpu.weight"), "50");
  EXPECT_EQ(file("cpu.max"), "50000 100000");
  EXPECT_EQ(file("memory.max"), std::to_string(64 << 20));
  EXPECT_EQ(file("memory.high"), "max");
  EXPECT_EQ(file("memory.oom.group"), "1");
  EXPECT_EQ(file("pids.max"), std::to_string(kPids));
  EXPECT_EQ(file("cgroup.procs"), std::to_string(task.leader)) << "without its supervisor";
  if (std::filesystem::exists(cgroup_ + "/memory.swap.max")) {
    EXPECT_EQ(file("memory.swap.max"), "0");
  }
  end(task);
  const StartedTask free = start_in("exec sleep 1000", "cpus:2");
  EXPECT_EQ(file("memory.max"), "max") << "without memory there is no limit";
  EXPECT_EQ(file("cpu.weight"), "200");
  end(free);
}

TEST_F(Cgroup2Test, WantOfMemoryEndsTheWholeTask) {
  const std::string mark = fmt::format("98762{:05}", ::getpid() % 100'000);
  const ExitStatus killed =
      run(held({"sleep " + mark + " & python3 -c 'x = bytearray(200 << 20)'; echo went on; wait"},
               true, "cpus:1;mem:64"));
  EXPECT_TRUE(killed.signaled);
  EXPECT_EQ(killed.code_or_signal, SIGKILL) << "the shell, which did not want memory";
  EXPECT_EQ(folder_.read("stdout"), "");
  EXPECT_EQ(count_processes(mark), 0);
  EXPECT_GE(killed.oom_kills, 2u) << "the shell, sleep, python3";
  EXPECT_EQ(killed.memory_limit, 64u << 20);
  const StatusUpdate update = update_of_exit(Task{}, killed);
  EXPECT_EQ(update.state, core::TaskState::kFailed);
  EXPECT_EQ(update.reason, core::TaskReason::kMemoryLimit) << update.message;
  EXPECT_THAT(update.message, HasSubstr("for want of memory: the limit is 64 MiB"));
}

TEST_F(Cgroup2Test, OneProcessThatWantsTooMuchIsCountedOnce) {
  const ExitStatus killed =
      run(held({"python3", "-c", "x = bytearray(200 << 20)"}, false, "cpus:1;mem:64"));
  EXPECT_EQ(killed.code_or_signal, SIGKILL);
  EXPECT_EQ(killed.oom_kills, 1u);
}

TEST_F(Cgroup2Test, AKillFromOutsideIsNoWantOfMemory) {
  const StartedTask task = start_in("exec sleep 1000", "cpus:1;mem:64");
  ASSERT_EQ(::kill(task.leader, SIGKILL), 0);
  const ExitStatus killed = wait(task);
  EXPECT_EQ(killed.oom_kills, 0u);
  EXPECT_EQ(update_of_exit(Task{}, killed).reason, core::TaskReason::kCommandFailed);
}

TEST_F(Cgroup2Test, AQuotaIsAllThatATaskGets) {
  const StartedTask task = start_in("while :; do :; done", "cpus:0.1;mem:64");
  const auto began = Clock::now();
  while (usage().cpu_ns.value_or(0) < 300'000'000) ::poll(nullptr, 0, 5);
  const auto took = Clock::now() - began;
  const CgroupUsage used = usage();
  fmt::print("0.3 s of processor time at a quota of 0.1 took {} ms, {} ms of it held back\n",
             duration_cast<milliseconds>(took).count(), used.throttled_ns.value_or(0) / 1'000'000);
  EXPECT_GT(took, milliseconds(2000)) << "about 3 s";
  EXPECT_GT(used.throttled_ns.value_or(0), 1'000'000'000u);
  EXPECT_GT(number("cpu.stat", "nr_throttled"), 10u);
  EXPECT_EQ(used.processes, 1u);
  EXPECT_GT(used.memory_bytes.value_or(0), 0u);
  EXPECT_GE(used.memory_peak_bytes.value_or(0), used.memory_bytes.value_or(0));
  EXPECT_EQ(used.oom_kills, 0u);
  EXPECT_THAT(file("cpu.pressure"), HasSubstr("some avg10="));
  end(task);
}

TEST_F(Cgroup2Test, AProcessorIsSharedByWeight) {
  ASSERT_TRUE(hold("cgroup")) << why_not_;
  const char* busy = "exec taskset -c 0 sh -c 'while :; do :; done'";
  const StartedTask small = start_in(busy, "cpus:0.5");
  const std::string small_run = run_;
  const std::string small_cgroup = cgroup_;
  const StartedTask large = start_in(busy, "cpus:2");
  const auto cpu_of = [this](const std::string& run) {
    return isolation_->cgroups()->usage(run).cpu_ns.value_or(0);
  };
  while (cpu_of(run_) < 200'000'000) ::poll(nullptr, 0, 5);  // both have begun
  const std::uint64_t small_before = cpu_of(small_run);
  const std::uint64_t large_before = cpu_of(run_);
  while (cpu_of(run_) < large_before + 1'500'000'000) ::poll(nullptr, 0, 5);
  const double ratio = static_cast<double>(cpu_of(run_) - large_before) /
                       static_cast<double>(cpu_of(small_run) - small_before);
  fmt::print("2 cpus against 0.5 on one processor: {:.1f} times the time\n", ratio);
  EXPECT_GT(ratio, 2.5) << "4";
  EXPECT_LT(ratio, 6);
  end(large);
  cgroup_ = small_cgroup;
  end(small);
}

TEST_F(Cgroup2Test, NoMoreProcessesThanTheLimit) {
  ASSERT_TRUE(hold("cgroup", 20)) << why_not_;
  make_fifo("ready");
  const StartedTask task = start_in(
      "exec python3 -c '\nimport os, time\nn = 0\ntry:\n  while n < 100:\n"
      "    if os.fork() == 0: time.sleep(1000)\n    n += 1\nexcept OSError as e:\n"
      "  open(\"ready\", \"w\").write(\"%d %s\" % (n, e.strerror))\ntime.sleep(1000)'",
      "cpus:1;mem:256");
  EXPECT_EQ(wait_for_line("ready"), "19 Resource temporarily unavailable");
  EXPECT_EQ(usage().processes, 20u);
  EXPECT_GE(number("pids.events", "max"), 1u);
  end(task);
}

TEST_F(Cgroup2Test, AFrozenTaskIsKilled) {
  const StartedTask task = start_in("sleep 1000 & exec sleep 1000", "cpus:1");
  ASSERT_TRUE(write_cgroup_file(cgroup_.c_str(), "cgroup.freeze", "1"));
  while (number("cgroup.events", "frozen") == 0) ::poll(nullptr, 0, 1);
  end(task);
}

// As on Linux 5.2 to 5.13.
TEST_F(Cgroup2Test, WithoutCgroupKillAStormIsFrozenFirst) {
  const std::string mark = fmt::format("98761{:05}", ::getpid() % 100'000);
  folder_.write("storm.py",
                "import os, time\nwhile True:\n  try:\n    if os.fork() == 0: os.setsid()\n"
                "    elif os.getpid() % 2: os._exit(0)\n  except OSError: time.sleep(0.001)\n");
  const StartedTask task =
      start_in("python3 storm.py " + mark + " & exec sleep " + mark, "cpus:2;mem:512");
  while (usage().processes.value_or(0) < kPids - 10) ::poll(nullptr, 0, 1);
  const auto began = Clock::now();
  ASSERT_TRUE(kill_each_of_cgroup(cgroup_.c_str()));
  int rounds = 1;
  for (; !is_cgroup_empty(cgroup_.c_str()) && rounds < 200; ++rounds) {
    ::poll(nullptr, 0, 5);
    (void)kill_each_of_cgroup(cgroup_.c_str());
  }
  fmt::print("fork storm of {}, by cgroup.freeze: gone after {} ms, {} rounds\n", kPids,
             duration_cast<milliseconds>(Clock::now() - began).count(), rounds);
  EXPECT_TRUE(is_cgroup_empty(cgroup_.c_str()));
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
  EXPECT_EQ(count_processes(mark), 0);
  EXPECT_FALSE(std::filesystem::exists(cgroup_));
}

TEST_F(Cgroup2Test, NobodyEscapesIntoACgroupOfTheTasksOwn) {
  const std::string mark = fmt::format("98760{:05}", ::getpid() % 100'000);
  make_fifo("ready");
  SpawnRequest wanted = held({""}, true);
  cgroup_ = folder_of(wanted);
  wanted.arguments.back() = fmt::format(
      "mkdir -p {0}/own/below; sh -c 'echo $$ > {0}/own/below/cgroup.procs; echo x > ready; "
      "exec setsid env -i sleep {1}' & wait",
      cgroup_, mark);
  const StartedTask task = start(wanted);
  wait_for_line("ready");
  while (count_processes(mark) < 2) ::poll(nullptr, 0, 1);  // the shell has it among its words too
  EXPECT_FALSE(is_cgroup_empty((cgroup_ + "/own").c_str())) << "what is below counts";
  task.signal(SIGUSR1);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
  EXPECT_EQ(count_processes(mark), 0);
  EXPECT_TRUE(isolation_->cgroups()->end(run_));
  EXPECT_FALSE(std::filesystem::exists(cgroup_));
}

TEST_F(Cgroup2Test, WhatNoTaskOwnsIsEndedAtTheStart) {
  const std::string mark = fmt::format("98759{:05}", ::getpid() % 100'000);
  make_fifo("ready");
  const StartedTask task =
      start_in("setsid env -i sh -c 'setsid sh -c \"echo x > ready; exec sleep " + mark +
                   "\" & exit 0' & exec sleep 1000",
               "cpus:1");
  wait_for_line("ready");
  while (count_processes(mark) < 1) ::poll(nullptr, 0, 1);
  ASSERT_EQ(::mkdir((cgroup_ + "/nested").c_str(), 0755), 0);
  task.signal(SIGKILL);
  EXPECT_TRUE(wait_readable(task.supervisor().get()));
  wait_exited(task.supervisor()).IgnoreError();
  EXPECT_EQ(isolation_->cgroups()->end_all_but({run_}), 0u);
  EXPECT_EQ(isolation_->cgroups()->end_all_but({}), 1u);
  EXPECT_EQ(count_processes(mark), 0);
  EXPECT_FALSE(std::filesystem::exists(cgroup_));
}

TEST_F(Cgroup2Test, ARootThatHoldsProcessesIsSaidToBeTheReason) {
  const std::string guard = make_guard();
  const std::string root = guard.substr(v2_mount().size() + 1);
  SpawnRequest inside = request({"echo 0 > " + guard + "/cgroup.procs; exec sleep 1000"}, true);
  const StartedTask task = start(inside);
  while (is_cgroup_empty(guard.c_str())) ::poll(nullptr, 0, 1);
  CgroupOptions options;
  options.root = root;
  options.data_dir = data_.path();
  const auto cgroups = Cgroups::open(options);
  ASSERT_TRUE(cgroups.ok()) << cgroups.status();
  const std::string why = fmt::format(
      "(processes are in {} itself, so it hands nothing down: move them below it)", guard);
  EXPECT_THAT(cgroups->missing(), ElementsAre("cpu " + why, "memory " + why, "pids " + why));
  EXPECT_EQ(line_of(guard + "/cgroup.subtree_control"), "");
  EXPECT_EQ(line_of(guard + "/cgroup.type"), "domain") << "tasks can still be below it";
  SpawnRequest held_below = request({"true"});
  held_below.settings = cgroups->settings("run", {});
  EXPECT_EQ(run(held_below).code_or_signal, 0);
  cgroups->close();
  task.signal(SIGUSR1);
  wait(task);
}

int attach(const std::string& folder, const std::vector<DeviceRule>& rules, std::uint32_t flags) {
  const std::vector<bpf_insn> program = device_program(rules);
  bpf_attr loading{};
  loading.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  loading.insns = reinterpret_cast<std::uintptr_t>(program.data());
  loading.insn_cnt = static_cast<std::uint32_t>(program.size());
  loading.license = reinterpret_cast<std::uintptr_t>("GPL");
  const UniqueFd loaded(
      static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &loading, sizeof(loading))));
  const UniqueFd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bpf_attr attaching{};
  attaching.target_fd = static_cast<std::uint32_t>(at.get());
  attaching.attach_bpf_fd = static_cast<std::uint32_t>(loaded.get());
  attaching.attach_type = BPF_CGROUP_DEVICE;
  attaching.attach_flags = flags;
  return static_cast<int>(::syscall(SYS_bpf, BPF_PROG_ATTACH, &attaching, sizeof(attaching)));
}

// As systemd does with units that say DevicePolicy=.
TEST_F(Cgroup2Test, AProgramForDevicesAboveOursStaysInForce) {
  const std::string guard = make_guard();
  std::vector<DeviceRule> less = default_devices();
  less.erase(less.begin());  // /dev/null
  ASSERT_EQ(attach(guard, less, BPF_F_ALLOW_MULTI), 0) << strerror(errno);
  CgroupOptions options;
  options.root = guard.substr(v2_mount().size() + 1);
  options.data_dir = data_.path();
  options.devices = default_devices();
  for (int time = 0; time < 2; ++time) {  // an agent that starts again takes the place of its own
    const auto cgroups = Cgroups::open(options);
    ASSERT_TRUE(cgroups.ok()) << cgroups.status();
    ASSERT_THAT(cgroups->missing(), IsEmpty());
    const std::string run = fmt::format("run-{}", time);
    SpawnRequest wanted = request(
        {"for d in null zero kmsg; do (exec 3< /dev/$d) 2> reason || echo no $d; done"}, true);
    wanted.settings = cgroups->settings(run, {});
    EXPECT_EQ(this->run(wanted).code_or_signal, 0);
    EXPECT_TRUE(cgroups->end(run));
    cgroups->close();
  }
  EXPECT_EQ(folder_.read("stdout"), "no null\nno kmsg\nno null\nno kmsg\n");
}

TEST(PressureTest, IsReadWhereTheKernelCountsIt) {
  if (::access("/proc/pressure/cpu", R_OK) != 0) GTEST_SKIP() << "no /proc/pressure here";
  const TempFolder folder;
  const MachineUsage usage = read_machine_usage(folder.path());
  EXPECT_TRUE(usage.cpu_pressure.has_value());
  EXPECT_TRUE(usage.memory_pressure.has_value());
  EXPECT_TRUE(usage.io_pressure.has_value());
}

}  // namespace
}  // namespace shoal::agent
