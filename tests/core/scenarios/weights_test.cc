// Weights of roles, and lots that are drawn by weight.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using WeightsScenario = ScenarioTest;

TEST_P(WeightsScenario, AWeightOfTwoIsTwiceTheShare) {
  ASSERT_EQ(weight("big", 2000), "");
  const FrameworkId big = framework("big");
  const FrameworkId small = framework("small");
  agents(12, "cpus:1;mem:100");
  EXPECT_EQ(offers(big), 8u);
  EXPECT_EQ(offers(small), 4u);
}

TEST_P(WeightsScenario, AFractionIsAWeight) {
  ASSERT_EQ(weight("half", 500), "");
  const FrameworkId half = framework("half");
  const FrameworkId one = framework("one");
  const FrameworkId other = framework("other");
  agents(10, "cpus:1;mem:100");
  EXPECT_EQ(offers(half), 2u);
  EXPECT_EQ(offers(one), 4u);
  EXPECT_EQ(offers(other), 4u);
}

TEST_P(WeightsScenario, WeightsOfChildrenDivideTheSharesOfTheirParent) {
  ASSERT_EQ(weight("eng/ads", 3000), "");
  const FrameworkId ads = framework("eng/ads");
  const FrameworkId web = framework("eng/web");
  const FrameworkId ops = framework("ops");
  agents(16, "cpus:1;mem:100");
  EXPECT_EQ(offers(ops), 8u);
  EXPECT_EQ(offers(ads), 6u);
  EXPECT_EQ(offers(web), 2u);
}

TEST_P(WeightsScenario, AWeightCountsForTheNextDecision) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(a), 2u);
  ASSERT_EQ(weight("a", 3000), "");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(a), 6u);  // 6 : 2 is 3 : 1
  EXPECT_EQ(offers(b), 2u);
  ASSERT_EQ(weight("a", 1000), "");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(b), 6u);
}

TEST_P(WeightsScenario, AWeightOfARoleWithoutFrameworksWaitsForThem) {
  ASSERT_EQ(weight("later", 4000), "");
  const FrameworkId now = framework("now");
  const FrameworkId later = framework("later");
  agents(10, "cpus:1;mem:100");
  EXPECT_EQ(offers(now), 2u);
  EXPECT_EQ(offers(later), 8u);
  EXPECT_EQ(role("later").weight, 4000);
}

TEST_P(WeightsScenario, WithinARoleFrameworksHaveNoWeight) {
  ASSERT_EQ(weight("eng", 5000), "");
  const FrameworkId a = framework("eng");
  const FrameworkId b = framework("eng");
  agents(6, "cpus:1;mem:100");
  EXPECT_EQ(offers(a), 3u);
  EXPECT_EQ(offers(b), 3u);
}

TEST_P(WeightsScenario, ImpossibleWeightsAreRefusedAsAWhole) {
  for (const Milli bad : {Milli{0}, Milli{-1000}, Milli{kMaxWeightMilli + 1}}) {
    EXPECT_THAT(weight("eng", bad), testing::HasSubstr("weight of role 'eng' must be from 0.001"));
  }
  EXPECT_THAT(weight("eng//ads", 1000), testing::HasSubstr("two slashes"));
  const SessionId session = cluster.new_session();
  UpdateWeights message;
  message.weights = {{"good", 2000}, {"bad", 0}};
  on_update_weights(cluster.shard(), cluster.outbox(), session, message, 1, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.bag(session).refusals.size(), 1u);
  EXPECT_EQ(row("good").weight.load(), kDefaultWeight);
}

// With kRandom whoever is next is drawn in proportion to the weights, whatever is held.
TEST_P(WeightsScenario, ARandomShareIsInProportionToTheWeights) {
  ShardConfig config;
  config.share_policy = SharePolicy::kRandom;
  cluster.configure(config);
  ASSERT_EQ(weight("three", 3000), "");
  const FrameworkId one = framework("one");
  const FrameworkId three = framework("three");
  agent("cpus:1;mem:100");
  constexpr int kRounds = 2000;
  for (int i = 0; i < kRounds; ++i) decline(offers(one) > 0 ? one : three, 0);
  const auto part = static_cast<double>(bag(one).offers.size()) / (kRounds + 1);
  EXPECT_NEAR(part, 0.25, 0.04);  // four standard deviations
}

TEST_P(WeightsScenario, ARandomShareIsDrawnWithinARoleToo) {
  ShardConfig config;
  config.share_policy = SharePolicy::kRandom;
  cluster.configure(config);
  const std::vector<FrameworkId> all = {framework("eng"), framework("eng"), framework("eng/ads")};
  agent("cpus:1;mem:100");
  constexpr int kRounds = 2000;
  for (int i = 0; i < kRounds; ++i) {
    for (const FrameworkId f : all) {
      if (offers(f) == 0) continue;
      decline(f, 0);
      break;
    }
  }
  const auto part = [&](FrameworkId f) {
    return static_cast<double>(bag(f).offers.size()) / kRounds;
  };
  EXPECT_NEAR(part(all[0]), 0.25, 0.04);  // the members of "eng" are one child beside "eng/ads"
  EXPECT_NEAR(part(all[1]), 0.25, 0.04);
  EXPECT_NEAR(part(all[2]), 0.5, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Shards, WeightsScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
