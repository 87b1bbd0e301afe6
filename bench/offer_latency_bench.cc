// From "the task has ended" at an agent to "here is an offer" at the framework, through a real
// master on loopback TCP: the event-driven allocation end to end, under light load.
//
// The master is a process of its own with two reactors. This process holds `range(0)` agents, each
// full with one task of one framework, and sends their heartbeats (one in 5 s each, spread evenly).
// One agent at a time reports its task FINISHED; the sample is the time from before that is sent
// until the agent's resources are offered; the framework then launches the next task on them.
// Iterations are samples; counters: p50_us, p99_us, max_us.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "bench/peer.h"
#include "core/random.h"
#include "master/master.h"
#include "net/timer.h"

namespace shoal {
namespace {

using bench::Peer;
using Clock = std::chrono::steady_clock;
using wire::MessageKind;

constexpr std::chrono::milliseconds kHeartbeatTick{50};
constexpr std::int64_t kHeartbeatTicks = 100;  // each agent's turn comes once in so many

// Runs one task until it is told to end it.
class FullAgent final : public Peer {
 public:
  FullAgent(net::Reactor& reactor, const std::string& address, std::uint64_t seed)
      : Peer(reactor, address, core::PeerKind::kAgent), random_(seed) {}

  core::AgentId id;

  bool is_full() const { return !task_.empty(); }
  void end_task() {
    core::TaskStatus status;
    status.framework = framework_;
    status.task = task_;
    status.source = core::TaskSource::kAgent;
    status.state = core::TaskState::kFinished;
    status.has_uuid = status.has_exit = true;
    status.uuid = core::draw_uuid(random_);
    send(*connection_, status);
    task_.clear();
  }
  void heartbeat() {
    if (connection_ != nullptr) send(*connection_, core::Heartbeat{++beats_});
  }

 private:
  void on_welcome(net::Connection& connection) override {
    connection_ = &connection;
    core::RegisterAgent message;
    message.incarnation = random_.next();
    message.hostname = "bench";
    message.resources = core::parse_resources("cpus:1;mem:1024").value();
    send(connection, message);
  }
  void on_message(net::Connection&, const wire::FrameView& frame) override {
    const auto kind = static_cast<MessageKind>(frame.header.kind);
    if (kind == MessageKind::kAgentRegistered) {
      id = wire::decode<core::AgentRegistered>(frame.payload).value().agent;
    } else if (kind == MessageKind::kRunTask) {
      const core::RunTask run = wire::decode<core::RunTask>(frame.payload).value();
      framework_ = run.framework;
      task_ = run.task.id;
    }
  }

  core::Random random_;
  net::Connection* connection_ = nullptr;
  core::FrameworkId framework_;
  std::string task_;
  std::uint64_t beats_ = 0;
};

// Fills every agent it is offered, and stops the reactor when a given one is offered.
class Filler final : public Peer {
 public:
  Filler(net::Reactor& reactor, const std::string& address)
      : Peer(reactor, address, core::PeerKind::kFramework), reactor_(reactor) {}

  core::AgentId awaited;
  Clock::time_point offered_at;

 private:
  void on_welcome(net::Connection& connection) override {
    core::Subscribe message;
    message.name = "filler";
    message.user = "bench";
    send(connection, message);
  }
  void on_message(net::Connection& connection, const wire::FrameView& frame) override {
    const auto kind = static_cast<MessageKind>(frame.header.kind);
    if (kind == MessageKind::kStatusUpdate) {
      const core::TaskStatus status = wire::decode<core::TaskStatus>(frame.payload).value();
      send(connection,
           core::AcknowledgeUpdate{status.framework, status.agent, status.task, status.uuid});
    }
    if (kind != MessageKind::kOffers) return;
    const core::Offers offers = wire::decode<core::Offers>(frame.payload).value();
    for (const core::OfferView& offer : offers.offers) fill(connection, offer);
  }
  void fill(net::Connection& connection, const core::OfferView& offer) {
    if (offer.agent == awaited) {
      offered_at = Clock::now();
      reactor_.stop();
    }
    const std::string name = std::to_string(++launched_);
    core::Accept accept;
    accept.offers.push_back(offer.id);
    core::TaskLaunch task;
    task.id = name;
    task.resources = offer.resources;
    accept.tasks.push_back(task);
    send(connection, accept);
  }

  net::Reactor& reactor_;
  std::int64_t launched_ = 0;
};

// A master process, made before this one has any thread.
class MasterProcess {
 public:
  MasterProcess() {
    char pattern[] = "/tmp/shoal-bench-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a benchmark that aborts leaves no master
      master::MasterOptions options;
      options.listen = "127.0.0.1:0";
      options.data_dir = folder_ + "/data";
      options.reactors = 2;
      options.on_ready = [this](const std::string& address) {
        std::ofstream(folder_ + "/new") << address;
        std::filesystem::rename(folder_ + "/new", folder_ + "/address");
      };
      ::_exit(master::run_master(options).ok() ? 0 : 1);
    }
    while (!std::filesystem::exists(folder_ + "/address")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::getline(std::ifstream(folder_ + "/address") >> std::ws, address_);
  }
  ~MasterProcess() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  const std::string& address() const { return address_; }

 private:
  std::string folder_;
  std::string address_;
  pid_t pid_ = 0;
};

class Bed {
 public:
  explicit Bed(std::int64_t count) : reactor_(net::Reactor::create(0).value()) {
    for (std::int64_t i = 0; i < count; ++i) {
      agents_.push_back(std::make_unique<FullAgent>(*reactor_, master_.address(),
                                                    static_cast<std::uint64_t>(i) + 100));
    }
    filler_ = std::make_unique<Filler>(*reactor_, master_.address());
    timer_ = std::make_unique<net::Timer>(*reactor_, [this] { tick(); });
    timer_->start_repeating(kHeartbeatTick);
    filling_ = true;
    reactor_->run();
    filling_ = false;
  }
  ~Bed() {
    timer_.reset();
    filler_.reset();
    agents_.clear();
  }

  // Seconds from the end of one task to the offer of its agent.
  double sample() {
    FullAgent& agent = *agents_[next_++ % agents_.size()];
    filler_->awaited = agent.id;
    const Clock::time_point began = Clock::now();
    agent.end_task();
    reactor_->run();
    return std::chrono::duration<double>(filler_->offered_at - began).count();
  }

 private:
  void tick() {
    for (std::size_t i = static_cast<std::size_t>(ticks_++ % kHeartbeatTicks); i < agents_.size();
         i += kHeartbeatTicks) {
      agents_[i]->heartbeat();
    }
    if (filling_ && std::all_of(agents_.begin(), agents_.end(),
                                [](const auto& agent) { return agent->is_full(); })) {
      reactor_->stop();
    }
  }

  MasterProcess master_;
  std::unique_ptr<net::Reactor> reactor_;
  std::vector<std::unique_ptr<FullAgent>> agents_;
  std::unique_ptr<Filler> filler_;
  std::unique_ptr<net::Timer> timer_;
  bool filling_ = false;  // until every agent has its task
  std::int64_t ticks_ = 0;
  std::size_t next_ = 0;
};

void BM_OfferLatency(benchmark::State& state) {
  Bed bed(state.range(0));
  for (int i = 0; i < 500; ++i) bed.sample();  // warm-up
  std::vector<double> samples;
  for (auto _ : state) {
    const double seconds = bed.sample();
    state.SetIterationTime(seconds);
    samples.push_back(seconds * 1e6);
  }
  std::sort(samples.begin(), samples.end());
  const auto at = [&samples](double part) {
    return samples[static_cast<std::size_t>(part * static_cast<double>(samples.size() - 1))];
  };
  state.counters["p50_us"] = at(0.5);
  state.counters["p99_us"] = at(0.99);
  state.counters["max_us"] = samples.back();
}
BENCHMARK(BM_OfferLatency)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(10'000)
    ->UseManualTime()
    ->Iterations(5000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
