// Fault domains: agents of another region are for frameworks that can cope with that.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class DomainsScenario : public ScenarioTest {
 protected:
  void SetUp() override {
    ShardConfig config;
    config.region = "eu";
    cluster.configure(config);
  }
};

TEST_P(DomainsScenario, RemoteAgentsAreForRegionAwareFrameworks) {
  const FrameworkId local = framework("a");
  const FrameworkId aware = framework("b", can(Capability::kRegionAware));
  agents(2, "cpus:1;mem:100");
  for (int i = 0; i < 3; ++i) agent("cpus:1;mem:100", {.region = "us", .zone = "us-1"});
  EXPECT_EQ(offers(local), 1u);
  EXPECT_EQ(offers(aware), 4u);
}

TEST_P(DomainsScenario, OtherZonesOfTheRegionAreLocal) {
  const FrameworkId local = framework("a");
  agent("cpus:1;mem:100", {.region = "eu", .zone = "eu-1"});
  agent("cpus:1;mem:100", {.region = "eu", .zone = "eu-2"});
  EXPECT_EQ(offers(local), 2u);
}

TEST_P(DomainsScenario, AgentsWithoutADomainAreLocal) {
  const FrameworkId local = framework("a");
  agent("cpus:1;mem:100");
  EXPECT_EQ(offers(local), 1u);
}

TEST_P(DomainsScenario, ReservedAndRemoteIsStillRemote) {
  const FrameworkId local = framework("a");
  const AgentId a = agent("cpus(a):1;mem(a):100", {.region = "us", .zone = "us-1"});
  lend(a, "cpus:4");
  EXPECT_EQ(offers(local), 0u);
}

TEST_P(DomainsScenario, AFrameworkThatLearnsAboutRegionsSeesThem) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100", {.region = "us", .zone = "us-1"});
  EXPECT_EQ(offers(f), 0u);
  cluster.disconnect(f);
  framework({.roles = {"a"}, .capabilities = can(Capability::kRegionAware)}, f);
  EXPECT_EQ(offers(f), 1u);
}

using NoDomainsScenario = ScenarioTest;

TEST_P(NoDomainsScenario, AMasterWithoutARegionHidesNothing) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100", {.region = "us", .zone = "us-1"});
  agent("cpus:1;mem:100", {.region = "eu", .zone = "eu-1"});
  EXPECT_EQ(offers(f), 2u);
}

INSTANTIATE_TEST_SUITE_P(Shards, DomainsScenario, testing::Values(1u, 4u));
INSTANTIATE_TEST_SUITE_P(Shards, NoDomainsScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
