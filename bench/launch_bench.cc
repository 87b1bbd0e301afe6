// How many tasks a second go from offer to acknowledged end through a real master on loopback TCP.
//
// The master runs on two reactors of this process. A third thread holds 64 agents without an
// executor (each answers RUN_TASK with RUNNING and FINISHED) and one framework that takes every
// offer with `range(0)` tasks and acknowledges every update; with kWindow tasks on their way it
// holds offers back. An item is one task, from its ACCEPT to the acknowledgement of its end. The
// share of the loader is in the figure, so it compares builds (allocators, changes), not clusters.
// cpu_us is the processor time of all threads for one task: compare that on a busy machine.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alloc/malloc_choice.h"
#include "bench/peer.h"
#include "core/random.h"
#include "master/master.h"
#include "net/reactor.h"
#include "wire/message.h"

namespace shoal {
namespace {

using bench::Peer;
using wire::MessageKind;

constexpr int kAgents = 64;
constexpr std::int64_t kWindow = 4096;  // tasks between ACCEPT and the acknowledged end
constexpr std::int64_t kTaskCpus = 10;  // milli
constexpr std::int64_t kTaskMem = 10'240;

class InstantAgent final : public Peer {
 public:
  InstantAgent(net::Reactor& reactor, const std::string& address, std::uint64_t seed)
      : Peer(reactor, address, core::PeerKind::kAgent), random_(seed) {}

 private:
  void on_welcome(net::Connection& connection) override {
    core::RegisterAgent message;
    message.incarnation = random_.next();
    message.hostname = "bench";
    // 1,600 tasks, both used up together: fewer than an agent may have.
    message.resources = core::parse_resources("cpus:16;mem:16384").value();
    send(connection, message);
  }
  void on_message(net::Connection& connection, const wire::FrameView& frame) override {
    if (static_cast<MessageKind>(frame.header.kind) != MessageKind::kRunTask) return;
    const core::RunTask run = wire::decode<core::RunTask>(frame.payload).value();
    core::TaskStatus status;
    status.framework = run.framework;
    status.task = run.task.id;
    status.source = core::TaskSource::kAgent;
    status.has_uuid = true;
    status.state = core::TaskState::kRunning;
    status.uuid = core::draw_uuid(random_);
    send(connection, status);
    status.state = core::TaskState::kFinished;
    status.uuid = core::draw_uuid(random_);
    status.has_exit = true;
    send(connection, status);
  }

  core::Random random_;
};

class LoadFramework final : public Peer {
 public:
  LoadFramework(net::Reactor& reactor, const std::string& address)
      : Peer(reactor, address, core::PeerKind::kFramework), reactor_(reactor) {}

  // Runs the reactor until `tasks` more have ended, `batch` of them for each offer.
  void run(std::int64_t tasks, std::int64_t batch) {
    batch_ = batch;
    goal_ = ended_ + tasks;
    reactor_.run();
  }

 private:
  void on_welcome(net::Connection& connection) override {
    core::Subscribe message;
    message.name = "load";
    message.user = "bench";
    message.roles = {"*"};
    send(connection, message);
  }
  void on_message(net::Connection& connection, const wire::FrameView& frame) override {
    switch (static_cast<MessageKind>(frame.header.kind)) {
      case MessageKind::kOffers:
        return take(connection, wire::decode<core::Offers>(frame.payload).value());
      case MessageKind::kStatusUpdate:
        return follow(connection, wire::decode<core::TaskStatus>(frame.payload).value());
      default:
        return;
    }
  }

  void take(net::Connection& connection, const core::Offers& offers) {
    for (const core::OfferView& offer : offers.offers) {
      // The rest of an agent with many tasks on their way may be smaller than a batch.
      const std::int64_t fitting =
          std::min(offer.resources.cpus / kTaskCpus, offer.resources.mem / kTaskMem);
      held_.push_back({offer.id, std::clamp(fitting, std::int64_t{1}, batch_)});
    }
    launch(connection);
  }
  void launch(net::Connection& connection) {
    while (!held_.empty() && launched_ - ended_ < kWindow) {
      core::Accept accept;
      accept.offers.push_back(held_.back().offer);
      accept.refuse_ms = 0;
      std::vector<std::string> names(static_cast<std::size_t>(held_.back().tasks));
      held_.pop_back();
      for (std::string& name : names) {
        name = std::to_string(++launched_);
        core::TaskLaunch task;
        task.id = name;
        task.resources.cpus = kTaskCpus;
        task.resources.mem = kTaskMem;
        task.description = description_;
        accept.tasks.push_back(task);
      }
      send(connection, accept);
    }
  }
  void follow(net::Connection& connection, const core::TaskStatus& status) {
    if (status.state == core::TaskState::kError || status.state == core::TaskState::kDropped) {
      std::fprintf(stderr, "launch_bench: %s\n", std::string(status.message).c_str());
      std::abort();
    }
    send(connection,
         core::AcknowledgeUpdate{status.framework, status.agent, status.task, status.uuid});
    if (!core::is_terminal(status.state)) return;
    ++ended_;
    launch(connection);
    if (ended_ == goal_) reactor_.stop();
  }

  struct Held {
    core::OfferId offer;
    std::int64_t tasks;
  };

  net::Reactor& reactor_;
  std::vector<std::uint8_t> description_ =
      std::vector<std::uint8_t>(300, 7);  // opaque to the master
  std::int64_t batch_ = 1;
  std::int64_t goal_ = 0;
  std::int64_t launched_ = 0;
  std::int64_t ended_ = 0;
  std::vector<Held> held_;
};

// One master and its peers, for all runs of the process.
class Bed {
 public:
  explicit Bed(const master::RateLimitOptions& limits) {
    options_.rate_limits = limits;
    char pattern[] = "/tmp/shoal-bench-XXXXXX";
    data_ = ::mkdtemp(pattern);
    options_.listen = "127.0.0.1:0";
    options_.data_dir = data_;
    options_.reactors = 2;
    std::promise<std::string> ready;
    options_.on_ready = [&ready](const std::string& address) { ready.set_value(address); };
    std::future<std::string> bound = ready.get_future();
    master_ = std::thread([this] { (void)master::run_master(options_); });
    const std::string address = bound.get();
    reactor_ = net::Reactor::create(0).value();
    for (int i = 0; i < kAgents; ++i) {
      agents_.push_back(
          std::make_unique<InstantAgent>(*reactor_, address, 100u + static_cast<unsigned>(i)));
    }
    framework_ = std::make_unique<LoadFramework>(*reactor_, address);
  }
  ~Bed() {
    framework_.reset();
    agents_.clear();
    reactor_.reset();
    ::kill(::getpid(), SIGTERM);
    master_.join();
    std::filesystem::remove_all(data_);
  }
  LoadFramework& framework() { return *framework_; }

 private:
  std::string data_;
  master::MasterOptions options_;
  std::thread master_;
  std::unique_ptr<net::Reactor> reactor_;
  std::vector<std::unique_ptr<InstantAgent>> agents_;
  std::unique_ptr<LoadFramework> framework_;
};

double processor_time_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  double total = 0;
  for (const timeval& part : {used.ru_utime, used.ru_stime}) {
    total += static_cast<double>(part.tv_sec) * 1e6 + static_cast<double>(part.tv_usec);
  }
  return total;
}

void launch(benchmark::State& state, const master::RateLimitOptions& limits) {
  Bed bed(limits);
  const std::int64_t batch = state.range(0);
  constexpr std::int64_t kStep = 2000;
  bed.framework().run(10 * kStep, batch);  // warm-up: pools, tables, routes
  const double began = processor_time_us();
  for (auto _ : state) bed.framework().run(kStep, batch);
  state.counters["cpu_us"] =
      (processor_time_us() - began) / static_cast<double>(state.iterations() * kStep);
  state.SetItemsProcessed(state.iterations() * kStep);
  state.SetLabel(std::string(alloc::malloc_name()));
}

void BM_Launch(benchmark::State& state) { launch(state, {}); }
// With a limit that nobody reaches: what counting costs.
void BM_LaunchLimited(benchmark::State& state) {
  launch(state, {.limits = {}, .others = {std::chrono::microseconds(1), 1000}});
}
BENCHMARK(BM_LaunchLimited)->Arg(1)->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Launch)->Arg(1)->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
