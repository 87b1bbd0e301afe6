// What the registry forgets: agents that have been away for long, or that are too many.
#include "core/registry_gc.h"

#include <algorithm>
#include <chrono>

#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class RegistryGcScenario : public ScenarioTest {
 protected:
  void SetUp() override { cluster.has_registry = true; }

  // All that are there become unreachable, in this order, a second after each other.
  void lose(const std::vector<AgentId>& ids) {
    for (const AgentId id : ids) {
      cluster.disconnect(id);
      cluster.pass_quietly(seconds(1));
    }
    cluster.pass_quietly(kAgentReregisterTimeout);
  }
  std::size_t collect(const RegistryGcLimits& limits) {
    std::size_t forgotten = 0;
    for (std::uint32_t i = 0; i < cluster.size(); ++i) {
      forgotten += forget_old_agents(cluster.shard(i), cluster.outbox(), limits, cluster.now);
    }
    cluster.settle();
    return forgotten;
  }
  std::size_t known(const std::vector<AgentId>& ids) {
    return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [this](AgentId id) {
      return cluster.registry.find(id) != nullptr;
    }));
  }
};

TEST_P(RegistryGcScenario, AnAgentIsForgottenWhenItHasBeenAwayForLong) {
  const FrameworkId owner = framework("dev", can(Capability::kPartitionAware));
  const std::vector<AgentId> ids = agents(4, "cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  lose({ids[0], ids[1], ids[2]});
  RegistryGcLimits limits;
  limits.max_agent_age = std::chrono::hours(1);
  EXPECT_EQ(collect(limits), 0u);
  cluster.pass_quietly(std::chrono::minutes(59));
  EXPECT_EQ(known(ids), 4u);
  cluster.pass_quietly(std::chrono::minutes(2));
  EXPECT_EQ(collect(limits), 3u);
  EXPECT_EQ(known(ids), 1u) << "the one that is there stays";
  EXPECT_NE(cluster.registry.find(ids[3]), nullptr);
  for (const AgentId id : {ids[0], ids[1], ids[2]}) {
    EXPECT_EQ(cluster.home(id).find_agent(id), nullptr);
  }
  EXPECT_EQ(collect(limits), 0u);
}

TEST_P(RegistryGcScenario, TheTimeGoesOnWithTheNextMaster) {
  const AgentId id = agent("cpus:4;mem:64");
  lose({id});
  RegistryGcLimits limits;
  limits.max_agent_age = std::chrono::hours(1);
  cluster.pass_quietly(std::chrono::minutes(40));
  cluster.restart_master();
  EXPECT_EQ(collect(limits), 0u);
  cluster.pass_quietly(std::chrono::minutes(30));
  EXPECT_EQ(collect(limits), 1u);
  EXPECT_EQ(cluster.registry.find(id), nullptr);
}

TEST_P(RegistryGcScenario, OneThatCameBackIsNotForgotten) {
  const AgentId id = agent("cpus:4;mem:64");
  lose({id});
  const SessionId session = cluster.new_session();
  cluster.register_agent(session, id, "cpus:4;mem:64", /*incarnation=*/1, {});
  cluster.settle();
  cluster.pass_quietly(std::chrono::hours(2));
  RegistryGcLimits limits;
  limits.max_agent_age = std::chrono::hours(1);
  limits.max_agents = 1;
  EXPECT_EQ(collect(limits), 0u);
  EXPECT_EQ(cluster.agent(id).state, AgentState::kActive);
}

TEST_P(RegistryGcScenario, OfTooManyTheLongestAwayAreForgotten) {
  const std::vector<AgentId> ids = agents(12, "cpus:4;mem:64");
  lose(ids);
  RegistryGcLimits limits;
  limits.max_agents = cluster.size() * 2;
  collect(limits);
  EXPECT_LE(known(ids), limits.max_agents);
  // Of each shard the newest two: none that is forgotten was there after one that is known.
  std::vector<std::size_t> seen(cluster.size());
  for (auto it = ids.rbegin(); it != ids.rend(); ++it) {
    const std::uint32_t home = cluster.home(*it).config.index;
    const bool is_known = cluster.registry.find(*it) != nullptr;
    EXPECT_EQ(is_known, seen[home]++ < 2) << to_string(*it);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, RegistryGcScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
