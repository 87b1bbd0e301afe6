// From an update that is given to the agent's log to the moment it may be told: one write and one
// sync on another thread, for as many as come in one turn.
//
//   BM_UpdateDurable/N   N updates at a time; p50_us and p99_us until all of them are on disk, and
//                        updates a second. The folder is the temporary one: a disk, not memory, or
//                        it says nothing.
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/update_log.h"
#include "net/reactor.h"

namespace shoal::agent {
namespace {

using Clock = std::chrono::steady_clock;

class Log {
 public:
  Log() : reactor_(*net::Reactor::create(0)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "shoal-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
    find_runs(folder_).value();
    UpdateLog::Hooks hooks;
    hooks.on_durable = [this](std::uint64_t ticket) {
      durable_ = ticket;
      reactor_->stop();
    };
    hooks.on_failed = hooks.on_full = [](const absl::Status& why) {
      fmt::print(stderr, "{}\n", why.ToString());
      std::abort();
    };
    hooks.history = [] { return wire::ByteVector(); };
    log_ = UpdateLog::create(*reactor_, folder_, {}, std::move(hooks)).value();
  }
  ~Log() {
    log_.reset();
    std::filesystem::remove_all(folder_);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Microseconds until `count` updates are on disk.
  double commit(std::size_t count) {
    core::TaskStatus status;
    status.framework = core::FrameworkId{1};
    status.agent = core::AgentId{1};
    status.task = "a-task-of-usual-length";
    status.state = core::TaskState::kFinished;
    status.source = core::TaskSource::kAgent;
    status.message = "exited with 0";
    status.has_exit = status.has_uuid = true;
    status.uuid = {1};
    const auto began = Clock::now();
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < count; ++i) last = log_->append(status);
    while (durable_ < last) reactor_->run();
    return std::chrono::duration<double, std::micro>(Clock::now() - began).count();
  }

 private:
  std::unique_ptr<net::Reactor> reactor_;
  std::string folder_;
  std::unique_ptr<UpdateLog> log_;
  std::uint64_t durable_ = 0;
};

double quantile(std::vector<double>& values, double part) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

void BM_UpdateDurable(benchmark::State& state) {
  Log log;
  std::vector<double> times;
  for (auto _ : state) times.push_back(log.commit(static_cast<std::size_t>(state.range(0))));
  state.counters["p50_us"] = quantile(times, 0.5);
  state.counters["p99_us"] = quantile(times, 0.99);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_UpdateDurable)
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace shoal::agent

BENCHMARK_MAIN();
