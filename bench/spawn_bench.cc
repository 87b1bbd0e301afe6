// Launch to end of /bin/true, with 10 and with 1,000 tasks already running.
//
//   agent   agent/executor on its loop: sandbox, record, supervisor, task; then the supervisor's
//   end
//           and the exit record. The supervisor syncs that record, so `end` has the disk in it.
//   posix   posix_spawn and waitpid: the least one can do
//
//   BM_Launch/N      one of each in turn; medians, and (_p10) the tenth that was least disturbed
//   BM_LaunchHeld/N  the same, with tasks that are held in every way that is possible here
//                    (docs/ISOLATION.md)
//     call_us        in launch(), and starting the supervisor when the task's files are there: what
//                    one launch keeps the loop from anything else
//     files_us       making those files, away from the loop
//     running_us     from launch() until the agent hears that the task runs
//     end_us         from there until it hears how the task ended
//   BM_LaunchGrowth  the same with 10, with 1,000 and with 10 tasks again: what 1,000 cost more
//   than
//                    10 on either side. The kernel's part of the growth is what posix has too.
//
// _cpu_us is processor time of both sides, parent and child (the task itself is not in it: its
// supervisor reaps it): on a busy machine compare that, real time then mostly measures the others.
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/checkpoint.h"
#include "agent/executor.h"
#include "agent/isolation.h"
#include "net/reactor.h"

namespace shoal::agent {
namespace {

using Clock = std::chrono::steady_clock;

// The agent side of a machine with many running tasks.
class Machine final : private ExecutorEvents {
 public:
  explicit Machine(std::string_view isolation) : reactor_(*net::Reactor::create(0)) {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    std::string pattern = (std::filesystem::temp_directory_path() / "shoal-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
    find_runs(folder_).value();
    IsolationOptions holding;
    holding.switches = parse_isolation(isolation).value();
    holding.data_dir = folder_;
    holding.supervisor = SHOAL_BINARY_DIR "/shoal-supervisor";
    holding.cgroups.data_dir = folder_;
    holding.cgroups.max_pids = 4096;
    isolation_ = TaskIsolation::open(holding).value();
    ProcessExecutorOptions options;
    options.data_dir = folder_;
    options.supervisor = holding.supervisor;
    options.isolation = isolation_.get();
    options.on_checkpoint = [](const CheckpointFiles&) {};
    executor_ = ProcessExecutor::create(*reactor_, this, std::move(options)).value();
  }
  ~Machine() override {
    executor_->end_all();
    executor_.reset();
    std::filesystem::remove_all(folder_);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Starts or kills sleepers until there are `count`.
  void set_running(std::size_t count) {
    while (executor_->running() < count) {
      launch(fmt::format("sleeper-{}", sleepers_++), {"/bin/sleep", "100000"});
      wait_for(has_started_);
    }
    while (executor_->running() > count) {
      executor_->kill(kFramework, fmt::format("sleeper-{}", --sleepers_), KillMode::kForce);
      wait_for(has_ended_);
    }
  }

  bool run_true(double* call_us, double* files_us, double* running_us, double* end_us) {
    const ExecutorCounters& counters = executor_->counters();
    const std::uint64_t spawned = counters.spawn.sum_micros();
    const std::uint64_t made = counters.files.sum_micros();
    const auto began = Clock::now();
    launch("true", {"/bin/true"});
    *call_us = since(began);
    wait_for(has_started_);
    *running_us = since(began);
    *call_us += static_cast<double>(counters.spawn.sum_micros() - spawned);
    *files_us = static_cast<double>(counters.files.sum_micros() - made);
    const auto started = Clock::now();
    wait_for(has_ended_);
    *end_us = since(started);
    executor_->forget(kFramework, "true");
    return exit_.code_or_signal == 0;
  }

 private:
  static constexpr core::FrameworkId kFramework{0xf1};

  static double since(Clock::time_point began) {
    return std::chrono::duration<double, std::micro>(Clock::now() - began).count();
  }
  void launch(const std::string& task, const std::vector<std::string>& words) {
    wire::TaskDescription description;
    description.command = words.front();
    description.arguments.assign(words.begin() + 1, words.end());
    core::Resources resources;
    resources.cpus = 100;
    resources.mem = 64'000;
    has_started_ = has_ended_ = false;
    executor_->launch({kFramework, core::AgentId{1}, task, resources, description});
  }
  void wait_for(const bool& event) {
    while (!event) reactor_->run();
  }
  void on_started(core::FrameworkId, std::string_view) override {
    has_started_ = true;
    reactor_->stop();
  }
  void on_failed(core::FrameworkId, std::string_view task, std::string_view why) override {
    fmt::print(stderr, "{}: {}\n", task, why);
    std::abort();
  }
  void on_exited(core::FrameworkId, std::string_view task, const ExitStatus& exit) override {
    has_ended_ = true;
    exit_ = exit;
    executor_->forget(kFramework, task);
    reactor_->stop();
  }
  void on_lost(core::FrameworkId framework, std::string_view task, std::string_view why) override {
    on_failed(framework, task, why);
  }

  std::unique_ptr<net::Reactor> reactor_;
  std::string folder_;
  std::unique_ptr<TaskIsolation> isolation_;
  std::unique_ptr<ProcessExecutor> executor_;
  std::size_t sleepers_ = 0;
  bool has_started_ = false;
  bool has_ended_ = false;
  ExitStatus exit_;
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

class Values {
 public:
  void add(double value) { values_.push_back(value); }
  double median() const { return at(values_.size() / 2); }
  double tenth() const { return at(values_.size() / 10); }

 private:
  double at(std::size_t rank) const {
    std::vector<double> values = values_;
    const auto wanted = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values.begin(), wanted, values.end());
    return *wanted;
  }

  std::vector<double> values_;
};

// One entry for each start, in microseconds.
struct Sides {
  Values call;
  Values files;
  Values running;
  Values end;
  Values agent_cpu;
  Values posix;
  Values posix_cpu;
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
  double call = 0;
  double files = 0;
  double running = 0;
  double end = 0;
  double cpu = processor_time_us();
  if (!machine.run_true(&call, &files, &running, &end)) std::abort();
  sides.agent_cpu.add(processor_time_us() - cpu);
  sides.call.add(call);
  sides.files.add(files);
  sides.running.add(running);
  sides.end.add(end);
  cpu = processor_time_us();
  const auto began = Clock::now();
  if (!posix_spawn_and_wait()) std::abort();
  sides.posix.add(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
  sides.posix_cpu.add(processor_time_us() - cpu);
}

// Google Benchmark calls a benchmark several times to find its length; the sleepers stay.
Machine& machine() {
  static Machine machine("none");
  return machine;
}
Machine& holding_machine() {
  static Machine machine("auto");
  return machine;
}

void measure_launch(benchmark::State& state, Machine& on) {
  on.set_running(static_cast<std::size_t>(state.range(0)));
  Sides sides;
  for (auto _ : state) measure_pair(on, sides);
  state.counters["call_us"] = sides.call.median();
  state.counters["files_us"] = sides.files.median();
  state.counters["running_us"] = sides.running.median();
  state.counters["end_us"] = sides.end.median();
  state.counters["posix_us"] = sides.posix.median();
  state.counters["call_p10_us"] = sides.call.tenth();
  state.counters["running_p10_us"] = sides.running.tenth();
  state.counters["posix_p10_us"] = sides.posix.tenth();
  state.counters["agent_cpu_us"] = sides.agent_cpu.median();
  state.counters["posix_cpu_us"] = sides.posix_cpu.median();
}

void BM_Launch(benchmark::State& state) { measure_launch(state, machine()); }
BENCHMARK(BM_Launch)->Arg(0)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_LaunchHeld(benchmark::State& state) { measure_launch(state, holding_machine()); }
BENCHMARK(BM_LaunchHeld)->Arg(0)->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void BM_LaunchGrowth(benchmark::State& state) {
  constexpr int kPairs = 200;
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
  state.counters["call"] = many.call.median() / few.call.median();
  state.counters["running"] = many.running.median() / few.running.median();
  state.counters["posix"] = many.posix.median() / few.posix.median();
  state.counters["agent_cpu"] = many.agent_cpu.median() / few.agent_cpu.median();
  state.counters["posix_cpu"] = many.posix_cpu.median() / few.posix_cpu.median();
}
BENCHMARK(BM_LaunchGrowth)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace shoal::agent

BENCHMARK_MAIN();
