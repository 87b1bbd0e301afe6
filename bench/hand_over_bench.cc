// What it costs to give a connection to another reactor: by mailbox where both have one descriptor
// table, by socketpair where each has its own.
//
// range(0) connections (socketpairs nobody reads) bounce between two reactors, kHops times each. An
// item is one hop; what is the same in both ways, to detach and to adopt, is left out. cpu_us is
// the processor time of both reactors for one hop: compare that on a busy machine.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "net/hand_over.h"
#include "net/mailbox.h"
#include "net/reactor.h"
#include "net/reactor_threads.h"

namespace shoal {
namespace {

constexpr std::size_t kHops = 1000;

// Two reactors and the ways between them.
class Bouncer {
 public:
  explicit Bouncer(net::DescriptorTables tables) {
    for (std::size_t i = 0; i < 2; ++i) reactors_.push_back(net::Reactor::create(i).value());
    const std::vector<net::Reactor*> pointers = {reactors_[0].get(), reactors_[1].get()};
    if (tables == net::DescriptorTables::kPerReactor) {
      ends_ = net::HandOver::create(pointers).value();
    }
    grid_ = std::make_unique<net::MailboxGrid<net::DetachedConnection>>(pointers);
    std::vector<net::ReactorThread> members;
    for (std::size_t i = 0; i < 2; ++i) members.push_back(member(i));
    thread_ = std::thread([this, members = std::move(members), tables] {
      if (!net::run_reactors(members, tables, [this] { grid_.reset(); }).ok()) std::abort();
    });
  }
  ~Bouncer() {
    // The reactors are there until both have stopped, and end on their threads.
    net::Reactor* second = reactors_[1].get();
    reactors_[0]->stop();
    second->stop();
    thread_.join();
  }

  // `count` connections, kHops hops each.
  void run(std::size_t count) {
    reactors_[0]->post([this, count] {
      left_ = count * kHops;
      bouncing_ = count;
      for (std::size_t i = 0; i < count; ++i) send(0, make_connection());
    });
    done_.acquire();
  }

 private:
  net::ReactorThread member(std::size_t i) {
    net::ReactorThread member;
    member.reactor = reactors_[i].get();
    if (!ends_.empty()) {
      member.own.push_back(ends_[i]->receiving_descriptor());
      member.shared.push_back(ends_[i]->sending_descriptor());
      ends_[i]->receive(
          [this, i](net::DetachedConnection connection) { on_arrived(i, std::move(connection)); },
          [](std::size_t, const absl::Status&) { std::abort(); });
    }
    grid_->receive(i, [this, i](std::size_t, net::DetachedConnection&& connection) {
      on_arrived(i, std::move(connection));
    });
    member.end = [this, i] {
      if (!ends_.empty()) ends_[i].reset();
      reactors_[i].reset();
    };
    return member;
  }

  static net::DetachedConnection make_connection() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    ::close(pair[1]);
    return {pair[0], std::vector<std::uint8_t>(64), {}};
  }

  void send(std::size_t from, net::DetachedConnection connection) {
    if (!ends_.empty()) return ends_[from]->send(1 - from, std::move(connection));
    grid_->send(from, 1 - from, std::move(connection));
  }

  // Counted where they set out, two hops at a time.
  void on_arrived(std::size_t at, net::DetachedConnection connection) {
    if (at == 1) return send(1, std::move(connection));
    left_ -= 2;
    if (left_ >= 2 * bouncing_) return send(0, std::move(connection));
    if (--bouncing_ == 0) done_.release();
  }

  std::vector<std::unique_ptr<net::Reactor>> reactors_;
  std::vector<std::unique_ptr<net::HandOver>> ends_;
  std::unique_ptr<net::MailboxGrid<net::DetachedConnection>> grid_;
  std::thread thread_;
  std::size_t left_ = 0;      // hops; reactor 0's
  std::size_t bouncing_ = 0;  // connections; reactor 0's
  std::binary_semaphore done_{0};
};

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void bounce(benchmark::State& state, net::DescriptorTables tables) {
  Bouncer bouncer(tables);
  const auto count = static_cast<std::size_t>(state.range(0));
  bouncer.run(count);
  const double before = processor_seconds();
  for (auto _ : state) bouncer.run(count);
  const double hops = static_cast<double>(state.iterations()) * static_cast<double>(count * kHops);
  state.SetItemsProcessed(static_cast<std::int64_t>(hops));
  state.counters["cpu_us"] = (processor_seconds() - before) * 1e6 / hops;
}

void BM_HandOverOneTable(benchmark::State& state) { bounce(state, net::DescriptorTables::kShared); }
void BM_HandOverOwnTables(benchmark::State& state) {
  bounce(state, net::DescriptorTables::kPerReactor);
}
BENCHMARK(BM_HandOverOneTable)->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_HandOverOwnTables)->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace shoal

BENCHMARK_MAIN();
