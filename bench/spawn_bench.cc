// Spawn to exit of /bin/true, with 10 and with 1,000 tasks already running.
//
//   agent   agent/spawner, then epoll on the pidfds of all N + 1 tasks as the agent's loop
//           does, then the exit status
//   posix   posix_spawn and waitpid: the least one can do
//
//   BM_Spawn/N      one of each in turn; the medians, and the ratio of agent to posix
//   BM_SpawnGrowth  the same with 10, with 1,000 and with 10 tasks again: what 1,000 cost more than
//                   10 on either side. The kernel's part of the growth is what posix has too.
//
// _cpu_us is processor time of both sides, parent and child: on a busy machine compare that, real
// time then mostly measures the others.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/process.h"
#include "agent/spawner.h"
#include "agent/unique_fd.h"

namespace shoal::agent {
namespace {

// The agent side of a machine with many running tasks.
class Machine {
 public:
  Machine()
      : spawner_(Spawner::create().value()),
        null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~Machine() { set_running(0); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Starts or kills sleepers until there are `count`.
  void set_running(std::size_t count) {
    while (sleepers_.size() < count) sleepers_.push_back(spawn({"/bin/sleep", "100000"}));
    while (sleepers_.size() > count) {
      ::kill(sleepers_.back().pid, SIGKILL);
      siginfo_t info;
      ::waitid(P_PID, static_cast<id_t>(sleepers_.back().pid), &info, WEXITED);
      sleepers_.pop_back();
    }
  }

  SpawnedProcess spawn(std::vector<std::string> arguments) {
    SpawnRequest request;
    request.arguments = std::move(arguments);
    request.working_directory = "/tmp";
    request.task_uuid = "bench";
    request.stdout_fd = null_.get();
    request.stderr_fd = null_.get();
    SpawnResult result = spawner_.spawn(request);
    if (!result.ok()) {
      std::fprintf(stderr, "%s\n", result.error.message.c_str());
      std::abort();
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = result.process->pidfd.get();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, result.process->pidfd.get(), &event);
    return *std::move(result.process);
  }

  ExitStatus wait_for(const SpawnedProcess& process) {
    for (;;) {
      epoll_event events[16];
      const int count = ::epoll_wait(epoll_.get(), events, 16, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd != process.pidfd.get()) continue;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, process.pidfd.get(), nullptr);
        return finish_group(process).value().value();
      }
    }
  }

 private:
  Spawner spawner_;
  UniqueFd null_;
  UniqueFd epoll_;
  std::vector<SpawnedProcess> sleepers_;
};

// Processor time of this process and of the children it has reaped, in microseconds.
double processor_time_us() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    ::getrusage(who, &used);
    for (const timeval& part : {used.ru_utime, used.ru_stime}) {
      total += static_cast<double>(part.tv_sec) * 1e6 + static_cast<double>(part.tv_usec);
    }
  }
  return total;
}

// What one way of starting a process took, one entry for each start.
class Times {
 public:
  void measure(const std::function<bool()>& start) {
    const double cpu = processor_time_us();
    const auto began = std::chrono::steady_clock::now();
    if (!start()) std::abort();
    const std::chrono::duration<double, std::micro> passed =
        std::chrono::steady_clock::now() - began;
    real_us_.push_back(passed.count());
    cpu_us_.push_back(processor_time_us() - cpu);
  }
  double real_us() const { return median(real_us_); }
  double cpu_us() const { return median(cpu_us_); }

 private:
  static double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  std::vector<double> real_us_;
  std::vector<double> cpu_us_;
};

struct Sides {
  Times agent;
  Times posix;
};

bool posix_spawn_and_wait() {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  int status = 0;
  return ::posix_spawn(&pid, name, nullptr, nullptr, arguments, environment) == 0 &&
         ::waitpid(pid, &status, 0) == pid && status == 0;
}

// One of each in turn, so that whatever else the machine does meets both.
void measure_pair(Machine& machine, Sides& sides) {
  sides.agent.measure(
      [&machine] { return machine.wait_for(machine.spawn({"/bin/true"})).code_or_signal == 0; });
  sides.posix.measure(posix_spawn_and_wait);
}

// Google Benchmark calls a benchmark several times to find its length; the sleepers stay.
Machine& machine() {
  static Machine machine;
  return machine;
}

void BM_Spawn(benchmark::State& state) {
  machine().set_running(static_cast<std::size_t>(state.range(0)));
  Sides sides;
  for (auto _ : state) measure_pair(machine(), sides);
  state.counters["agent_us"] = sides.agent.real_us();
  state.counters["posix_us"] = sides.posix.real_us();
  state.counters["ratio"] = sides.agent.real_us() / sides.posix.real_us();
  state.counters["agent_cpu_us"] = sides.agent.cpu_us();
  state.counters["posix_cpu_us"] = sides.posix.cpu_us();
  state.counters["cpu_ratio"] = sides.agent.cpu_us() / sides.posix.cpu_us();
}
BENCHMARK(BM_Spawn)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_SpawnGrowth(benchmark::State& state) {
  constexpr int kPairs = 300;
  Sides few;
  Sides many;
  for (auto _ : state) {
    for (const std::size_t running : {10u, 1000u, 10u}) {
      machine().set_running(running);
      // As many pairs with 1,000 as with 10, half of those before and half after.
      for (int i = 0; i < (running == 10 ? kPairs / 2 : kPairs); ++i) {
        measure_pair(machine(), running == 10 ? few : many);
      }
    }
  }
  state.counters["agent"] = many.agent.real_us() / few.agent.real_us();
  state.counters["posix"] = many.posix.real_us() / few.posix.real_us();
  state.counters["agent_cpu"] = many.agent.cpu_us() / few.agent.cpu_us();
  state.counters["posix_cpu"] = many.posix.cpu_us() / few.posix.cpu_us();
}
BENCHMARK(BM_SpawnGrowth)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace shoal::agent

BENCHMARK_MAIN();
