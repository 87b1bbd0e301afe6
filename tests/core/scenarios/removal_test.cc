// Agents that do not come back: how many of them are given up, and how fast.
#include <algorithm>

#include "core/fleet.h"
#include "core/registry.h"
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class RemovalScenario : public ScenarioTest {
 protected:
  void SetUp() override { cluster.has_registry = true; }

  void limit_removals(RemovalLimits limits) {
    for (std::uint32_t i = 0; i < cluster.size(); ++i) cluster.shard(i).config.removals = limits;
  }
  void disconnect(const std::vector<AgentId>& all, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) cluster.disconnect(all[i]);
  }
  std::size_t given_up(const std::vector<AgentId>& all) {
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [this](AgentId id) {
      return cluster.agent(id).state == AgentState::kUnreachable;
    }));
  }
  void come_back(AgentId id) {
    cluster.register_agent(cluster.new_session(), id, kEach, /*incarnation=*/1, {});
    cluster.settle();
  }

  static constexpr std::string_view kEach = "cpus:1;mem:64";
};

TEST_P(RemovalScenario, HalfOfTheFleetIsGivenUp) {
  const std::vector<AgentId> all = agents(20, kEach);
  disconnect(all, 10);
  cluster.pass_quietly(kAgentReregisterTimeout + seconds(1));
  EXPECT_EQ(given_up(all), 10u);
}

TEST_P(RemovalScenario, MoreThanHalfIsNotUntilSomeAreBack) {
  const std::vector<AgentId> all = agents(20, kEach);
  disconnect(all, 12);
  cluster.pass_quietly(kAgentReregisterTimeout * 3);
  EXPECT_EQ(given_up(all), 0u);
  EXPECT_TRUE(cluster.tables().fleet.is_mostly_silent(50));
  for (std::size_t i = 0; i < 2; ++i) come_back(all[i]);
  EXPECT_FALSE(cluster.tables().fleet.is_mostly_silent(50));
  cluster.pass_quietly(kRemovalRetry + seconds(1));
  EXPECT_EQ(given_up(all), 10u);
  come_back(all[11]);
  EXPECT_EQ(given_up(all), 9u);
}

TEST_P(RemovalScenario, ASmallFleetHasNoLimit) {
  const std::vector<AgentId> all = agents(19, kEach);
  disconnect(all, 19);
  cluster.pass_quietly(kAgentReregisterTimeout + seconds(1));
  EXPECT_EQ(given_up(all), 19u);
}

TEST_P(RemovalScenario, WithoutLimitAllAre) {
  limit_removals({.silent_percent = 100, .recovery_percent = 100, .interval = Duration::zero()});
  const std::vector<AgentId> all = agents(40, kEach);
  disconnect(all, 40);
  cluster.pass_quietly(kAgentReregisterTimeout + milliseconds(1), kAgentReregisterTimeout);
  EXPECT_EQ(given_up(all), 40u);
}

TEST_P(RemovalScenario, OneAfterTheOther) {
  limit_removals({.silent_percent = 50, .recovery_percent = 50, .interval = seconds(1)});
  const std::vector<AgentId> all = agents(40, kEach);
  disconnect(all, 20);
  cluster.pass_quietly(kAgentReregisterTimeout);
  for (std::size_t passed = 0; passed < 20; passed += 4) {
    EXPECT_GE(given_up(all), passed);
    EXPECT_LE(given_up(all), passed + 4);
    cluster.pass_quietly(seconds(4));
  }
  EXPECT_EQ(given_up(all), 20u);
}

TEST_P(RemovalScenario, OneThatIsBackBeforeItsTurnStays) {
  limit_removals({.silent_percent = 50, .recovery_percent = 50, .interval = minutes(1)});
  const std::vector<AgentId> all = agents(40, kEach);
  disconnect(all, 8);
  cluster.pass_quietly(kAgentReregisterTimeout);
  const std::size_t first = given_up(all);
  EXPECT_LE(first, 4u) << "at most one of each shard";
  for (std::size_t i = 0; i < 8; ++i) {
    if (cluster.agent(all[i]).state == AgentState::kDisconnected) come_back(all[i]);
  }
  cluster.pass_quietly(minutes(10), minutes(1));
  EXPECT_EQ(given_up(all), first);
}

TEST_P(RemovalScenario, WhoIsBackLeavesNoGap) {
  limit_removals({.silent_percent = 50, .recovery_percent = 50, .interval = minutes(1)});
  const std::vector<AgentId> all = agents(80, kEach);
  disconnect(all, 40);
  cluster.pass_quietly(kAgentReregisterTimeout);
  std::size_t back = 0;
  for (std::size_t i = 0; i < 40 && back < 32; ++i) {
    if (cluster.agent(all[i]).state != AgentState::kDisconnected) continue;
    come_back(all[i]);
    ++back;
  }
  cluster.pass_quietly(minutes(9), minutes(1));
  EXPECT_EQ(given_up(all), 8u) << "those whose turns came before are back";
}

TEST_P(RemovalScenario, WhoIsBackAndGoesAgainHasItsWholeTime) {
  limit_removals({.silent_percent = 50, .recovery_percent = 50, .interval = minutes(1)});
  const std::vector<AgentId> all = agents(40, kEach);
  disconnect(all, 8);
  cluster.pass_quietly(kAgentReregisterTimeout);
  const std::size_t first = given_up(all);
  for (std::size_t i = 0; i < 8; ++i) {
    if (cluster.agent(all[i]).state != AgentState::kDisconnected) continue;
    come_back(all[i]);
    cluster.disconnect(all[i]);
  }
  cluster.pass_quietly(kAgentReregisterTimeout - minutes(1), minutes(1));
  EXPECT_EQ(given_up(all), first);
  cluster.pass_quietly(minutes(20), minutes(1));
  EXPECT_EQ(given_up(all), 8u);
}

TEST_P(RemovalScenario, AfterARestartMostMustComeBackFirst) {
  limit_removals({.silent_percent = 100, .recovery_percent = 50, .interval = milliseconds(10)});
  const std::vector<AgentId> all = agents(20, kEach);
  cluster.restart_master();
  for (std::size_t i = 0; i < 9; ++i) come_back(all[i]);
  cluster.pass_quietly(kAgentReregisterTimeout * 2);
  EXPECT_EQ(given_up(all), 0u);
  come_back(all[9]);
  cluster.pass_quietly(kRemovalRetry + seconds(1));
  EXPECT_EQ(given_up(all), 10u);
}

INSTANTIATE_TEST_SUITE_P(Shards, RemovalScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
