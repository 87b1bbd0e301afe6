// take() of core/quota.h under relacy, and what shards do when a limit is lowered: every
// interleaving, with every stale read that the C++ memory model allows.
//   core_quota_model_test             the proof
//   core_quota_model_test --mutants   what it relies on left out, one at a time
#include "tests/core/model/races.h"

namespace {

using shoal::core::kNoLimit;
using shoal::core::Milli;

enum class Mutant {
  kNone,
  kNotAtomic,    // compare, then swap
  kMailRelaxed,  // the mail of a new limit orders nothing
  kNoRescind,    // a shard that is told of a lower limit keeps its offers
  kCount,
};
constexpr const char* kNames[] = {"none", "compare, then swap", "the mailbox orders nothing",
                                  "nothing is taken back"};
static_assert(std::size(kNames) == static_cast<std::size_t>(Mutant::kCount));

bool is_mutant(Mutant which) { return shoal::model::mutant == static_cast<int>(which); }

// std::atomic<Milli> as take() uses it: relaxed throughout.
class Sum {
 public:
  Milli load(std::memory_order) const { return value_.load(rl::mo_relaxed, $); }
  void store(Milli value, std::memory_order) { value_.store(value, rl::mo_relaxed, $); }
  void fetch_add(Milli value, std::memory_order) { value_.fetch_add(value, rl::mo_relaxed, $); }
  void fetch_sub(Milli value, std::memory_order) { value_.fetch_sub(value, rl::mo_relaxed, $); }
  // Without spurious failures, which would never end.
  bool compare_exchange_weak(Milli& expected, Milli desired, std::memory_order, std::memory_order) {
    if (is_mutant(Mutant::kNotAtomic)) {
      if (value_.load(rl::mo_relaxed, $) != expected) return false;
      value_.store(desired, rl::mo_relaxed, $);
      return true;
    }
    return value_.compare_exchange_strong(expected, desired, rl::mo_relaxed, $, rl::mo_relaxed, $);
  }

 private:
  rl::atomic<Milli> value_;
};

// One role. Each thread is a shard with at most two open offers; thread 0 also sets the limit.
template <typename Race, rl::thread_id_t kThreads>
struct Role : rl::test_suite<Race, kThreads> {
  static constexpr unsigned kMaxSwitches = 0;
  Sum charged;
  Sum limit;
  rl::atomic<int> mail[kThreads];
  Milli offers[kThreads][2] = {};

  void begin(Milli first_limit) {
    charged.store(0, std::memory_order_relaxed);
    limit.store(first_limit, std::memory_order_relaxed);
    for (auto& box : mail) box.store(0, rl::mo_relaxed, $);
  }
  void take(unsigned thread, int offer, Milli wanted) {
    offers[thread][offer] = shoal::core::take(charged, limit, wanted);
  }
  void give_back(unsigned thread, int offer) {
    if (offers[thread][offer] == 0) return;
    charged.fetch_sub(offers[thread][offer], std::memory_order_relaxed);
    offers[thread][offer] = 0;
  }
  void set_limit(Milli to) {
    limit.store(to, std::memory_order_relaxed);
    const auto order = is_mutant(Mutant::kMailRelaxed) ? rl::mo_relaxed : rl::mo_release;
    for (auto& box : mail) box.store(1, order, $);
  }
  // Reads the mail of a new limit, if it is there, and takes offers back while there are too many.
  bool read_mail(unsigned thread) {
    const auto order = is_mutant(Mutant::kMailRelaxed) ? rl::mo_relaxed : rl::mo_acquire;
    if (mail[thread].exchange(0, order, $) == 0) return false;
    if (is_mutant(Mutant::kNoRescind)) return true;
    for (int offer = 0; offer < 2; ++offer) {
      if (charged.load(std::memory_order_relaxed) <= limit.load(std::memory_order_relaxed)) break;
      give_back(thread, offer);
    }
    return true;
  }
  // When all is quiet: the sum is that of the offers, and within the limit.
  void after() {
    for (unsigned thread = 0; thread < kThreads; ++thread) read_mail(thread);
    Milli sum = 0;
    for (const auto& shard : offers) sum += shard[0] + shard[1];
    RL_ASSERT(charged.load(std::memory_order_relaxed) == sum);
    RL_ASSERT(sum <= limit.load(std::memory_order_relaxed));
  }
};

// Three shards want more than there is. Relacy's threads are one, so the sum of what they hold is
// known exactly at any moment.
struct TakeAtOnce : Role<TakeAtOnce, 3> {
  static constexpr const char* kName = "three shards take at once";
  void before() { begin(10); }
  void thread(unsigned index) { take(index, 0, 4); }
};

struct TakeAndGiveBack : Role<TakeAndGiveBack, 2> {
  static constexpr const char* kName = "take, give back, take again";
  void before() { begin(10); }
  void thread(unsigned index) {
    take(index, 0, 6);
    give_back(index, 0);
    take(index, 1, 6);
  }
};

struct NoLimit : Role<NoLimit, 2> {
  static constexpr const char* kName = "no limit, then one";
  void before() { begin(kNoLimit); }
  void thread(unsigned index) {
    if (index == 0) set_limit(5);
    take(index, 0, 4);
    read_mail(index);
  }
};

struct LowerTheLimit : Role<LowerTheLimit, 3> {
  static constexpr const char* kName = "the limit is lowered under two shards";
  static constexpr unsigned kMaxSwitches = 5;
  void before() { begin(20); }
  void thread(unsigned index) {
    if (index == 0) return set_limit(15);
    take(index, 0, 10);
    // Who knows of the new limit must not pass it.
    if (read_mail(index)) take(index, 1, 10);
  }
};

void run_races(shoal::model::Tally* tally) {
  shoal::model::run<TakeAtOnce, TakeAndGiveBack, NoLimit, LowerTheLimit>(tally);
}

int run_mutants() {
  const int strong = shoal::model::strong_orders("core/quota.h");
  std::printf("memory orders above relaxed in the header: %d\n", strong);
  const bool caught = shoal::model::all_caught(run_races, kNames, static_cast<int>(Mutant::kCount));
  return caught && strong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return shoal::model::run_model(argc, argv, run_races, run_mutants);
}
