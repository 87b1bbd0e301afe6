#include "core/offer_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace shoal::core {
namespace {

OfferPayload payload(std::uint32_t framework_index, Milli cpus = 1000) {
  OfferPayload p;
  p.agent = AgentId{1};
  p.framework = FrameworkId{2};
  p.framework_index = framework_index;
  p.resources.cpus = cpus;
  return p;
}

TEST(OfferTable, OneEdgeOutOfOpenWins) {
  OfferTable table(1, 5);
  const OfferId id = table.publish(0, payload(3)).value();
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

TEST(OfferTable, AnotherFrameworksIndexDoesNotOpenIt) {
  OfferTable table(1, 0);
  const OfferId id = table.publish(0, payload(3)).value();
  EXPECT_FALSE(table.claim(id, 4));
  EXPECT_FALSE(table.decline(id, 2));
  EXPECT_TRUE(table.decline(id, 3));
}

TEST(OfferTable, AReusedSlotRefusesTheOldId) {
  OfferTable table(1, 0);
  const OfferId old = table.publish(0, payload(3)).value();
  ASSERT_TRUE(table.expire(old));
  table.settle(old);
  const OfferId fresh = table.publish(0, payload(3)).value();
  EXPECT_EQ(fresh.slot, old.slot);
  EXPECT_EQ(fresh.generation, old.generation + 1);
  EXPECT_FALSE(table.claim(old, 3));
  EXPECT_FALSE(table.rescind(old));
  EXPECT_EQ(table.state(old), OfferState::kFree);
  EXPECT_TRUE(table.claim(fresh, 3));
}

TEST(OfferTable, MadeUpIdsFindNothing) {
  OfferTable table(2, 0);
  for (const OfferId id : {OfferId{0, 0}, OfferId{5000, 0}, OfferId{kMaxOffersPerShard, 0},
                           OfferId{0xffffffff, 0xffffffff}}) {
    EXPECT_FALSE(table.claim(id, 0));
    EXPECT_EQ(table.state(id), OfferState::kFree);
  }
}

TEST(OfferTable, FullIsARefusalAndASettledSlotMakesRoom) {
  OfferTable table(2, 0);
  OfferId last;
  for (std::uint32_t i = 0; i < kMaxOffersPerShard; ++i)
    last = table.publish(1, payload(0)).value();
  EXPECT_FALSE(table.publish(1, payload(0)).has_value());
  EXPECT_TRUE(table.publish(0, payload(0)).has_value());  // another shard's block
  ASSERT_TRUE(table.rescind(last));
  table.settle(last);
  EXPECT_TRUE(table.publish(1, payload(0)).has_value());
}

// The owner publishes, expires and settles while two framework shards claim: every offer is taken
// exactly once, and the payload of a claimed one is whole.
TEST(OfferTable, RacesHaveOneWinner) {
  OfferTable table(1, 0);
  constexpr std::uint32_t kOffers = 20'000;
  std::vector<std::atomic<std::uint64_t>> announced(2);
  std::vector<std::atomic<std::uint32_t>> claims(2);
  std::atomic<bool> stop{false};
  const auto claimer = [&](std::uint32_t framework) {
    while (!stop.load(std::memory_order_acquire)) {
      const OfferId id = OfferId::unpack(announced[framework].load(std::memory_order_acquire));
      if (!table.claim(id, framework)) continue;
      EXPECT_EQ(table.payload(id).resources.cpus, Milli{id.generation} + 1);
      claims[framework].fetch_add(1, std::memory_order_release);
    }
  };
  std::thread first(claimer, 0);
  std::thread second(claimer, 1);
  std::uint32_t expired = 0;
  std::uint32_t claimed = 0;
  std::uint32_t generation = 0;
  for (std::uint32_t i = 0; i < kOffers; ++i) {
    const std::uint32_t framework = i % 2;
    const std::uint32_t before = claims[framework].load(std::memory_order_acquire);
    const OfferId id = table.publish(0, payload(framework, generation + 1)).value();
    ASSERT_EQ(id.generation, generation++);
    announced[framework].store(id.packed(), std::memory_order_release);
    if (i % 3 == 0) std::this_thread::yield();
    if (table.expire(id)) {
      ++expired;
    } else {
      // The claimer has won; wait for its word, as the mailbox would bring it.
      while (claims[framework].load(std::memory_order_acquire) == before) std::this_thread::yield();
      ++claimed;
    }
    table.settle(id);
  }
  stop.store(true, std::memory_order_release);
  first.join();
  second.join();
  EXPECT_EQ(expired + claimed, kOffers);
  EXPECT_EQ(claims[0] + claims[1], claimed);
}

}  // namespace
}  // namespace shoal::core
