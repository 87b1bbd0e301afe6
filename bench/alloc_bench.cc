// Pools against new and delete, under the malloc that this build links (-DALLOCATOR=…).
//
// Churn: a window of live objects in which the oldest or a random one is replaced by a new one:
// what a reactor does with sessions, offers and buffers. The two-thread rows free what the other
// thread allocated, which pools never do and a malloc must bear.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "alloc/buffer_pool.h"
#include "alloc/malloc_choice.h"
#include "alloc/object_pool.h"

namespace {

using shoal::alloc::Buffer;
using shoal::alloc::BufferPool;
using shoal::alloc::ObjectPool;

constexpr std::size_t kWindow = 4096;  // live objects; a power of two

struct Session {
  explicit Session(std::uint64_t number) : id(number) {}
  std::uint64_t id;
  std::array<std::byte, 184> rest;  // 192 bytes in all
};

// The same sequence in every run.
std::vector<std::uint32_t> random_slots() {
  std::mt19937 random(42);
  std::vector<std::uint32_t> slots(1u << 16);
  for (std::uint32_t& slot : slots) slot = static_cast<std::uint32_t>(random() % kWindow);
  return slots;
}

void object_new_delete(benchmark::State& state) {
  const std::vector<std::uint32_t> slots = random_slots();
  std::vector<std::unique_ptr<Session>> live(kWindow);
  std::uint64_t turn = 0;
  for (auto _ : state) {
    std::unique_ptr<Session>& slot = live[slots[turn % slots.size()]];
    slot.reset();
    slot = std::make_unique<Session>(turn++);
    benchmark::DoNotOptimize(slot->id);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(object_new_delete)->ThreadRange(1, 2)->UseRealTime();

void object_pool(benchmark::State& state) {
  const std::vector<std::uint32_t> slots = random_slots();
  ObjectPool<Session> pool;
  std::vector<ObjectPool<Session>::Handle> live(kWindow);
  for (auto& handle : live) handle = pool.create(0);
  std::uint64_t turn = 0;
  for (auto _ : state) {
    auto& slot = live[slots[turn % slots.size()]];
    pool.destroy(slot);
    slot = pool.create(turn++);
    benchmark::DoNotOptimize(slot);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(object_pool)->ThreadRange(1, 2)->UseRealTime();

void object_pool_get(benchmark::State& state) {
  const std::vector<std::uint32_t> slots = random_slots();
  ObjectPool<Session> pool;
  std::vector<ObjectPool<Session>::Handle> live(kWindow);
  for (auto& handle : live) handle = pool.create(1);
  std::uint64_t turn = 0;
  for (auto _ : state) benchmark::DoNotOptimize(pool.get(live[slots[turn++ % slots.size()]])->id);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(object_pool_get);

void buffer_new_delete(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::unique_ptr<std::byte[]> buffer(new std::byte[bytes]);
    benchmark::DoNotOptimize(buffer.get());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(buffer_new_delete)->Arg(256)->Arg(4096)->Arg(65536)->Arg(1048576);

void buffer_pool(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  BufferPool pool;
  for (auto _ : state) {
    Buffer buffer = pool.take(bytes);
    benchmark::DoNotOptimize(buffer.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(buffer_pool)->Arg(256)->Arg(4096)->Arg(65536)->Arg(1048576);

// Two threads exchange strings of 16 to 1,039 bytes through shared places: each frees what either
// made.
std::array<std::atomic<std::string*>, kWindow> places;

void string_exchange(benchmark::State& state) {
  std::mt19937 random(static_cast<std::uint32_t>(state.thread_index()) + 1);
  for (auto _ : state) {
    const auto draw = static_cast<std::uint32_t>(random());
    auto mine = std::make_unique<std::string>(16 + draw % 1024, 'x');
    std::atomic<std::string*>& place = places[(draw >> 16) % kWindow];
    delete place.exchange(mine.release(), std::memory_order_acq_rel);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(string_exchange)->ThreadRange(1, 2)->UseRealTime();

void reading_malloc_stats(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(shoal::alloc::malloc_stats());
}
BENCHMARK(reading_malloc_stats);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext(
      "malloc", std::string(shoal::alloc::malloc_name()) + " " + shoal::alloc::malloc_version());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  for (auto& place : places) delete place.exchange(nullptr);
  return 0;
}
