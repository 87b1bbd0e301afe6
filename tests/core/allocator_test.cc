#include "core/allocator.h"

#include <gtest/gtest.h>

#include "core/text.h"
#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using AllocatorTest = ShardedTest;

TEST_P(AllocatorTest, AFrameworkIsOfferedEverythingThatIsFree) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1000;ports:[1-10]", last());
  const FrameworkId framework = cluster.add_framework("f");
  ASSERT_EQ(cluster.bag_of(framework).offers.size(), 1u);
  const SeenOffer& offer = cluster.bag_of(framework).offers[0];
  EXPECT_EQ(offer.agent, agent);
  EXPECT_EQ(offer.resources, parse_resources("cpus:4;mem:1000;ports:[1-10]").value());
}

TEST_P(AllocatorTest, AnAgentThatComesLaterIsOfferedAtOnce) {
  const FrameworkId framework = cluster.add_framework("f", last());
  EXPECT_TRUE(cluster.bag_of(framework).offers.empty());
  cluster.add_agent("cpus:1;mem:100");
  EXPECT_EQ(cluster.bag_of(framework).offers.size(), 1u);
}

TEST_P(AllocatorTest, EqualFrameworksGetTheSameNumberOfAgents) {
  const FrameworkId a = cluster.add_framework("a");
  const FrameworkId b = cluster.add_framework("b", last());
  const FrameworkId c = cluster.add_framework("c", GetParam() / 2);
  for (std::uint32_t i = 0; i < 12; ++i) cluster.add_agent("cpus:2;mem:100", i % GetParam());
  for (const FrameworkId f : {a, b, c}) EXPECT_EQ(cluster.bag_of(f).offers.size(), 4u);
}

TEST_P(AllocatorTest, TheDominantShareDecides) {
  // `big` holds 8 of 18 cpus, `small` 1: the next agents go to `small` until it has caught up.
  const FrameworkId big = cluster.add_framework("big");
  cluster.add_agent("cpus:8;mem:100");
  const FrameworkId small = cluster.add_framework("small", last());
  for (int i = 0; i < 8; ++i) cluster.add_agent("cpus:1;mem:10");
  EXPECT_EQ(cluster.bag_of(big).offers.size(), 1u);
  EXPECT_EQ(cluster.bag_of(small).offers.size(), 8u);
}

TEST_P(AllocatorTest, DeclinedResourcesGoToTheNextFramework) {
  cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId a = cluster.add_framework("a");
  const FrameworkId b = cluster.add_framework("b", last());
  EXPECT_TRUE(cluster.bag_of(b).offers.empty());
  cluster.decline(a, {cluster.bag_of(a).offers[0].id}, 60'000);
  ASSERT_EQ(cluster.bag_of(b).offers.size(), 1u);
  cluster.decline(b, {cluster.bag_of(b).offers[0].id}, 60'000);
  EXPECT_EQ(cluster.bag_of(a).offers.size(), 1u);  // both have refused: nobody is asked again
  EXPECT_EQ(cluster.bag_of(b).offers.size(), 1u);
}

TEST_P(AllocatorTest, AFilterEndsAfterRefuseSeconds) {
  cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId f = cluster.add_framework("f");
  cluster.decline(f, {cluster.bag_of(f).offers[0].id}, 5000);
  cluster.advance(milliseconds(4999));
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 1u);
  cluster.advance(milliseconds(1));
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 2u);
}

TEST_P(AllocatorTest, MoreThanWasRefusedIsOffered) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId f = cluster.add_framework("f");
  cluster.accept(f, {cluster.bag_of(f).offers[0].id}, {{"t", "cpus:1"}}, 60'000);
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 1u);  // the rest is filtered
  cluster.update(agent, f, "t", TaskState::kFinished);
  ASSERT_EQ(cluster.bag_of(f).offers.size(), 2u);
  EXPECT_EQ(cluster.bag_of(f).offers[1].resources.cpus, 4000);
}

TEST_P(AllocatorTest, SuppressAndReviveRule) {
  cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId f = cluster.add_framework("f");
  on_suppress(cluster.home(f), cluster.outbox(), f, {}, 0, cluster.now);
  cluster.decline(f, {cluster.bag_of(f).offers[0].id}, 0);
  cluster.add_agent("cpus:1;mem:100");
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 1u);
  on_revive(cluster.home(f), cluster.outbox(), f, {}, 0, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 3u);
}

TEST_P(AllocatorTest, AReviveClearsFilters) {
  cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId f = cluster.add_framework("f");
  cluster.decline(f, {cluster.bag_of(f).offers[0].id}, 3'600'000);
  on_revive(cluster.home(f), cluster.outbox(), f, {}, 0, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 2u);
}

TEST_P(AllocatorTest, UnansweredOffersExpire) {
  cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId f = cluster.add_framework("f");
  cluster.pass_quietly(kDefaultOfferTimeout - milliseconds(1));
  EXPECT_TRUE(cluster.bag_of(f).rescinded.empty());
  cluster.pass_quietly(milliseconds(1));
  EXPECT_EQ(cluster.bag_of(f).rescinded.size(), 1u);
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 2u);  // nobody else is there
}

TEST_P(AllocatorTest, WhoHasNothingGetsTheOffersOfAHoarderWithinThePatience) {
  for (int i = 0; i < 4; ++i) cluster.add_agent("cpus:4;mem:1000", last());
  const FrameworkId hoarder = cluster.add_framework("hoarder");
  cluster.pass_quietly(seconds(1));
  EXPECT_EQ(cluster.bag_of(hoarder).offers.size(), 4u);
  const FrameworkId poor = cluster.add_framework("poor", last());
  EXPECT_TRUE(cluster.bag_of(poor).offers.empty());
  for (int ms = 0; ms < 100; ms += 10) cluster.advance(milliseconds(10));
  EXPECT_EQ(cluster.bag_of(poor).offers.size(), 2u);  // up to its share, and not more
  for (int ms = 0; ms < 1000; ms += 10) cluster.advance(milliseconds(10));
  EXPECT_EQ(cluster.bag_of(poor).offers.size(), 2u);
  EXPECT_EQ(cluster.bag_of(hoarder).rescinded.size(), 2u);
}

TEST_P(AllocatorTest, CrumbsAreNotOffered) {
  cluster.add_agent("cpus:0.009;mem:31");
  const FrameworkId f = cluster.add_framework("f");
  EXPECT_TRUE(cluster.bag_of(f).offers.empty());
  cluster.add_agent("cpus:0.01");
  cluster.add_agent("mem:32");
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 2u);
}

TEST_P(AllocatorTest, ASlowFrameworkIsPassedOver) {
  const FrameworkId slow = cluster.add_framework("slow");
  const FrameworkId quick = cluster.add_framework("quick", last());
  cluster.bag_of(slow).slow = true;
  for (int i = 0; i < 3; ++i) cluster.add_agent("cpus:1;mem:100");
  EXPECT_TRUE(cluster.bag_of(slow).offers.empty());
  EXPECT_EQ(cluster.bag_of(quick).offers.size(), 3u);
}

TEST_P(AllocatorTest, ManyAgentsFreedInOneTurnAreOnePass) {
  const FrameworkId f = cluster.add_framework("f");
  for (std::uint64_t i = 0; i < 50; ++i) {
    cluster.register_agent(cluster.new_session(), AgentId(), "cpus:1;mem:100", i + 1);
  }
  // The agents live on shard 0: its pass sends one message for all of them.
  on_turn_end(cluster.shard(0), cluster.outbox(), cluster.now);
  int messages = 0;
  while (cluster.deliver_next()) ++messages;
  EXPECT_EQ(messages, 1);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(f).offers.size(), 50u);
}

INSTANTIATE_TEST_SUITE_P(Shards, AllocatorTest, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
