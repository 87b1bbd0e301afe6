// Spawn to exit of /bin/true, with 10 and with 1,000 tasks already running.
//
//   BM_AgentSpawn/N   agent/spawner, then epoll on the pidfds of all N + 1 tasks as the agent's
//   loop
//                     does, then the exit status
//   BM_PosixSpawn/N   posix_spawn and waitpid: the least one can do
//
// What counts are two ratios: agent to posix at the same N, and the agent's 1,000 to its 10 (its
// cost must not grow with the number of running tasks). On a busy machine compare total_cpu_us, the
// processor time of both sides, parent and child: real time then mostly measures the others.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
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
  explicit Machine(std::int64_t sleepers)
      : spawner_(Spawner::create().value()),
        null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::int64_t i = 0; i < sleepers; ++i) {
      sleepers_.push_back(spawn({"/bin/sleep", "100000"}));
    }
  }
  ~Machine() {
    for (const SpawnedProcess& sleeper : sleepers_) {
      ::kill(sleeper.pid, SIGKILL);
      siginfo_t info;
      ::waitid(P_PID, static_cast<id_t>(sleeper.pid), &info, WEXITED);
    }
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

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

void report(benchmark::State& state, double began) {
  state.counters["total_cpu_us"] =
      benchmark::Counter(processor_time_us() - began, benchmark::Counter::kAvgIterations);
}

void BM_AgentSpawn(benchmark::State& state) {
  Machine machine(state.range(0));
  const double began = processor_time_us();
  for (auto _ : state) {
    const ExitStatus status = machine.wait_for(machine.spawn({"/bin/true"}));
    if (status.code_or_signal != 0) state.SkipWithError("/bin/true failed");
  }
  report(state, began);
}
BENCHMARK(BM_AgentSpawn)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_PosixSpawn(benchmark::State& state) {
  const Machine machine(state.range(0));
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  const double began = processor_time_us();
  for (auto _ : state) {
    pid_t pid = 0;
    int status = 0;
    if (::posix_spawn(&pid, name, nullptr, nullptr, arguments, environment) != 0 ||
        ::waitpid(pid, &status, 0) != pid || status != 0) {
      state.SkipWithError("/bin/true failed");
    }
  }
  report(state, began);
}
BENCHMARK(BM_PosixSpawn)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace shoal::agent

BENCHMARK_MAIN();
