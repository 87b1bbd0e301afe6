// The table of core/offer_table.h under relacy: every interleaving of each race, with every stale
// read that the C++ memory model allows, and every payload watched for data races.
//   core_offer_table_model_test             the proof: each race, all interleavings
//   core_offer_table_model_test --mutants   each memory order above relaxed weakened, and each part
//                                           of the compare-and-swap left out, one at a time
#include "tests/core/model/races.h"

namespace {

using shoal::core::BasicOfferTable;
using shoal::core::OfferId;
using shoal::core::OfferState;

enum class Mutant {
  kNone,
  // Each memory order of the header that is stronger than relaxed. kOrders of them.
  kPublishRelaxed,
  kTakeRelaxed,
  kGrowRelaxed,
  kFindRelaxed,
  // The compare-and-swap without one of its parts.
  kAnyGeneration,
  kAnyFramework,
  kAnyState,
  kNotAtomic,
  // What the table relies on: the answer's way to the owner.
  kMailRelaxed,
  kCount,
};
constexpr int kOrders = 4;
constexpr const char* kNames[] = {"none",
                                  "publish stores OPEN relaxed",
                                  "claim and decline swap relaxed",
                                  "a new chunk is published relaxed",
                                  "a chunk is looked up relaxed",
                                  "the compare ignores the generation",
                                  "the compare ignores the framework",
                                  "the compare ignores the state",
                                  "compare, then swap",
                                  "the mailbox orders nothing"};
static_assert(std::size(kNames) == static_cast<std::size_t>(Mutant::kCount));

bool is_mutant(Mutant which) { return shoal::model::mutant == static_cast<int>(which); }

// The order that an operation really gets. (what, operation) tells the sites of the header apart;
// a strong order at any other is one without a mutant, and must not stay so.
enum class Operation { kLoad, kStore, kSwap };

template <typename T>
rl::memory_order effective(Operation operation, std::memory_order order) {
  if (order == std::memory_order_relaxed) return rl::mo_relaxed;
  constexpr bool kWord = !std::is_pointer_v<T>;
  Mutant weakened = Mutant::kNone;
  if (order == std::memory_order_release && operation == Operation::kStore) {
    weakened = kWord ? Mutant::kPublishRelaxed : Mutant::kGrowRelaxed;
  } else if (order == std::memory_order_acquire && operation == Operation::kSwap && kWord) {
    weakened = Mutant::kTakeRelaxed;
  } else if (order == std::memory_order_acquire && operation == Operation::kLoad && !kWord) {
    weakened = Mutant::kFindRelaxed;
  } else {
    std::puts("FAILED: a memory order without a mutant; give it one");
    std::exit(1);
  }
  if (is_mutant(weakened)) return rl::mo_relaxed;
  return order == std::memory_order_release ? rl::mo_release : rl::mo_acquire;
}

// The bits of the word that a broken compare does not look at.
std::uint64_t ignored_bits() {
  if (is_mutant(Mutant::kAnyGeneration)) return ~std::uint64_t{0} << 32;
  if (is_mutant(Mutant::kAnyFramework)) return 0xfffffff8;
  if (is_mutant(Mutant::kAnyState)) return 7;
  return 0;
}

struct ModelTraits {
  template <typename T>
  class Atomic {
   public:
    Atomic(T value = T()) {  // NOLINT: like std::atomic
      constructed_($) = 1;
      value_.store(value, rl::mo_relaxed, $);
    }
    T load(std::memory_order order) const {
      (void)static_cast<int>(constructed_($));
      return value_.load(effective<T>(Operation::kLoad, order), $);
    }
    void store(T value, std::memory_order order) {
      (void)static_cast<int>(constructed_($));
      value_.store(value, effective<T>(Operation::kStore, order), $);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order order,
                                 std::memory_order on_failure) {
      (void)static_cast<int>(constructed_($));
      const rl::memory_order success = effective<T>(Operation::kSwap, order);
      const rl::memory_order failure = effective<T>(Operation::kLoad, on_failure);
      if (is_mutant(Mutant::kNotAtomic)) {
        if (value_.load(success, $) != expected) return false;
        value_.store(desired, rl::mo_relaxed, $);
        return true;
      }
      if (const std::uint64_t ignored = ignored_bits(); ignored != 0) {
        const T newest = value_.debug_value();
        if (((newest ^ expected) & ~ignored) == 0) expected = newest;
      }
      return value_.compare_exchange_strong(expected, desired, success, $, failure, $);
    }

   private:
    // Construction is no atomic operation: whoever comes to the word must have it behind him.
    mutable rl::var<int> constructed_;
    rl::atomic<T> value_;
  };

  // put(), reset() and get() count as writes and a read of all of it.
  template <typename T>
  class Cell {
   public:
    Cell() { touched_($) = 0; }
    void put(T&& value) {
      touched_($) = 0;
      value_ = std::move(value);
    }
    void reset() { put(T()); }
    const T& get() const {
      (void)static_cast<int>(touched_($));
      return value_;
    }

   private:
    mutable rl::var<int> touched_;
    T value_{};
  };

  static constexpr std::uint32_t kSlots = 2;
  static constexpr std::uint32_t kChunkSlots = 1;  // the second publish grows the block
  static constexpr std::uint32_t kGenerationMask = 0xffffffff;
};

// Ids are known beforehand: the first slot is 0, a slot that is used again is the one just settled.
// So a framework can present one at any time, before the owner made it too: what a peer guesses.
constexpr std::uint32_t kGeneration = 7;
constexpr OfferId kFirst{0, kGeneration};
constexpr OfferId kSecond{1, kGeneration};
constexpr OfferId kFirstAgain{0, kGeneration + 1};
constexpr std::uint32_t kFramework = 5;

int value_of(OfferId id) { return static_cast<int>(id.slot * 100 + id.generation); }

// Thread 0 is the owner's shard, the others are frameworks' shards. Whoever wins an edge reads the
// payload; a framework's shard then mails the id to the owner, who settles.
template <typename Race, rl::thread_id_t kThreads>
struct Cluster : rl::test_suite<Race, kThreads> {
  BasicOfferTable<int, ModelTraits> table{1, kGeneration};
  rl::atomic<std::uint64_t> mail[kThreads][2];
  int sent[kThreads] = {};
  int received[kThreads] = {};
  int published = 0;
  int wins[2][2] = {};  // of slot and generation; relacy's threads are one, so plain will do
  int won_total = 0;
  // Switches between threads in one interleaving; 0 for all there are.
  static constexpr unsigned kMaxSwitches = 0;

  void before() {
    for (auto& ring : mail) {
      for (auto& cell : ring) cell.store(0, rl::mo_relaxed, $);
    }
  }

  void won(OfferId id) {
    RL_ASSERT(++wins[id.slot][id.generation - kGeneration] == 1);
    ++won_total;
    RL_ASSERT(table.payload(id) == value_of(id));
  }

  // --- the owner ---
  void publish(OfferId id) {
    const auto got = table.publish(0, kFramework, value_of(id));
    RL_ASSERT(got.has_value() && *got == id);
    ++published;
  }
  void rescind(OfferId id) {
    if (!table.rescind(id)) return;
    won(id);
    table.settle(id);
  }
  void expire_all() {
    for (auto id = table.oldest(0); id.has_value();) {
      const auto next = table.next_newer(*id);
      if (table.expire(*id)) {
        won(*id);
        table.settle(*id);
      }
      id = next;
    }
  }
  void read_mail() {
    const auto order = is_mutant(Mutant::kMailRelaxed) ? rl::mo_relaxed : rl::mo_acquire;
    for (rl::thread_id_t from = 1; from < kThreads; ++from) {
      while (received[from] < 2) {
        const std::uint64_t packed = mail[from][received[from]].load(order, $);
        if (packed == 0) break;
        ++received[from];
        const OfferId id = OfferId::unpack(packed);
        RL_ASSERT(table.payload(id) == value_of(id));  // nobody changed it meanwhile
        table.settle(id);
      }
    }
  }

  // --- a framework's shard ---
  void answered(unsigned thread, OfferId id) {
    won(id);
    const auto order = is_mutant(Mutant::kMailRelaxed) ? rl::mo_relaxed : rl::mo_release;
    mail[thread][sent[thread]++].store(id.packed(), order, $);
  }
  void claim(unsigned thread, OfferId id) {
    if (table.claim(id, kFramework)) answered(thread, id);
  }
  void decline(unsigned thread, OfferId id) {
    if (table.decline(id, kFramework)) answered(thread, id);
  }

  // When all is quiet, what nobody took is still open, and nothing is lost.
  void after() {
    read_mail();
    const auto left = static_cast<int>(table.outstanding(0));
    RL_ASSERT(won_total + left == published);
    expire_all();
    RL_ASSERT(won_total == published && table.outstanding(0) == 0);
    RL_ASSERT(!table.oldest(0).has_value());
  }
};

struct AcceptAndRescind : Cluster<AcceptAndRescind, 2> {
  static constexpr const char* kName = "accept, rescind";
  void thread(unsigned index) {
    if (index == 1) return claim(1, kFirst);
    publish(kFirst);
    rescind(kFirst);
    read_mail();
  }
};

struct AcceptAndExpiry : Cluster<AcceptAndExpiry, 2> {
  static constexpr const char* kName = "accept, expiry";
  void thread(unsigned index) {
    if (index == 1) return claim(1, kFirst);
    publish(kFirst);
    expire_all();
    read_mail();
  }
};

// Two calls in a framework's name at once: a fenced instance and the one that took over.
struct AcceptAndDecline : Cluster<AcceptAndDecline, 3> {
  static constexpr const char* kName = "accept, decline of the same framework";
  void thread(unsigned index) {
    if (index == 1) return claim(1, kFirst);
    if (index == 2) return decline(2, kFirst);
    publish(kFirst);
    read_mail();
  }
};

struct DoubleAccept : Cluster<DoubleAccept, 3> {
  static constexpr const char* kName = "accept, accept of the same framework";
  void thread(unsigned index) {
    if (index != 0) return claim(index, kFirst);
    publish(kFirst);
    read_mail();
  }
};

struct AllFour : Cluster<AllFour, 3> {
  static constexpr const char* kName = "accept, decline, rescind";
  void before() {
    Cluster::before();
    publish(kFirst);
  }
  void thread(unsigned index) {
    if (index == 1) return claim(1, kFirst);
    if (index == 2) return decline(2, kFirst);
    rescind(kFirst);
  }
};

// Another framework presents an id that is not its own: that is nobody's win.
struct Stranger : Cluster<Stranger, 2> {
  static constexpr const char* kName = "accept by another framework, rescind";
  void thread(unsigned index) {
    if (index == 1) {
      RL_ASSERT(!table.claim(kFirst, kFramework + 1));
      return;
    }
    publish(kFirst);
    rescind(kFirst);
  }
};

// The agent is lost: its shard rescinds all it has out, and settles what was answered before.
struct AgentLoss : Cluster<AgentLoss, 2> {
  static constexpr const char* kName = "accept and decline, agent lost";
  void before() {
    Cluster::before();
    publish(kFirst);
    publish(kSecond);
  }
  void thread(unsigned index) {
    if (index == 1) {
      claim(1, kFirst);
      decline(1, kSecond);
      return;
    }
    rescind(kFirst);
    rescind(kSecond);
    read_mail();
  }
};

// The framework is lost: its shard declines all it holds while the owner expires them.
struct FrameworkLoss : Cluster<FrameworkLoss, 2> {
  static constexpr const char* kName = "framework lost, expiry of all";
  void before() {
    Cluster::before();
    publish(kFirst);
    publish(kSecond);
  }
  void thread(unsigned index) {
    if (index == 1) {
      decline(1, kFirst);
      decline(1, kSecond);
      return;
    }
    expire_all();
    read_mail();
  }
};

// The slot is used again under a late accept; both of its lives are presented.
struct Reuse : Cluster<Reuse, 2> {
  static constexpr const char* kName = "late accept, slot used again";
  void before() {
    Cluster::before();
    publish(kFirst);
  }
  void thread(unsigned index) {
    if (index == 1) {
      claim(1, kFirst);
      claim(1, kFirstAgain);
      return;
    }
    expire_all();
    read_mail();
    if (table.outstanding(0) != 0) return;
    publish(kFirstAgain);
    read_mail();
  }
};

struct LateAccept : Cluster<LateAccept, 3> {
  static constexpr const char* kName = "late accept, decline of the slot's next offer";
  static constexpr unsigned kMaxSwitches = 4;
  void before() {
    Cluster::before();
    publish(kFirst);
  }
  void thread(unsigned index) {
    if (index == 1) return claim(1, kFirst);
    if (index == 2) return decline(2, kFirstAgain);
    rescind(kFirst);
    read_mail();
    if (table.outstanding(0) != 0) return;
    publish(kFirstAgain);
    rescind(kFirstAgain);
  }
};

// What a bystander is told of one id: free, then open, then won, then free; never backwards.
struct Bystander : Cluster<Bystander, 2> {
  static constexpr const char* kName = "state() of a bystander";
  void thread(unsigned index) {
    if (index == 1) {
      const auto first = table.state(kFirst);
      const auto second = table.state(kFirst);
      RL_ASSERT(second == OfferState::kFree || second >= first);
      return;
    }
    publish(kFirst);
    rescind(kFirst);
    publish(kFirstAgain);
  }
};

void run_races(shoal::model::Tally* tally) {
  shoal::model::run<AcceptAndRescind, AcceptAndExpiry, Stranger, Bystander, AgentLoss,
                    FrameworkLoss, Reuse, AcceptAndDecline, DoubleAccept, AllFour, LateAccept>(
      tally);
}

int run_mutants() {
  const int strong = shoal::model::strong_orders("core/offer_table.h");
  std::printf("memory orders above relaxed in the header: %d, with a mutant: %d\n", strong,
              kOrders);
  const bool caught = shoal::model::all_caught(run_races, kNames, static_cast<int>(Mutant::kCount));
  return caught && strong == kOrders ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return shoal::model::run_model(argc, argv, run_races, run_mutants);
}
