#include "core/offer_table.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "core/random.h"
#include "net/spsc_ring.h"

namespace shoal::core {
namespace {

struct SmallBlocks : StdOfferTraits {
  static constexpr std::uint32_t kSlots = 4;
  static constexpr std::uint32_t kChunkSlots = 2;
};
// With four generations, what takes ages in the real one happens here.
struct FewGenerations : SmallBlocks {
  static constexpr std::uint32_t kGenerationMask = 3;
};
using SmallTable = BasicOfferTable<std::unique_ptr<int>, FewGenerations>;

OfferPayload payload(Milli cpus = 1000) {
  OfferPayload p;
  p.agent = AgentId{1};
  p.framework = FrameworkId{2};
  p.resources.cpus = cpus;
  return p;
}

template <typename Table>
std::vector<OfferId> by_age(const Table& table, std::uint32_t shard) {
  std::vector<OfferId> out;
  for (auto id = table.oldest(shard); id.has_value(); id = table.next_newer(*id)) {
    out.push_back(*id);
  }
  return out;
}

TEST(OfferTable, OneEdgeOutOfOpenWins) {
  OfferTable table(1, 5);
  const OfferId id = table.publish(0, 3, payload()).value();
  EXPECT_EQ(id.generation, 5u);
  EXPECT_EQ(table.state(id), OfferState::kOpen);
  EXPECT_TRUE(table.claim(id, 3));
  EXPECT_EQ(table.state(id), OfferState::kClaimed);
  EXPECT_FALSE(table.claim(id, 3));
  EXPECT_FALSE(table.decline(id, 3));
  EXPECT_FALSE(table.rescind(id));
  EXPECT_FALSE(table.expire(id));
  EXPECT_EQ(table.payload(id).resources.cpus, 1000);
  table.settle(id);
  EXPECT_EQ(table.outstanding(0), 0u);
}

TEST(OfferTable, EachEdgeHasItsState) {
  OfferTable table(1, 0);
  std::vector<OfferId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(table.publish(0, 3, payload()).value());
  EXPECT_TRUE(table.claim(ids[0], 3) && table.decline(ids[1], 3));
  EXPECT_TRUE(table.rescind(ids[2]) && table.expire(ids[3]));
  EXPECT_EQ(table.state(ids[0]), OfferState::kClaimed);
  EXPECT_EQ(table.state(ids[1]), OfferState::kDeclined);
  EXPECT_EQ(table.state(ids[2]), OfferState::kRescinded);
  EXPECT_EQ(table.state(ids[3]), OfferState::kExpired);
  for (const OfferId id : ids) {
    table.settle(id);
    EXPECT_EQ(table.state(id), OfferState::kFree);
  }
}

TEST(OfferTable, AnotherFrameworksIndexDoesNotOpenIt) {
  OfferTable table(1, 0);
  const OfferId id = table.publish(0, 3, payload()).value();
  EXPECT_FALSE(table.claim(id, 4));
  EXPECT_FALSE(table.decline(id, 2));
  EXPECT_TRUE(table.decline(id, 3));
}

TEST(OfferTable, AReusedSlotRefusesTheOldId) {
  OfferTable table(1, 0);
  const OfferId old = table.publish(0, 3, payload()).value();
  ASSERT_TRUE(table.expire(old));
  table.settle(old);
  const OfferId fresh = table.publish(0, 3, payload()).value();
  EXPECT_EQ(fresh.slot, old.slot);
  EXPECT_EQ(fresh.generation, old.generation + 1);
  EXPECT_FALSE(table.claim(old, 3));
  EXPECT_FALSE(table.rescind(old));
  EXPECT_EQ(table.state(old), OfferState::kFree);
  EXPECT_TRUE(table.claim(fresh, 3));
}

TEST(OfferTable, GenerationsWrapInTheWord) {
  OfferTable table(1, 0xffffffff);
  const OfferId last = table.publish(0, 3, payload()).value();
  EXPECT_EQ(last.generation, 0xffffffff);
  ASSERT_TRUE(table.rescind(last));
  table.settle(last);
  const OfferId first = table.publish(0, 3, payload()).value();
  EXPECT_EQ(first.generation, 0u);
  EXPECT_FALSE(table.claim(last, 3));
  EXPECT_TRUE(table.claim(first, 3));
}

TEST(OfferTable, ASlotThatUsedAllGenerationsIsRetired) {
  SmallTable table(1, 2);
  std::vector<OfferId> used;
  while (auto id = table.publish(0, 0, std::make_unique<int>(7))) {
    for (const OfferId earlier : used) {
      ASSERT_NE(earlier, *id);
      ASSERT_FALSE(table.claim(earlier, 0));
    }
    used.push_back(*id);
    ASSERT_TRUE(table.claim(*id, 0));
    table.settle(*id);
  }
  EXPECT_EQ(used.size(), 4u * 4u);  // each slot, each generation
  EXPECT_EQ(table.capacity(0), 0u);
  EXPECT_EQ(table.outstanding(0), 0u);
  EXPECT_FALSE(table.oldest(0).has_value());
}

TEST(OfferTable, MadeUpIdsFindNothing) {
  OfferTable table(2, 0);
  ASSERT_TRUE(table.publish(0, 0, payload()).has_value());  // slots 0 to 1023 of block 0 are there
  for (const OfferId id :
       {OfferId{0, 1}, OfferId{1, 0}, OfferId{1023, 0}, OfferId{1024, 0}, OfferId{5000, 0},
        OfferId{kMaxOffersPerShard - 1, 0}, OfferId{kMaxOffersPerShard, 0},
        OfferId{2 * kMaxOffersPerShard, 0}, OfferId{0xffffffff, 0xffffffff}}) {
    EXPECT_FALSE(table.claim(id, 0)) << to_string(id);
    EXPECT_FALSE(table.decline(id, 0)) << to_string(id);
    EXPECT_EQ(table.state(id), OfferState::kFree) << to_string(id);
  }
  EXPECT_EQ(table.outstanding(0), 1u);
}

TEST(OfferTable, FullIsARefusalAndASettledSlotMakesRoom) {
  OfferTable table(2, 0);
  OfferId last;
  for (std::uint32_t i = 0; i < kMaxOffersPerShard; ++i) {
    last = table.publish(1, 0, payload()).value();
  }
  EXPECT_EQ(table.outstanding(1), table.capacity(1));
  OfferPayload kept = payload(4711);
  EXPECT_FALSE(table.publish(1, 0, std::move(kept)).has_value());
  EXPECT_EQ(kept.resources.cpus, 4711);                     // untouched
  EXPECT_TRUE(table.publish(0, 0, payload()).has_value());  // another shard's block
  ASSERT_TRUE(table.rescind(last));
  table.settle(last);
  EXPECT_TRUE(table.publish(1, 0, payload()).has_value());
}

TEST(OfferTable, SettleLetsGoOfThePayload) {
  SmallTable table(1, 0);
  const OfferId id = table.publish(0, 0, std::make_unique<int>(7)).value();
  ASSERT_TRUE(table.expire(id));
  EXPECT_EQ(*table.payload(id), 7);
  table.settle(id);
  EXPECT_EQ(table.payload(id), nullptr);
}

TEST(OfferTable, AgeListIsInOrderOfPublish) {
  OfferTable table(2, 0);
  EXPECT_FALSE(table.oldest(0).has_value());
  std::vector<OfferId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(table.publish(0, 3, payload()).value());
  EXPECT_EQ(by_age(table, 0), ids);
  EXPECT_FALSE(table.oldest(1).has_value());

  // The middle, the head, the tail; a slot that is used again is the newest.
  ASSERT_TRUE(table.claim(ids[1], 3));
  EXPECT_EQ(by_age(table, 0), ids);  // won, but not settled
  table.settle(ids[1]);
  EXPECT_EQ(by_age(table, 0), (std::vector{ids[0], ids[2], ids[3]}));
  const OfferId again = table.publish(0, 3, payload()).value();
  EXPECT_EQ(again.slot, ids[1].slot);
  EXPECT_EQ(by_age(table, 0), (std::vector{ids[0], ids[2], ids[3], again}));
  ASSERT_TRUE(table.expire(ids[0]));
  table.settle(ids[0]);
  EXPECT_EQ(table.oldest(0), ids[2]);
  ASSERT_TRUE(table.rescind(again));
  table.settle(again);
  EXPECT_EQ(by_age(table, 0), (std::vector{ids[2], ids[3]}));
  EXPECT_FALSE(table.next_newer(ids[3]).has_value());
}

TEST(OfferTable, ExpiryWalksTheAgeList) {
  OfferTable table(1, 0);
  std::vector<OfferId> ids;
  for (Milli i = 0; i < 6; ++i) ids.push_back(table.publish(0, 3, payload(i)).value());
  ASSERT_TRUE(table.claim(ids[1], 3));  // its answer is still under way
  int expired = 0;
  for (auto id = table.oldest(0); id.has_value() && table.payload(*id).resources.cpus < 4;) {
    const auto next = table.next_newer(*id);
    if (table.expire(*id)) {
      table.settle(*id);
      ++expired;
    }
    id = next;
  }
  EXPECT_EQ(expired, 3);
  EXPECT_EQ(by_age(table, 0), (std::vector{ids[1], ids[4], ids[5]}));
}

// Against the obvious thing: a vector in order of publish. The small table fills up and empties.
TEST(OfferTable, AgeListAgainstAVector) {
  BasicOfferTable<int, SmallBlocks> table(2, 0);
  Random random(1);
  std::vector<OfferId> expected[2];
  for (int step = 0; step < 20'000; ++step) {
    const auto shard = static_cast<std::uint32_t>(random.next() % 2);
    std::vector<OfferId>& out = expected[shard];
    if (random.next() % 2 == 0) {
      const auto id = table.publish(shard, 0, int{step});
      ASSERT_EQ(id.has_value(), out.size() < SmallBlocks::kSlots);
      if (id.has_value()) out.push_back(*id);
    } else if (!out.empty()) {
      const auto victim = out.begin() + static_cast<std::ptrdiff_t>(random.next() % out.size());
      ASSERT_TRUE(table.expire(*victim));
      table.settle(*victim);
      out.erase(victim);
    }
    ASSERT_EQ(by_age(table, shard), out);
    ASSERT_EQ(table.outstanding(shard), out.size());
  }
}

// Four shards, each the owner of a block and the home of one framework, as reactors have it: offers
// and answers cross by mailbox, owners expire, frameworks answer twice, late, or with made-up ids.
// Blocks are small, so slots are used again all the time and are often all out.
constexpr std::uint32_t kShards = 4;
constexpr std::uint32_t kOffersEach = 20'000;

struct StressTraits : StdOfferTraits {
  static constexpr std::uint32_t kSlots = 64;
  static constexpr std::uint32_t kChunkSlots = 16;
};
struct StressPayload {
  std::uint64_t serial = 0;
  std::uint64_t complement = 0;
  std::unique_ptr<std::uint64_t> copy;  // so that a payload freed under a reader is seen
};
using StressTable = BasicOfferTable<StressPayload, StressTraits>;

struct Mail {
  OfferId id;
  bool is_answer = false;
};
using MailRing = net::SpscRing<Mail, 128>;

struct Arena {
  StressTable table{kShards, 0xfffff000};                   // generations wrap on the way
  std::array<std::array<MailRing, kShards>, kShards> mail;  // [from][to]
  std::atomic<std::uint32_t> settled_all{0};
};

class StressShard {
 public:
  StressShard(Arena& arena, std::uint32_t index)
      : arena_(arena), index_(index), random_(index + 1) {}

  void run() {
    bool reported = false;
    while (arena_.settled_all.load(std::memory_order_acquire) != kShards) {
      publish_some();
      read_mail();
      flush();
      expire_some();
      if (!reported && published == kOffersEach && table().outstanding(index_) == 0) {
        reported = true;
        arena_.settled_all.fetch_add(1, std::memory_order_acq_rel);
      }
      if (random_.chance(1, 4)) std::this_thread::yield();
    }
  }

  std::uint64_t published = 0;
  std::uint64_t withdrawn = 0;  // by this owner
  std::uint64_t answered = 0;   // to this owner
  std::uint64_t taken = 0;      // by this framework, from any owner
  std::uint64_t broken = 0;     // payloads that were not whole

 private:
  StressTable& table() { return arena_.table; }

  void check(OfferId id) {
    const StressPayload& payload = table().payload(id);
    const bool whole = payload.copy != nullptr && *payload.copy == payload.serial &&
                       payload.serial == ~payload.complement;
    if (!whole) ++broken;
  }

  void publish_some() {
    for (std::uint64_t n = random_.below(4); n > 0 && published < kOffersEach; --n) {
      const std::uint64_t serial = published << 8 | index_;
      const auto to = static_cast<std::uint32_t>(random_.below(kShards));
      const auto id =
          table().publish(index_, to, {serial, ~serial, std::make_unique<std::uint64_t>(serial)});
      if (!id.has_value()) return;
      ++published;
      Mail offer{*id};
      arena_.mail[index_][to].push(std::move(offer));  // lost when full: the offer expires
    }
  }

  void read_mail() {
    for (std::uint32_t from = 0; from < kShards; ++from) {
      Mail mail;
      while (arena_.mail[from][index_].pop(&mail)) {
        if (mail.is_answer) {
          check(mail.id);
          table().settle(mail.id);
          ++answered;
        } else {
          answer(mail.id);
        }
      }
    }
    guess();
  }

  void answer(OfferId id) {
    const std::uint64_t kind = random_.below(5);
    if (kind == 0) return;  // silent: it expires
    if (kind <= 2) take(id, true);
    if (kind >= 2) take(id, false);  // kind 2 answers twice
    kept_[random_.below(kept_.size())] = id;
  }

  // A late answer, and an id out of thin air that may well be somebody's offer to us.
  void guess() {
    take(kept_[random_.below(kept_.size())], true);
    const auto slot = static_cast<std::uint32_t>(random_.below(kShards * StressTraits::kSlots + 9));
    take({slot, kept_[0].generation + static_cast<std::uint32_t>(random_.below(3))}, false);
  }

  void take(OfferId id, bool accept) {
    if (!(accept ? table().claim(id, index_) : table().decline(id, index_))) return;
    check(id);
    ++taken;
    answers_.push_back(id);
  }

  void flush() {
    while (!answers_.empty()) {
      Mail mail{answers_.front(), true};
      if (!arena_.mail[index_][table().shard_of(mail.id)].push(std::move(mail))) return;
      answers_.pop_front();
    }
  }

  // Oldest first; at the end all that is left.
  void expire_some() {
    const bool all = published == kOffersEach;
    for (auto id = table().oldest(index_); id.has_value() && (all || random_.chance(1, 2));) {
      const auto next = table().next_newer(*id);
      if (table().expire(*id)) {
        check(*id);
        table().settle(*id);
        ++withdrawn;
      }
      id = next;
    }
  }

  Arena& arena_;
  const std::uint32_t index_;
  Random random_;
  std::deque<OfferId> answers_;  // won, not yet mailed
  std::array<OfferId, 8> kept_{};
};

TEST(OfferTable, FourShardsRace) {
  Arena arena;
  std::vector<StressShard> shards;
  for (std::uint32_t i = 0; i < kShards; ++i) shards.emplace_back(arena, i);
  std::vector<std::thread> threads;
  for (StressShard& shard : shards) threads.emplace_back([&shard] { shard.run(); });
  for (std::thread& thread : threads) thread.join();
  std::uint64_t taken = 0;
  std::uint64_t answered = 0;
  for (std::uint32_t i = 0; i < kShards; ++i) {
    const StressShard& shard = shards[i];
    EXPECT_EQ(shard.published, kOffersEach);
    EXPECT_EQ(shard.withdrawn + shard.answered, kOffersEach);  // each was won once
    EXPECT_GT(shard.withdrawn, 0u);
    EXPECT_GT(shard.answered, 0u);
    EXPECT_EQ(shard.broken, 0u);
    EXPECT_EQ(arena.table.outstanding(i), 0u);
    EXPECT_FALSE(arena.table.oldest(i).has_value());
    taken += shard.taken;
    answered += shard.answered;
  }
  EXPECT_EQ(taken, answered);
}

}  // namespace
}  // namespace shoal::core
