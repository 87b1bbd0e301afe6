// The ring of net/spsc_ring.h under relacy: every interleaving and every stale read the C++ memory
// model allows, within small bounds. `--weaken` runs it with the release of the tail weakened to
// relaxed, which relacy must catch: otherwise the model proves nothing.
#include <cstdio>
#include <cstring>

// relacy has macros named like standard things: everything standard comes first.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <ostream>
#include <streambuf>
#include <utility>

#include "net/spsc_ring.h"

#pragma GCC diagnostic ignored "-Wpedantic"
#include <relacy/relacy.hpp>
// Its memory orders are macros that add a place; here both kinds of order are needed.
#undef memory_order_relaxed
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_seq_cst

namespace {

bool weaken = false;

rl::memory_order to_relacy(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return weaken ? rl::mo_relaxed : rl::mo_release;
    default:
      return rl::mo_seq_cst;
  }
}

struct ModelTraits {
  template <typename T>
  class Atomic {
   public:
    Atomic(T value) { value_.store(value, rl::mo_relaxed, $); }  // NOLINT: like std::atomic
    T load(std::memory_order order) const { return value_.load(to_relacy(order), $); }
    void store(T value, std::memory_order order) { value_.store(value, to_relacy(order), $); }

   private:
    rl::atomic<T> value_;
  };

  template <typename T, std::size_t kCapacity>
  class Cells {
   public:
    void put(std::size_t i, T&& value) { cells_[i]($) = value; }
    T take(std::size_t i) { return cells_[i]($); }

   private:
    rl::var<T> cells_[kCapacity];
  };
};

// Three values through two slots: the ring is filled, refuses, wraps.
struct RingTest : rl::test_suite<RingTest, 2> {
  shoal::net::SpscRing<int, 2, ModelTraits> ring;

  void before() {}
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 1; i <= 3; ++i) {
        for (int tries = 0; tries < 4; ++tries) {
          int value = i;
          if (ring.push(std::move(value))) break;
          if (tries == 3) return;  // the consumer gave up; nothing may follow out of order
        }
      }
    } else {
      int expected = 1;
      for (int tries = 0; tries < 6; ++tries) {
        int value = 0;
        if (!ring.pop(&value)) continue;
        RL_ASSERT(value == expected);
        ++expected;
      }
    }
  }
};

// The wake-up: a message is published by the ring's release store, then announced the way libuv
// before 1.53 does it (relaxed look at `pending`, then a compare-and-swap), with wake()'s fence in
// between; the loop clears `pending`, fences (woken()) and drains. A message must never stay behind
// with nobody told.
template <bool kSenderFenced, bool kLoopFenced>
struct WakeTest : rl::test_suite<WakeTest<kSenderFenced, kLoopFenced>, 2> {
  rl::atomic<int> tail;
  rl::atomic<int> pending;
  rl::atomic<int> signalled;  // the eventfd

  void before() {
    tail.store(0, rl::mo_relaxed, $);
    pending.store(1, rl::mo_relaxed, $);    // an earlier wake-up is on its way …
    signalled.store(0, rl::mo_relaxed, $);  // … and the loop is just taking it
    drained = 0;
  }
  void thread(unsigned index) {
    if (index == 0) {
      tail.store(1, rl::mo_release, $);
      if (kSenderFenced) rl::atomic_thread_fence(rl::mo_seq_cst, $);
      if (pending.load(rl::mo_relaxed, $) != 0) return;
      int idle = 0;
      if (pending.compare_exchange_strong(idle, 1, rl::mo_seq_cst, $)) {
        signalled.store(1, rl::mo_seq_cst, $);
      }
    } else {
      pending.exchange(0, rl::mo_seq_cst, $);
      if (kLoopFenced) rl::atomic_thread_fence(rl::mo_seq_cst, $);
      drained = tail.load(rl::mo_acquire, $);
    }
  }
  void after() { RL_ASSERT(drained == 1 || signalled.load(rl::mo_seq_cst, $) == 1); }
  int drained = 0;
};

struct Nothing : std::streambuf {
  int overflow(int c) override { return c; }
};

template <typename Test>
bool passes(rl::scheduler_type_e scheduler, unsigned iterations) {
  rl::test_params params;
  params.search_type = scheduler;
  params.iteration_count = iterations;
  Nothing nothing;  // a failure that is expected is not worth its history
  std::ostream report(&nothing);
  params.output_stream = params.progress_stream = &report;
  return rl::simulate<Test>(params);
}

bool check(const char* what, bool expected, bool got) {
  std::printf("%-60s %s\n", what, expected == got ? "ok" : "FAILED");
  return expected == got;
}

}  // namespace

int main() {
  bool good = check("ring: all interleavings within the context bound", true,
                    passes<RingTest>(rl::sched_bound, 0));
  good &= check("ring: random interleavings", true, passes<RingTest>(rl::sched_random, 200'000));
  good &= check("wake with both fences", true, passes<WakeTest<true, true>>(rl::sched_full, 0));
  good &= check("wake without the sender's is caught", false,
                passes<WakeTest<false, true>>(rl::sched_full, 0));
  good &= check("wake without the loop's is caught", false,
                passes<WakeTest<true, false>>(rl::sched_full, 0));
  weaken = true;
  good &= check("ring with a relaxed tail is caught", false,
                passes<RingTest>(rl::sched_random, 200'000));
  return good ? 0 : 1;
}
