// What agents lend beyond their own: for those who can cope with losing it, outside of quotas.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using RevocableScenario = ScenarioTest;

TEST_P(RevocableScenario, OnlyForThoseWhoCanCope) {
  const FrameworkId plain = framework("a");
  const FrameworkId brave = framework("b", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  EXPECT_EQ(offered(plain), "cpus:1;mem:100");
  EXPECT_EQ(offered(brave), "cpus{revocable}:4");
}

TEST_P(RevocableScenario, ItIsNotChargedToTheQuota) {
  ASSERT_EQ(limit("eng", "cpus:1"), "");
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:8;mem:100");
  lend(a, "cpus:4");
  EXPECT_EQ(offered(f), "cpus:1;mem:100;cpus{revocable}:4");
  EXPECT_EQ(charged("eng"), "cpus:1;mem:100");
}

TEST_P(RevocableScenario, ARoleAtItsLimitStillGetsIt) {
  ASSERT_EQ(limit("eng", "cpus:0"), "");
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:8;mem:100");
  lend(a, "cpus:4");
  EXPECT_EQ(offered(f), "cpus{revocable}:4");
}

TEST_P(RevocableScenario, ATaskTakesItOnlyByName) {
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  decline(f, 0);  // both parts in one offer now
  EXPECT_FALSE(launch(f, "t", "cpus:3;mem:10"));
  EXPECT_TRUE(launch(f, "u", "cpus{revocable}:3"));
}

TEST_P(RevocableScenario, WhatIsTakenBackIsRescinded) {
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  ASSERT_EQ(offers(f), 2u);
  lend(a, "nothing");
  EXPECT_EQ(bag(f).rescinded.size(), 1u);
  EXPECT_EQ(offered(f), "cpus:1;mem:100");
  EXPECT_EQ(counted(&ShardCounters::rescinded_revocable), 1u);
}

TEST_P(RevocableScenario, LessOrMoreReplacesWhatWasLent) {
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  lend(a, "cpus:2");
  EXPECT_EQ(offered(f), "cpus:1;mem:100;cpus{revocable}:2");
  lend(a, "cpus:6");
  EXPECT_EQ(offered(f), "cpus:1;mem:100;cpus{revocable}:6");
  lend(a, "cpus:6");  // the same again: nothing happens
  EXPECT_EQ(bag(f).rescinded.size(), 2u);
}

TEST_P(RevocableScenario, ATaskOnWhatIsTakenBackKeepsItUntilItEnds) {
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  ASSERT_TRUE(launch(f, "t", "cpus{revocable}:3"));
  lend(a, "cpus:2");
  EXPECT_EQ(offered(f), "cpus:1;mem:100");  // nothing of the 2: they are overcommitted
  finish("t");
  EXPECT_EQ(offered(f), "cpus:1;mem:100;cpus{revocable}:2");
}

TEST_P(RevocableScenario, ItCountsInShares) {
  const FrameworkId brave = framework("a", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  const FrameworkId plain = framework("b");
  agents(3, "cpus:1;mem:10");
  EXPECT_EQ(offers(plain), 3u);  // 3 of 8 cpus, against 5
  EXPECT_EQ(offers(brave), 2u);
}

TEST_P(RevocableScenario, AnAgentThatComesBackLendsAnew) {
  const FrameworkId f = framework("eng", can(Capability::kRevocable));
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  cluster.disconnect(a);
  EXPECT_EQ(offers(f), 0u);
  reconnect(a, "cpus:1;mem:100");
  EXPECT_EQ(offered(f), "cpus:1;mem:100");
  lend(a, "cpus:3");
  EXPECT_EQ(offered(f), "cpus:1;mem:100;cpus{revocable}:3");
}

TEST_P(RevocableScenario, ItCannotBeReserved) {
  const AgentId a = agent("cpus:1;mem:100");
  lend(a, "cpus:4");
  EXPECT_NE(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):3"), "");
  EXPECT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):1"), "");
}

INSTANTIATE_TEST_SUITE_P(Shards, RevocableScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
