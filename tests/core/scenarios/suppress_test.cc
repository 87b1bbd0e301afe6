// Suppress and revive, with one role and several.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using SuppressScenario = ScenarioTest;

TEST_P(SuppressScenario, OneRoleIsSilentAndTheOtherGoesOn) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  suppress(f, {"a"});
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offered(f, "a"), "nothing");
  EXPECT_EQ(offered(f, "b"), "cpus:4;mem:400");
}

TEST_P(SuppressScenario, WithoutNamesAllRolesAreMeant) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  suppress(f);
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offers(f), 0u);
  revive(f);
  EXPECT_EQ(offered(f, "a"), "cpus:1;mem:100");
  EXPECT_EQ(offered(f, "b"), "cpus:1;mem:100");
}

TEST_P(SuppressScenario, ReviveOfOneOfTwo) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  suppress(f);
  agents(2, "cpus:1;mem:100");
  revive(f, {"b"});
  EXPECT_EQ(offered(f, "a"), "nothing");
  EXPECT_EQ(offered(f, "b"), "cpus:2;mem:200");
}

TEST_P(SuppressScenario, RolesCanBeSuppressedFromTheStart) {
  const FrameworkId f = framework({.roles = {"a", "b"}, .suppressed = {"a"}});
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offered(f, "a"), "nothing");
  EXPECT_EQ(offered(f, "b"), "cpus:2;mem:200");
  revive(f, {"a"});
  agent("cpus:1;mem:100");
  EXPECT_EQ(offered(f, "a"), "cpus:1;mem:100");
}

TEST_P(SuppressScenario, OpenOffersStayGood) {
  const FrameworkId f = framework("a");
  agent("cpus:2;mem:200");
  suppress(f);
  EXPECT_EQ(offers(f), 1u);
  EXPECT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  EXPECT_EQ(offers(f), 0u);  // the rest does not come back
}

TEST_P(SuppressScenario, WhatOneDoesNotWantGoesToTheOthers) {
  const FrameworkId quiet = framework("a");
  const FrameworkId other = framework("b");
  suppress(quiet);
  agents(6, "cpus:1;mem:100");
  EXPECT_EQ(offers(other), 6u);
  EXPECT_EQ(offers(quiet), 0u);
}

TEST_P(SuppressScenario, ARevivedFrameworkGetsTheNextUpToItsShare) {
  const FrameworkId quiet = framework("a");
  const FrameworkId other = framework("b");
  suppress(quiet);
  agents(2, "cpus:1;mem:100");
  revive(quiet);
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(quiet), 3u);
  EXPECT_EQ(offers(other), 3u);
}

TEST_P(SuppressScenario, OneFrameworkOfARoleIsSilentForItselfOnly) {
  const FrameworkId quiet = framework("eng");
  const FrameworkId other = framework("eng");
  suppress(quiet, {"eng"});
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offers(other), 2u);
}

TEST_P(SuppressScenario, SuppressAndReviveCanBeRepeated) {
  const FrameworkId f = framework("a");
  suppress(f);
  suppress(f);
  agent("cpus:1;mem:100");
  revive(f);
  revive(f);
  EXPECT_EQ(offers(f), 1u);
  EXPECT_TRUE(bag(f).refusals.empty());
}

TEST_P(SuppressScenario, RolesThatAreNotItsOwnAreRefused) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  suppress(f, {"a", "c"});
  agents(2, "cpus:1;mem:100");
  ASSERT_EQ(bag(f).refusals.size(), 1u);
  EXPECT_EQ(bag(f).refusals[0].first, RefusalCode::kInvalid);
  EXPECT_THAT(bag(f).refusals[0].second, testing::HasSubstr("does not subscribe to role 'c'"));
  EXPECT_EQ(offered(f, "a"), "cpus:1;mem:100");  // nothing of the call was done
  revive(f, {"c"});
  EXPECT_EQ(bag(f).refusals.size(), 2u);
}

TEST_P(SuppressScenario, TheNextSubscriptionSaysAnewWhatIsSuppressed) {
  const FrameworkId f = framework("a");
  suppress(f);
  agent("cpus:1;mem:100");
  cluster.disconnect(f);
  framework({.roles = {"a"}}, f);
  EXPECT_EQ(offers(f), 1u);
}

// An offer that was on its way when the framework suppressed goes back by itself.
TEST_P(SuppressScenario, AnOfferThatCrossesTheCallReturns) {
  const FrameworkId f = framework("a");
  const FrameworkId other = framework("b");
  suppress(other);
  const SessionId session = cluster.new_session();
  cluster.register_agent(session, AgentId(), "cpus:1;mem:100", session.value, {}, last());
  cluster.end_turns();
  on_suppress(cluster.home(f), cluster.outbox(), f, {}, 1, cluster.now);
  cluster.settle();
  EXPECT_EQ(offers(f), 0u);
  EXPECT_EQ(bag(f).offers.size(), 0u);
  revive(other);
  EXPECT_EQ(offers(other), 1u);
}

INSTANTIATE_TEST_SUITE_P(Shards, SuppressScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
