#include "core/operator_handlers.h"

#include <gtest/gtest.h>

#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

class OperatorHandlersTest : public ShardedTest {
 protected:
  void SetUp() override {
    for (std::uint32_t i = 0; i < 8; ++i) {
      agent = cluster.add_agent("cpus:4;mem:1000", i % GetParam());
    }
    framework = cluster.add_framework("f", last());
    const SeenOffer offer = cluster.bag_of(framework).offers.at(0);
    task_agent = offer.agent;
    cluster.accept(framework, {offer.id}, {{"t", "cpus:1"}}, 1'000'000);
    session = cluster.new_session();
  }

  ClusterView ask(QueryKind kind, std::string_view id = {}) {
    on_query(cluster.shard(last()), cluster.outbox(), session, {kind, id}, 5, cluster.now);
    cluster.settle();
    return cluster.bag(session).answers.back();
  }

  AgentId agent;
  AgentId task_agent;
  FrameworkId framework;
  SessionId session;
};

TEST_P(OperatorHandlersTest, OneAnswerFromAllShards) {
  EXPECT_EQ(ask(QueryKind::kAgents).agents.size(), 8u);
  EXPECT_EQ(ask(QueryKind::kFrameworks).frameworks.size(), 1u);
  EXPECT_EQ(ask(QueryKind::kOffers).offers.size(), 7u);
  const ClusterView tasks = ask(QueryKind::kTasks);
  ASSERT_EQ(tasks.tasks.size(), 1u);
  EXPECT_EQ(tasks.tasks[0].agent, task_agent);
  EXPECT_EQ(cluster.bag(session).answers.size(), 4u);
}

TEST_P(OperatorHandlersTest, TheClusterIsSummedUp) {
  const ClusterSummary c = ask(QueryKind::kCluster).cluster;
  EXPECT_EQ(c.cluster_id, 42u);
  EXPECT_EQ(c.reactors, GetParam());
  EXPECT_EQ(c.agents_active, 8u);
  EXPECT_EQ(c.frameworks_active, 1u);
  EXPECT_EQ(c.tasks_active, 1u);
  EXPECT_EQ(c.offers, 7u);
  EXPECT_EQ(c.total.cpus, 32'000);
  EXPECT_EQ(c.used.cpus, 1000);
  EXPECT_EQ(c.offered.cpus, 28'000);
}

TEST_P(OperatorHandlersTest, OneObjectByItsId) {
  EXPECT_EQ(ask(QueryKind::kAgents, to_string(agent)).agents.at(0).id, agent);
  EXPECT_TRUE(ask(QueryKind::kAgents, "a-0000000000000001").agents.empty());
  EXPECT_EQ(ask(QueryKind::kFrameworks, to_string(framework)).frameworks.at(0).allocated.cpus,
            29'000);
  EXPECT_EQ(ask(QueryKind::kTasks, "t").tasks.size(), 1u);
}

TEST_P(OperatorHandlersTest, KillFindsTheTaskThroughItsFramework) {
  KillTask kill;
  kill.framework = framework;
  kill.task = "t";
  on_operator_kill(cluster.shard(0), cluster.outbox(), session, kill, 1);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(task_agent).kills, std::vector<std::string>{"t"});
  EXPECT_EQ(cluster.bag(session).done, 1);
  kill.task = "ghost";
  on_operator_kill(cluster.shard(0), cluster.outbox(), session, kill, 1);
  cluster.settle();
  EXPECT_EQ(cluster.bag(session).refusals.at(0).first, RefusalCode::kNotFound);
}

TEST_P(OperatorHandlersTest, TeardownEndsAFramework) {
  on_operator_teardown(cluster.shard(0), cluster.outbox(), session, {framework}, 1);
  cluster.settle();
  EXPECT_EQ(cluster.bag(session).done, 1);
  EXPECT_EQ(cluster.bag_of(task_agent).kills, std::vector<std::string>{"t"});
  EXPECT_EQ(ask(QueryKind::kFrameworks).frameworks.at(0).state, FrameworkState::kCompleted);
  on_operator_teardown(cluster.shard(0), cluster.outbox(), session, {framework}, 1);
  cluster.settle();
  EXPECT_EQ(cluster.bag(session).refusals.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Shards, OperatorHandlersTest, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
