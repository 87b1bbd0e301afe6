// Filters: what a framework refused is kept from it, per agent, role and amount, for a while.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using FiltersScenario = ScenarioTest;

TEST_P(FiltersScenario, OneAgentIsHiddenAndTheOthersAreNot) {
  const FrameworkId f = framework("eng");
  const AgentId refused = agent("cpus:1;mem:100");
  decline(f, 30'000);
  const AgentId other = agent("cpus:1;mem:100");
  ASSERT_EQ(offers(f), 1u);
  EXPECT_EQ(held(f)[0].agent, other);
  cluster.pass_quietly(seconds(30));
  EXPECT_EQ(offers(f), 2u);
  EXPECT_EQ(held(f)[1].agent, refused);
}

TEST_P(FiltersScenario, OneRoleIsHiddenAndTheOthersAreNot) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  agent("cpus:1;mem:100");
  const std::string first = held(f).at(0).role;
  decline(f, 60'000);
  ASSERT_EQ(offers(f), 1u);
  EXPECT_NE(held(f)[0].role, first);
  decline(f, 60'000);
  EXPECT_EQ(offers(f), 0u);
}

TEST_P(FiltersScenario, OneFrameworkOfARoleDoesNotRefuseForTheOthers) {
  const FrameworkId a = framework("eng");
  const FrameworkId b = framework("eng");
  agent("cpus:1;mem:100");
  decline(a, 60'000);
  EXPECT_EQ(offers(b), 1u);
}

TEST_P(FiltersScenario, NoRefuseTimeIsNoFilter) {
  const FrameworkId f = framework("eng");
  agent("cpus:1;mem:100");
  for (int i = 0; i < 3; ++i) decline(f, 0);
  EXPECT_EQ(offers(f), 1u);
  EXPECT_EQ(bag(f).offers.size(), 4u);
}

TEST_P(FiltersScenario, TheDefaultIsFiveSeconds) {
  const FrameworkId f = framework("eng");
  agent("cpus:1;mem:100");
  decline(f, -1);
  cluster.pass_quietly(milliseconds(4999));
  EXPECT_EQ(offers(f), 0u);
  cluster.pass_quietly(milliseconds(1));
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(FiltersScenario, ThreeHundredSixtyFiveDaysAreTheMost) {
  const FrameworkId f = framework("eng");
  agent("cpus:1;mem:100");
  decline(f, std::numeric_limits<std::int64_t>::max());
  cluster.pass_quietly(hours(365 * 24) - hours(1), hours(240));
  EXPECT_EQ(offers(f), 0u);
  cluster.pass_quietly(hours(1), hours(1));
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(FiltersScenario, TheRestOfAnAcceptedOfferIsFiltered) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100", 10'000));
  EXPECT_EQ(offers(f), 0u);
  cluster.pass_quietly(seconds(10));
  EXPECT_EQ(offered(f), "cpus:3;mem:300");
}

TEST_P(FiltersScenario, MoreThanWasRefusedIsNotHidden) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100", 3'600'000));
  EXPECT_EQ(offers(f), 0u);
  finish("t");
  EXPECT_EQ(offered(f), "cpus:4;mem:400");
}

TEST_P(FiltersScenario, LessThanWasRefusedIsHidden) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agent("cpus:4;mem:400");
  decline(a, 3'600'000);
  ASSERT_TRUE(launch(b, "t", "cpus:1;mem:100", 3'600'000));
  EXPECT_EQ(offers(a), 0u);
  EXPECT_EQ(offers(b), 0u);
}

TEST_P(FiltersScenario, MoreOfOneKindIsMore) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400;ports:[1-10]");
  ASSERT_TRUE(launch(f, "t", "ports:[1-1]", 3'600'000));
  EXPECT_EQ(offers(f), 0u);
  finish("t");
  EXPECT_EQ(offered(f), "cpus:4;mem:400;ports:[1-10]");
}

TEST_P(FiltersScenario, EachFilterEndsInItsOwnTime) {
  const FrameworkId f = framework("eng");
  const AgentId late = agent("cpus:1;mem:100");
  decline(f, 20'000);
  const AgentId soon = agent("cpus:1;mem:100");
  decline(f, 10'000);
  cluster.pass_quietly(seconds(10));
  ASSERT_EQ(offers(f), 1u);
  EXPECT_EQ(held(f)[0].agent, soon);
  cluster.pass_quietly(seconds(10));
  ASSERT_EQ(offers(f), 2u);
  EXPECT_EQ(held(f)[1].agent, late);
}

// A shorter filter over a longer one does not shorten it.
TEST_P(FiltersScenario, TheLongestRefusalCounts) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100", 100'000));  // <3, 300> for 100 s
  finish("t");
  decline(f, 10'000);  // <4, 400> for 10 s
  cluster.pass_quietly(seconds(10));
  EXPECT_EQ(offered(f), "cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "u", "cpus:1;mem:100", 0));
  EXPECT_EQ(offers(f), 0u);  // the first one is still there
  cluster.pass_quietly(seconds(90));
  EXPECT_EQ(offered(f), "cpus:3;mem:300");
}

TEST_P(FiltersScenario, AReviveForgetsAllFilters) {
  const FrameworkId f = framework("eng");
  agents(4, "cpus:1;mem:100");
  decline(f, 3'600'000);
  EXPECT_EQ(offers(f), 0u);
  revive(f);
  EXPECT_EQ(offers(f), 4u);
}

TEST_P(FiltersScenario, AReviveOfOneRoleForgetsItsFiltersOnly) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  agents(2, "cpus:1;mem:100");
  decline(f, 3'600'000);
  decline(f, 3'600'000);  // each agent came back in the other role
  EXPECT_EQ(offers(f), 0u);
  revive(f, {"b"});
  EXPECT_EQ(offered(f, "a"), "nothing");
  EXPECT_EQ(offered(f, "b"), "cpus:2;mem:200");
}

TEST_P(FiltersScenario, AReviveForgetsNobodyElsesFilters) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agent("cpus:1;mem:100");
  decline(a, 3'600'000);
  decline(b, 3'600'000);
  revive(a);
  EXPECT_EQ(offers(a), 1u);
  decline(a, 3'600'000);
  EXPECT_EQ(offers(b), 0u);
}

TEST_P(FiltersScenario, ASuppressedFrameworkKeepsItsFilters) {
  const FrameworkId f = framework({.roles = {"a"}});
  const AgentId refused = agent("cpus:1;mem:100");
  decline(f, 10'000);
  suppress(f);
  cluster.pass_quietly(seconds(10));
  EXPECT_EQ(offers(f), 0u);
  revive(f);
  ASSERT_EQ(offers(f), 1u);
  EXPECT_EQ(held(f)[0].agent, refused);
}

TEST_P(FiltersScenario, AFrameworkThatComesBackHasNoFilters) {
  const FrameworkId f = framework("eng");
  agent("cpus:1;mem:100");
  decline(f, 3'600'000);
  cluster.disconnect(f);
  framework({.roles = {"eng"}}, f);
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(FiltersScenario, AnAgentThatComesBackIsOfferedUnlessItIsFiltered) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:1;mem:100");
  decline(f, 60'000);
  cluster.disconnect(a);
  reconnect(a, "cpus:1;mem:100");
  EXPECT_EQ(offers(f), 0u);
  cluster.disconnect(a);
  reconnect(a, "cpus:2;mem:100");  // it has grown
  EXPECT_EQ(offered(f), "cpus:2;mem:100");
}

INSTANTIATE_TEST_SUITE_P(Shards, FiltersScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
