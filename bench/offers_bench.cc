// The life of an offer in the offer table: publish, claim, settle. No mailbox, socket or allocator;
// the payload is an agent's usual offer, four scalars and one range of ports.
//   offers_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// BM_OfferCycle/threads:1
//     One thread publishes an offer, claims it and settles it, always in one slot: nothing is
//     contended, all is in the cache. Time is nanoseconds per cycle.
// BM_OfferCycle/threads:2 and 4
//     Every thread is the owner of a block, with 16 offers out, and the framework that its
//     neighbour's offers go to. A cycle: expire and settle the oldest offer, or
//     if the neighbour was faster wait for its answer and settle; publish another and announce it;
//     claim one that the neighbour has announced. Announcement and answer are an atomic word each,
//     on lines of their own, where the master has mailboxes. So two cores fight for each slot's
//     word. Counters: `cycles_per_s` of all threads by the wall clock, and `claimed`, the part that
//     neighbours won: near 0, the threads hardly ever ran at once and nothing was contended. With
//     fewer free cores than threads it measures the kernel's scheduler too.
//
// offers_bench_*.cc are parts of this program, see bench/CMakeLists.txt.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "core/offer_table.h"

namespace shoal::core {
namespace {

constexpr std::uint32_t kMaxThreads = 4;
constexpr std::size_t kWindow = 16;
constexpr std::uint64_t kNothing = ~std::uint64_t{0};  // no id: its slot is in no block

// An offer's way to the framework, and the answer's way back.
struct alignas(64) Desk {
  std::atomic<std::uint64_t> announced{kNothing};
  alignas(64) std::atomic<std::uint64_t> answered{kNothing};
};
struct Arena {
  OfferTable table{kMaxThreads, 1};
  std::array<std::array<Desk, kWindow>, kMaxThreads> desks;
};
std::unique_ptr<Arena> arena;

OfferPayload usual_offer() {
  OfferPayload offer;
  offer.agent = {7};
  offer.framework = {9};
  offer.resources = parse_resources("cpus:16;mem:65536;disk:1000000;ports:[31000-32000]").value();
  return offer;
}

void cycle_alone(OfferTable& table, const OfferPayload& offer, benchmark::State& state) {
  const OfferId id = table.publish(0, 0, OfferPayload(offer)).value();
  if (!table.claim(id, 0)) state.SkipWithError("lost a race against nobody");
  benchmark::DoNotOptimize(table.payload(id).resources.cpus);
  table.settle(id);
}

// One owner that is its neighbour's framework as well.
class Party {
 public:
  Party(std::uint32_t self, std::uint32_t neighbour)
      : self_(self), mine_(arena->desks[self]), theirs_(arena->desks[neighbour]) {}

  void cycle(const OfferPayload& offer) {
    const std::size_t at = turn_++ % kWindow;
    take_back(at);
    window_[at] = arena->table.publish(self_, 0, OfferPayload(offer)).value();
    mine_[at].announced.store(window_[at]->packed(), std::memory_order_release);
    claim(theirs_[at]);
  }
  // Nothing of this block is out afterwards.
  void finish() {
    for (std::size_t at = 0; at < kWindow; ++at) take_back(at);
  }
  std::uint64_t lost() const { return lost_; }

 private:
  void take_back(std::size_t at) {
    if (!window_[at].has_value()) return;
    const OfferId id = *std::exchange(window_[at], std::nullopt);
    if (!arena->table.expire(id)) {
      ++lost_;
      while (mine_[at].answered.load(std::memory_order_acquire) != id.packed()) {
        std::this_thread::yield();  // the winner may have lost its core
      }
    }
    arena->table.settle(id);
  }
  static void claim(Desk& desk) {
    const std::uint64_t seen = desk.announced.load(std::memory_order_acquire);
    const OfferId id = OfferId::unpack(seen);
    if (!arena->table.claim(id, 0)) return;
    benchmark::DoNotOptimize(arena->table.payload(id).resources.cpus);
    desk.answered.store(seen, std::memory_order_release);
  }

  const std::uint32_t self_;
  std::array<Desk, kWindow>& mine_;
  std::array<Desk, kWindow>& theirs_;
  std::array<std::optional<OfferId>, kWindow> window_;
  std::size_t turn_ = 0;
  std::uint64_t lost_ = 0;
};

void BM_OfferCycle(benchmark::State& state) {
  const OfferPayload offer = usual_offer();
  const auto self = static_cast<std::uint32_t>(state.thread_index());
  const auto threads = static_cast<std::uint32_t>(state.threads());
  Party party(self, (self + 1) % threads);
  std::chrono::steady_clock::time_point start;
  for (auto _ : state) {
    if (start == std::chrono::steady_clock::time_point()) start = std::chrono::steady_clock::now();
    if (threads == 1) {
      cycle_alone(arena->table, offer, state);
    } else {
      party.cycle(offer);
    }
  }
  // Not Google Benchmark's rates: those are per second of processor time here.
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const auto cycles = static_cast<double>(state.iterations());
  state.counters["cycles_per_s"] = cycles / seconds.count();
  if (threads == 1) return;
  party.finish();
  state.counters["claimed"] = benchmark::Counter(static_cast<double>(party.lost()) / cycles,
                                                 benchmark::Counter::kAvgThreads);
}
BENCHMARK(BM_OfferCycle)
    ->Setup([](const benchmark::State&) { arena = std::make_unique<Arena>(); })
    ->Teardown([](const benchmark::State&) { arena.reset(); })
    ->Threads(1)
    ->Threads(2)
    ->Threads(4);

}  // namespace
}  // namespace shoal::core

BENCHMARK_MAIN();
