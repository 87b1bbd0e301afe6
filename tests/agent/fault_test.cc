// What an agent promises when its disk is slow, when it is killed at the worst moment, and when
// many tasks end at once. The figures that these tests print are in docs/RELIABILITY.md.
#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "agent/process.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/slow_disk.h"

namespace shoal::agent {
namespace {

using Clock = std::chrono::steady_clock;
using core::TaskState;
using std::chrono::milliseconds;

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

// Processes that are `sleep MARK` and nothing else: not the shells and supervisors around them.
int count_sleepers(const std::string& mark) {
  const std::string wanted = std::string("sleep") + '\0' + mark + '\0';
  int count = 0;
  for (const pid_t pid : all_processes()) {
    std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    if (std::string((std::istreambuf_iterator<char>(in)), {}) == wanted) ++count;
  }
  return count;
}

class FaultTest : public AgentTest {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::size_t lines_of(const std::string& name) const {
    const std::string text = folder_.read(name);
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  std::size_t tasks_in_use() {
    const auto answer = get("/v1/usage");
    if (!answer.ok()) return std::size_t(-1);
    return nlohmann::json::parse(answer->body)["tasks"].size();
  }
};

// --- a slow disk (S24) ---

class SlowDiskTest : public FaultTest {
 protected:
  bool nothing_removed() {
    std::error_code error;
    return std::filesystem::is_empty(data("removed"), error) && !error;
  }
  // Watches when heartbeats come, until `done`; gives the time between them in ms, sorted.
  std::vector<double> watch_heartbeats(const std::function<bool()>& done) {
    std::vector<double> gaps;
    int seen = master_.heartbeats;
    Clock::time_point last = Clock::now();
    EXPECT_TRUE(loop_.run_until([&] {
      if (master_.heartbeats != seen) {
        const Clock::time_point now = Clock::now();
        gaps.push_back(ms_between(last, now));
        last = now;
        seen = master_.heartbeats;
      }
      return done();
    }));
    std::sort(gaps.begin(), gaps.end());
    return gaps;
  }
};

TEST_F(SlowDiskTest, HeartbeatsGoOnUpdatesWaitAndNothingIsLost) {
  constexpr milliseconds kSync{1000};
  constexpr int kTasks = 5;
  start_and_wait();
  master_.run("early", "trap 'exit 9' TERM; while :; do sleep 0.01; done", "cpus:0.1;mem:1", 5000);
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("early"); }));
  {
    const SlowDisk disk(kSync, milliseconds(20));
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < kTasks; ++i) {
      master_.run(fmt::format("t{}", i), fmt::format("exit {}", i + 1));
    }
    send_message(*master_.agent(), core::KillTask{kFramework, {}, "early", -1});
    double first_update = 0;
    const std::vector<double> gaps = watch_heartbeats([&] {
      if (first_update == 0 && master_.states.size() > 1) {
        first_update = ms_between(begin, Clock::now());
      }
      bool all = master_.has_ended("early");
      for (int i = 0; i < kTasks; ++i) all = all && master_.has_ended(fmt::format("t{}", i));
      return all;
    });
    ASSERT_GT(gaps.size(), 10u);
    const double p99 = gaps[gaps.size() * 99 / 100];
    fmt::print(
        "slow disk: {} heartbeats (one in 50 ms), p50 {:.0f} ms, p99 {:.0f} ms, max {:.0f} "
        "ms; first update after {:.0f} ms; slow calls {} on the loop, {} elsewhere\n",
        gaps.size(), gaps[gaps.size() / 2], p99, gaps.back(), first_update, disk.here(),
        disk.elsewhere());
    EXPECT_EQ(disk.here(), 0) << "the loop has waited for the disk";
    EXPECT_GT(disk.elsewhere(), 20);
    EXPECT_GE(first_update, static_cast<double>(kSync.count())) << "told before it was on disk";
    EXPECT_LT(p99, static_cast<double>(kSync.count()) / 2);
  }
  for (int i = 0; i < kTasks; ++i) {
    EXPECT_EQ(master_.texts[fmt::format("t{}", i)], fmt::format("exited with {}", i + 1));
  }
  EXPECT_EQ(master_.states["early"].back(), TaskState::kKilled);
  EXPECT_TRUE(loop_.run_until([&] { return runs_on_disk() == 0; }));
}

// All else that the agent does with its disk: who it is, who leads, what it has, volumes, and what
// tasks have written.
TEST_F(SlowDiskTest, NorDoReservationsVolumesEpochsAndLogsKeepTheLoop) {
  constexpr milliseconds kSync{300};
  constexpr int kFiles = 30;
  const std::string lot = "disk(ads,dynamic)[v1:data]:100";
  AgentOptions given = options_with_disk();
  given.ready_file = path("ready");
  master_.epoch = 7;
  start(given);
  const SlowDisk disk(kSync, milliseconds(20), milliseconds(30));
  Clock::time_point begin = Clock::now();
  ASSERT_TRUE(loop_.run_until([&] { return master_.registrations > 0; }));
  EXPECT_GE(ms_between(begin, Clock::now()), kSync.count()) << "before the epoch was on disk";
  master_.run("begins", "echo hello; while :; do sleep 0.01; done", "cpus:0.1;mem:1", 0);
  ASSERT_TRUE(loop_.run_until([&] { return ready_.has_value(); }));

  master_.apply("reserve", core::OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  master_.apply("create", core::OperationKind::kCreate, "disk(ads,dynamic):100", lot);
  master_.run("fills", fmt::format("for i in $(seq {}); do echo x > data/$i; done", kFiles), lot);
  TestPeer reader(loop_.reactor(), agent_->address());
  double first_word = 0;
  begin = Clock::now();
  bool is_asked = false;
  const std::vector<double> gaps = watch_heartbeats([&] {
    if (!is_asked && reader.is_connected() && master_.is_running("begins")) {
      is_asked = true;
      reader.hello(core::PeerKind::kLogReader);
      reader.send(core::ReadLog{kFramework, "begins", core::LogStream::kStdout, 0, true}, 7);
    }
    if (first_word == 0 && !master_.operations.empty())
      first_word = ms_between(begin, Clock::now());
    if (master_.has_ended("fills") && !master_.operations.contains("destroy")) {
      master_.apply("destroy", core::OperationKind::kDestroy, lot, "disk(ads,dynamic):100");
      master_.operations["destroy"] = core::OperationState::kPending;
    }
    // The welcome and "hello".
    return master_.is_done("destroy") && reader.frames.size() >= 2 && nothing_removed();
  });
  EXPECT_TRUE(master_.is_done("create")) << master_.texts["create"];
  EXPECT_EQ(master_.states["fills"].back(), TaskState::kFinished) << master_.texts["fills"];
  EXPECT_GE(first_word, static_cast<double>(2 * kSync.count())) << "told before it was on disk";
  ASSERT_GE(reader.frames.size(), 2u);
  EXPECT_EQ(reader.frames[1].as<core::LogChunk>()->data.size(), 6u);
  // Another leads.
  master_.epoch = 8;
  const int registered = master_.registrations;
  begin = Clock::now();
  master_.agent()->close(absl::UnavailableError("another leads"));
  ASSERT_TRUE(loop_.run_until([&] { return master_.registrations > registered; }));
  EXPECT_GE(ms_between(begin, Clock::now()), kSync.count()) << "before the epoch was on disk";
  ASSERT_GT(gaps.size(), 20u);
  const double p99 = gaps[gaps.size() * 99 / 100];
  fmt::print(
      "slow disk, books and logs: {} heartbeats (one in 50 ms), p50 {:.0f} ms, p99 {:.0f} ms, max "
      "{:.0f} ms; first operation told after {:.0f} ms; slow calls {} on the loop, {} elsewhere\n",
      gaps.size(), gaps[gaps.size() / 2], p99, gaps.back(), first_word, disk.here(),
      disk.elsewhere());
  EXPECT_EQ(disk.here(), 0) << "the loop has waited for the disk";
  EXPECT_GT(disk.elsewhere(), kFiles + 15);
  EXPECT_LT(p99, static_cast<double>(kSync.count()) / 2);
}

TEST_F(SlowDiskTest, ATaskIsKilledBeforeItsFilesAreThere) {
  start_and_wait();
  const SlowDisk disk(milliseconds(100), milliseconds(20));
  master_.run("t", "echo began >> " + path("began"));
  send_message(*master_.agent(), core::KillTask{kFramework, {}, "t", -1});
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
  EXPECT_EQ(master_.texts["t"], "killed before it was started");
  EXPECT_EQ(disk.here(), 0);
  EXPECT_TRUE(loop_.run_until([&] { return runs_on_disk() == 0; }));
  EXPECT_EQ(lines_of("began"), 0u);
}

// --- no memory (S32) ---

int oom_score_of(pid_t pid) {
  int score = 9999;
  std::ifstream(fmt::format("/proc/{}/oom_score_adj", pid)) >> score;
  return score;
}

// Whether this process has CAP_SYS_RESOURCE.
bool may_spare() {
  std::ifstream in("/proc/self/status");
  for (std::string word; in >> word;) {
    if (word != "CapEff:") continue;
    in >> word;
    return (std::stoull(word, nullptr, 16) >> 24 & 1) != 0;
  }
  return false;
}

TEST_F(FaultTest, WithoutMemoryTasksGoBeforeTheirSupervisorsAndTheAgent) {
  const std::string mark = fmt::format("98768{:05}", ::getpid() % 100'000);
  const int before = oom_score_of(::getpid());
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("t", "(echo -500 > /proc/self/oom_score_adj) 2>&1; exec sleep " + mark);
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return master_.is_running("t") && count_sleepers(mark) == 1;
  }));
  pid_t task = 0;
  for (const pid_t pid : all_processes()) {
    std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(in)), {});
    if (line == std::string("sleep") + '\0' + mark + '\0') task = pid;
  }
  const pid_t supervisor = read_proc_stat(task)->parent;
  fmt::print("oom_score_adj: {} before; agent {}, supervisor {}, task {}\n", before,
             oom_score_of(daemon), oom_score_of(supervisor), oom_score_of(task));
  EXPECT_EQ(oom_score_of(supervisor), oom_score_of(daemon));
  EXPECT_GE(oom_score_of(task), 0);
  EXPECT_GE(oom_score_of(task), oom_score_of(daemon) + 100);
  if (before == 0 && may_spare()) {
    EXPECT_EQ(oom_score_of(daemon), -900);
    EXPECT_EQ(oom_score_of(task), 0);
  }
  kill_daemon(daemon);
}

// --- killed at the worst moment (S28) ---

class KilledAgentTest : public FaultTest {
 protected:
  // A supervisor that stops itself before it is one, as long as the file `hold` is there.
  AgentOptions holding_options() {
    std::ofstream(path("hold")) << "x";
    AgentOptions holding = keeping_options();
    holding.isolation = "none";
    holding.supervisor = folder_.write("supervisor-that-waits",
                                       "#!/bin/sh\n[ -e " + path("hold") + " ] && kill -STOP $$\n" +
                                           "exec " + supervisor_program() + " \"$@\"\n",
                                       0755);
    return holding;
  }
  // The process that runs this program and has stopped.
  pid_t wait_for_stopped(const std::string& program) {
    pid_t found = -1;
    EXPECT_TRUE(loop_.run_until([&] {
      loop_.reactor().run_again();
      for (const pid_t pid : all_processes()) {
        std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
        const std::string line((std::istreambuf_iterator<char>(in)), {});
        const auto stat = read_proc_stat(pid);
        if (line.find(program) == line.npos || !stat || stat->state != 'T') continue;
        found = pid;
        return true;
      }
      return false;
    }));
    return found;
  }
  static bool is_gone(pid_t pid) {
    const auto stat = read_proc_stat(pid);
    return !stat || stat->ended();
  }
  // Lets a stopped process go on, until it makes a child: both are held then. The child, or -1.
  static pid_t go_on_until_vfork(pid_t pid) {
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEVFORK) != 0) return -1;
    ::kill(pid, SIGCONT);
    for (int status = 0; ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);) {
      const int event = status >> 16;
      if (event == PTRACE_EVENT_VFORK) {
        unsigned long child = 0;
        ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &child);
        ::waitpid(static_cast<pid_t>(child), &status, __WALL);
        return static_cast<pid_t>(child);
      }
      // What stops it for another reason goes on; a signal of its own reaches it.
      const bool is_signal = event == 0 && WSTOPSIG(status) != SIGTRAP;
      ::ptrace(PTRACE_CONT, pid, nullptr, is_signal ? WSTOPSIG(status) : 0);
    }
    return -1;
  }
  std::string one_line(const std::string& more) const {
    return "echo began >> " + path("began") + "; " + more;
  }
};

TEST_F(KilledAgentTest, BetweenTheForkAndTheRecordOfTheSupervisor) {
  const AgentOptions holding = holding_options();
  const pid_t daemon = start_daemon(holding);
  master_.run("t", one_line("exec sleep 100000"));
  const pid_t supervisor = wait_for_stopped("supervisor-that-waits");
  ASSERT_GT(supervisor, 0);
  EXPECT_EQ(runs_on_disk(), 1u) << "it is on record before anything is started";
  kill_daemon(daemon);
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return is_gone(supervisor);
  })) << "who is not on record dies with the agent";
  std::filesystem::remove(path("hold"));
  start_and_wait(holding);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kGone);
  EXPECT_EQ(lines_of("began"), 0u);
  EXPECT_EQ(tasks_in_use(), 0u);
}

TEST_F(KilledAgentTest, BetweenTheRecordAndTheExec) {
  const AgentOptions holding = holding_options();
  const pid_t daemon = start_daemon(holding);
  master_.run("t", one_line("exit 5"));
  const pid_t supervisor = wait_for_stopped("supervisor-that-waits");
  ASSERT_GT(supervisor, 0);
  const pid_t leader = go_on_until_vfork(supervisor);
  if (leader < 0) {
    std::filesystem::remove(path("hold"));
    ::kill(daemon, SIGKILL);
    GTEST_SKIP() << "needs the right to trace";
  }
  EXPECT_TRUE(find_runs(options().data_dir)->runs[0].supervisor.ok()) << "on record";
  kill_daemon(daemon);
  std::filesystem::remove(path("hold"));
  start_and_wait(holding);
  EXPECT_EQ(master_.tasks, 1u);
  EXPECT_EQ(lines_of("began"), 0u);
  ::ptrace(PTRACE_DETACH, leader, nullptr, nullptr);
  ::ptrace(PTRACE_DETACH, supervisor, nullptr, nullptr);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.texts["t"], "exited with 5");
  EXPECT_EQ(lines_of("began"), 1u) << "once";
  EXPECT_TRUE(loop_.run_until([&] { return runs_on_disk() == 0; }));
}

TEST_F(KilledAgentTest, BeforeTheAcknowledgement) {
  const std::string mark = fmt::format("98765{:05}", ::getpid() % 100'000);
  const pid_t daemon = start_daemon(keeping_options());
  master_.acknowledges = false;
  master_.run("t", one_line("exec sleep " + mark));
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  kill_daemon(daemon);
  master_.states.clear();
  master_.acknowledges = true;
  start_and_wait(keeping_options());
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); })) << "it is told again";
  EXPECT_EQ(lines_of("began"), 1u);
  EXPECT_EQ(count_sleepers(mark), 1);
}

// At random moments around the start of some tasks: nothing runs that the next agent does not
// know, nothing began twice, and who was told of is told how it went on.
TEST_F(KilledAgentTest, AtRandomMoments) {
  constexpr int kRounds = 10;
  constexpr int kTasks = 3;
  const std::string mark = fmt::format("98766{:05}", ::getpid() % 100'000);
  int ran = 0;
  int lost = 0;
  for (int round = 0; round < kRounds; ++round) {
    const pid_t daemon = start_daemon(keeping_options());
    for (int i = 0; i < kTasks; ++i) {
      master_.run(fmt::format("r{}-{}", round, i), one_line("exec sleep " + mark));
    }
    // The frames leave; then it is on its own for a while, longer with each round.
    const Clock::time_point end = Clock::now() + milliseconds(8 * round);
    loop_.run_until([&] {
      loop_.reactor().run_again();
      return Clock::now() >= end;
    });
    kill_daemon(daemon);
    ready_.reset();
    start_and_wait();
    // A supervisor that was on record may be about to start its task.
    std::size_t known = tasks_in_use();
    const Clock::time_point patience = Clock::now() + std::chrono::seconds(20);
    while (count_sleepers(mark) != static_cast<int>(known) && Clock::now() < patience) {
      known = tasks_in_use();
    }
    EXPECT_EQ(count_sleepers(mark), static_cast<int>(known));
    ran += static_cast<int>(known);
    stop();
    EXPECT_EQ(count_sleepers(mark), 0);
    for (const auto& [task, states] : master_.states) {
      EXPECT_TRUE(core::is_terminal(states.back())) << task;
      lost += states.back() == TaskState::kGone ? 1 : 0;
    }
    EXPECT_LE(lines_of("began"), static_cast<std::size_t>((round + 1) * kTasks));
    EXPECT_EQ(runs_on_disk(), 0u);
    master_.states.clear();
  }
  fmt::print(
      "killed {} times while it started {} tasks: {} ran on, {} were told as gone; 0 processes "
      "that nobody knows\n",
      kRounds, kRounds * kTasks, ran, lost);
}

// --- the agent is the first process of a container (S33) ---

TEST_F(FaultTest, AsTheFirstProcessOfAContainerItLeavesNoZombie) {
  const std::string mark = fmt::format("98767{:05}", ::getpid() % 100'000);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t outer = ::fork();
  if (outer == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool is_apart = ::unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 &&
                          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const pid_t first = is_apart ? ::fork() : -1;
    if (first == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(1);
      AgentOptions given = keeping_options();
      given.isolation = "none";
      ::_exit(run_agent(given).ok() ? 0 : 1);
    }
    (void)!::write(ends[1], &first, sizeof(first));
    if (first > 0) ::waitpid(first, nullptr, 0);
    ::_exit(0);
  }
  pid_t agent = -1;
  ASSERT_EQ(::read(ends[0], &agent, sizeof(agent)), static_cast<ssize_t>(sizeof(agent)));
  ::close(ends[0]);
  ::close(ends[1]);
  if (agent < 0) {
    ::waitpid(outer, nullptr, 0);
    GTEST_SKIP() << "needs the right to make namespaces";
  }
  ASSERT_TRUE(loop_.run_until([&] { return master_.registrations > 0; }));
  master_.run("t", "setsid sleep " + mark + " & sleep " + mark + " & wait");
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return master_.is_running("t") && count_sleepers(mark) == 2;
  }));
  const auto children = [&](bool only_zombies) {
    std::vector<pid_t> found;
    for (const pid_t pid : all_processes()) {
      const auto stat = read_proc_stat(pid);
      if (stat && stat->parent == agent && (!only_zombies || stat->state == 'Z')) {
        found.push_back(pid);
      }
    }
    return found;
  };
  ASSERT_EQ(children(false).size(), 1u);
  ::kill(children(false).front(), SIGKILL);  // the supervisor: what it watched becomes the agent's
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kGone);
  EXPECT_EQ(count_sleepers(mark), 0);
  EXPECT_EQ(children(true).size(), 0u) << "zombies";
  ::kill(outer, SIGKILL);
  ::waitpid(outer, nullptr, 0);
  loop_.run_until([&] { return master_.agent() == nullptr; });
}

// --- many ends at once (S34) ---

std::chrono::nanoseconds cpu_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void raise_descriptor_limit() {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
}

// SHOAL_STORM_TASKS=1900 for as many as one agent takes; SHOAL_STORM_ISOLATION=auto.
TEST_F(FaultTest, AnExitStormDoesNotKeepTheLoop) {
  const char* wanted = std::getenv("SHOAL_STORM_TASKS");
  const int tasks = wanted == nullptr ? 200 : std::atoi(wanted);
  const char* isolation = std::getenv("SHOAL_STORM_ISOLATION");
  raise_descriptor_limit();
  AgentOptions large = options();
  large.resources = "cpus:1000;mem:100000";
  large.isolation = isolation == nullptr ? "none" : isolation;
  start_and_wait(large);
  const std::string fifo = path("go");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  UniqueFd gate(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  // Each turn's processor time: what else the machine does is not in it.
  std::vector<double> turns_ms;
  std::chrono::nanoseconds before = cpu_of_this_thread();
  const auto hook = loop_.reactor().at_turn_end([&] {
    const auto now = cpu_of_this_thread();
    turns_ms.push_back(std::chrono::duration<double, std::milli>(now - before).count());
    before = now;
  });
  const auto report = [&](const char* what, Clock::time_point begin) {
    std::sort(turns_ms.begin(), turns_ms.end());
    const double longest = turns_ms.back();
    fmt::print(
        "{} of {} tasks: {:.0f} ms in {} turns of the loop; of its time: p99 {:.2f} ms, max "
        "{:.2f} ms; longest turn with all that came between {:.1f} ms\n",
        what, tasks, ms_between(begin, Clock::now()), turns_ms.size(),
        turns_ms[turns_ms.size() * 99 / 100], longest,
        static_cast<double>(loop_.reactor().counters().max_turn_ns.value()) / 1e6);
    turns_ms.clear();
    loop_.reactor().reset_max_turn();
    return longest;
  };
  const auto count = [&](TaskState state) {
    return std::count_if(master_.states.begin(), master_.states.end(),
                         [&](const auto& each) { return each.second.back() == state; });
  };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr double kMostMs = 400;
#else
  constexpr double kMostMs = 20;
#endif
  loop_.reactor().reset_max_turn();
  Clock::time_point begin = Clock::now();
  for (int begun = 0; begun < tasks;) {
    // What a master sends at once is bounded by the agent's socket; so here.
    for (int i = 0; i < 100 && begun < tasks; ++i, ++begun) {
      master_.run(fmt::format("t{}", begun), "exec cat < " + fifo, "cpus:0.1;mem:1");
    }
    ASSERT_TRUE(loop_.run_until([&] { return count(TaskState::kRunning) == begun; }));
  }
  EXPECT_LT(report("starting", begin), kMostMs);
  begin = Clock::now();
  gate.reset();  // end of file, for all of them
  while (count(TaskState::kFinished) < tasks) {
    const auto ended = count(TaskState::kFinished);
    ASSERT_TRUE(loop_.run_until([&] {
      const auto now = count(TaskState::kFinished);
      return now == tasks || now > ended + 200;
    }));
  }
  EXPECT_LT(report("ends", begin), kMostMs);
  loop_.reactor().remove_hook(hook);
  EXPECT_TRUE(loop_.run_until([&] {
    const std::filesystem::directory_iterator records(data("meta"));
    return std::distance(records, std::filesystem::directory_iterator{}) == 1;  // the updates
  }));
}

}  // namespace
}  // namespace shoal::agent
