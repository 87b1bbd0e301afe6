// The least that is offered: the master's own idea of a crumb, and each framework's.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using MinimumScenario = ScenarioTest;

TEST_P(MinimumScenario, CrumbsAreKeptTogetherUntilTheyAreWorthAnOffer) {
  const FrameworkId f = framework("eng");
  agent("cpus:2;mem:200");
  ASSERT_TRUE(launch(f, "t", "cpus:1.995;mem:190"));
  EXPECT_EQ(offers(f), 0u);  // 0.005 cpus and 10 MiB
  ASSERT_EQ(counted(&ShardCounters::idle_agents), 0u);
  finish("t");
  EXPECT_EQ(offered(f), "cpus:2;mem:200");
}

TEST_P(MinimumScenario, CpusOrMemoryAloneAreEnough) {
  const FrameworkId f = framework("eng");
  agent("cpus:0.01;mem:1");
  EXPECT_EQ(offered(f), "cpus:0.01;mem:1");
  agent("mem:32");
  EXPECT_EQ(offered(f), "cpus:0.01;mem:33");
  agent("cpus:0.009;mem:31;disk:1000");
  EXPECT_EQ(offers(f), 2u);
}

TEST_P(MinimumScenario, TheMastersMinimumCanBeAnyOfSeveral) {
  ShardConfig config;
  config.minimums = {amount("cpus:2;mem:200"), amount("gpus:1")};
  cluster.configure(config);
  const FrameworkId f = framework("eng", can(Capability::kGpu));
  agent("cpus:2;mem:100");
  agent("cpus:1;mem:500");
  EXPECT_EQ(offers(f), 0u);
  agent("cpus:2;mem:200");
  agent("cpus:0.5;gpus:1");
  EXPECT_EQ(offers(f), 2u);
}

TEST_P(MinimumScenario, WithoutAMinimumEverythingIsOffered) {
  ShardConfig config;
  config.minimums = {Quantities{}};
  cluster.configure(config);
  const FrameworkId f = framework("eng");
  agent("cpus:0.001");
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(MinimumScenario, AFrameworkWantsLargeOffersOnly) {
  const FrameworkId large = framework({.roles = {"eng"}, .minimums = {{"eng", "cpus:4;mem:400"}}});
  agents(3, "cpus:2;mem:800");
  EXPECT_EQ(offers(large), 0u);
  agent("cpus:4;mem:400");
  EXPECT_EQ(offered(large), "cpus:4;mem:400");
}

TEST_P(MinimumScenario, WhatIsTooSmallForOneGoesToTheOther) {
  const FrameworkId large = framework({.roles = {"a"}, .minimums = {{"a", "cpus:4;mem:400"}}});
  const FrameworkId small = framework("b");
  agents(3, "cpus:2;mem:200");
  EXPECT_EQ(offers(small), 3u);
  agent("cpus:8;mem:800");
  EXPECT_EQ(offers(large), 1u);
  ASSERT_TRUE(launch(large, "t", "cpus:6;mem:600"));
  EXPECT_EQ(offered(small), "cpus:8;mem:800");  // the rest of 2 as well
}

TEST_P(MinimumScenario, MinimumsArePerRole) {
  const FrameworkId f = framework({.roles = {"a", "b"}, .minimums = {{"a", "cpus:4;mem:400"}}});
  agents(2, "cpus:2;mem:200");
  EXPECT_EQ(offered(f, "a"), "nothing");
  EXPECT_EQ(offered(f, "b"), "cpus:4;mem:400");
}

TEST_P(MinimumScenario, AFrameworkMayWantLessThanTheMaster) {
  const FrameworkId f = framework({.roles = {"eng"}, .minimums = {{"eng", "disk:1"}}});
  agent("cpus:0.001;mem:1;disk:100");
  EXPECT_EQ(offers(f), 0u);  // the master does not even look at crumbs
}

TEST_P(MinimumScenario, ALimitThatLeavesLessIsNotOffered) {
  ASSERT_EQ(limit("eng", "cpus:3"), "");
  const FrameworkId f = framework({.roles = {"eng"}, .minimums = {{"eng", "cpus:2;mem:32"}}});
  agents(2, "cpus:2;mem:200");
  EXPECT_EQ(offers(f), 1u);  // a second one would have 1
  EXPECT_EQ(charged("eng"), "cpus:2;mem:200");
}

TEST_P(MinimumScenario, ANewMinimumCountsFromTheNextSubscription) {
  const FrameworkId f = framework({.roles = {"eng"}, .minimums = {{"eng", "cpus:4"}}});
  agent("cpus:2;mem:200");
  EXPECT_EQ(offers(f), 0u);
  cluster.disconnect(f);
  framework({.roles = {"eng"}, .minimums = {{"eng", "cpus:1"}}}, f);
  EXPECT_EQ(offers(f), 1u);
}

INSTANTIATE_TEST_SUITE_P(Shards, MinimumScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
