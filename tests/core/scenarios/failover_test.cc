// Frameworks, agents and masters that go and come back.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using FailoverScenario = ScenarioTest;

TEST_P(FailoverScenario, AFrameworkThatComesBackKeepsItsShare) {
  const FrameworkId a = framework("a");
  agents(2, "cpus:1;mem:100");
  ASSERT_TRUE(launch(a, "t0", "cpus:1;mem:100"));
  ASSERT_TRUE(launch(a, "t1", "cpus:1;mem:100"));
  cluster.disconnect(a);
  const FrameworkId b = framework("b");
  framework({.roles = {"a"}}, a);
  EXPECT_EQ(allocated("a"), "cpus:2;mem:200");
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offers(a), 0u);
  EXPECT_EQ(offers(b), 2u);
}

TEST_P(FailoverScenario, OffersDieWithTheConnection) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agents(4, "cpus:1;mem:100");
  cluster.disconnect(a);
  EXPECT_EQ(offers(b), 4u);
  framework({.roles = {"a"}}, a);
  EXPECT_EQ(offers(a), 0u);
}

TEST_P(FailoverScenario, ANewInstanceTakesTheOffersOver) {
  const FrameworkId a = framework("a");
  agents(2, "cpus:1;mem:100");
  const SessionId old = cluster.session_of(a);
  framework({.roles = {"a"}}, a);
  EXPECT_TRUE(cluster.bag(old).closed);
  EXPECT_EQ(cluster.bag(old).refusals.at(0).first, RefusalCode::kFenced);
  EXPECT_EQ(offers(a), 2u);  // new ones
}

TEST_P(FailoverScenario, AFrameworkThatStaysAwayGivesItsShareUp) {
  const FrameworkId a = framework({.roles = {"a"}, .failover_ms = 10'000});
  const AgentId where = agent("cpus:1;mem:100");
  ASSERT_TRUE(launch(a, "t", "cpus:1;mem:100"));
  cluster.disconnect(a);
  cluster.pass_quietly(seconds(10));
  EXPECT_EQ(bag(where).kills, std::vector<std::string>{"t"});
  EXPECT_EQ(allocated("a"), "cpus:1;mem:100");  // until it has ended
  cluster.update(where, a, "t", TaskState::kKilled);
  EXPECT_EQ(allocated("a"), "none");
}

TEST_P(FailoverScenario, TasksOfAnEarlierMasterCount) {
  const FrameworkId known{home_shard(7, cluster.size()) == 0 ? 7u : 8u};
  AgentOptions options;
  options.tasks = {{known, "t", "", res("cpus:3;mem:300"), TaskState::kRunning, "a"}};
  agent("cpus:4;mem:400", options);
  EXPECT_EQ(allocated("a"), "cpus:3;mem:300");  // before the framework is back
  const FrameworkId b = framework("b");
  EXPECT_EQ(offered(b), "cpus:1;mem:100");
  framework({.roles = {"a"}}, known);
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offers(known), 0u);
  EXPECT_EQ(offers(b), 3u);
}

TEST_P(FailoverScenario, AnAgentThatIsLostTakesItsOffersAlong) {
  const FrameworkId a = framework("a");
  const AgentId gone = agent("cpus:1;mem:100");
  agent("cpus:1;mem:100");
  cluster.disconnect(gone);
  EXPECT_EQ(offers(a), 1u);
  EXPECT_EQ(bag(a).rescinded.size(), 1u);
  EXPECT_EQ(to_string(cluster.tables().shares.total.load()), "cpus:1;mem:100");
  reconnect(gone, "cpus:1;mem:100");
  EXPECT_EQ(offers(a), 2u);
}

TEST_P(FailoverScenario, TasksOfALostAgentCountUntilTheyAreGivenUp) {
  const FrameworkId a = framework("a");
  const AgentId gone = agent("cpus:1;mem:100");
  ASSERT_TRUE(launch(a, "t", "cpus:1;mem:100"));
  cluster.disconnect(gone);
  EXPECT_EQ(allocated("a"), "cpus:1;mem:100");
  for (int i = 0; i < 80; ++i) cluster.pass_quietly(seconds(1));
  EXPECT_EQ(state(a, "t"), TaskState::kUnreachable);
}

TEST_P(FailoverScenario, ReservationsOfALostAgentDoNotCount) {
  const AgentId gone = agent("cpus(eng):2;mem(eng):100");
  EXPECT_EQ(charged("eng"), "cpus:2;mem:100");
  cluster.disconnect(gone);
  EXPECT_EQ(charged("eng"), "none");
  reconnect(gone, "cpus(eng):2;mem(eng):100");
  EXPECT_EQ(charged("eng"), "cpus:2;mem:100");
}

TEST_P(FailoverScenario, AnAcceptThatCrossesTheLossOfTheAgentIsDropped) {
  const FrameworkId a = framework("a");
  const AgentId gone = agent("cpus:1;mem:100");
  Accept message;
  message.offers.push_back(held(a).at(0).id);
  TaskLaunch task;
  task.id = "t";
  task.resources = res("cpus:1");
  message.tasks.push_back(task);
  on_accept(cluster.home(a), cluster.outbox(), a, message, 1, cluster.now);
  cluster.disconnect(gone);
  EXPECT_EQ(state(a, "t"), TaskState::kDropped);
  EXPECT_EQ(allocated("a"), "none");
}

INSTANTIATE_TEST_SUITE_P(Shards, FailoverScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
