// GPUs: scarce, whole, and kept for those who can use them.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using GpuScenario = ScenarioTest;

TEST_P(GpuScenario, AgentsWithGpusAreForThoseWhoCanUseThem) {
  const FrameworkId plain = framework("a");
  const FrameworkId gpu = framework("b", can(Capability::kGpu));
  agent("cpus:4;mem:400;gpus:2");
  EXPECT_EQ(offers(plain), 0u);
  EXPECT_EQ(offered(gpu), "cpus:4;mem:400;gpus:2");
}

TEST_P(GpuScenario, AlsoWhenTheGpusAreInUse) {
  const FrameworkId plain = framework("a");
  const FrameworkId gpu = framework("b", can(Capability::kGpu));
  agent("cpus:4;mem:400;gpus:2");
  ASSERT_TRUE(launch(gpu, "t", "cpus:1;mem:100;gpus:2"));
  EXPECT_EQ(offers(plain), 0u);
  EXPECT_EQ(offered(gpu), "cpus:3;mem:300");
}

TEST_P(GpuScenario, ReservedGpusMakeAGpuAgentToo) {
  const FrameworkId plain = framework("a");
  agent("cpus:4;mem:400;gpus(b):1");
  EXPECT_EQ(offers(plain), 0u);
}

TEST_P(GpuScenario, TheFilterCanBeOff) {
  ShardConfig config;
  config.filter_gpus = false;
  cluster.configure(config);
  const FrameworkId plain = framework("a");
  agent("cpus:4;mem:400;gpus:2");
  EXPECT_EQ(offered(plain), "cpus:4;mem:400;gpus:2");
}

TEST_P(GpuScenario, FrameworksWithTheCapabilitySeeOtherAgentsAsWell) {
  const FrameworkId plain = framework("a");
  const FrameworkId gpu = framework("b", can(Capability::kGpu));
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(plain), 2u);
  EXPECT_EQ(offers(gpu), 2u);
}

TEST_P(GpuScenario, GpusAreADominantResource) {
  const FrameworkId a = framework("a", can(Capability::kGpu));
  agent("cpus:1;mem:100;gpus:4");  // all GPUs that there are
  const FrameworkId b = framework("b", can(Capability::kGpu));
  agents(3, "cpus:4;mem:400");
  EXPECT_EQ(offered(a), "cpus:1;mem:100;gpus:4");
  EXPECT_EQ(offered(b), "cpus:12;mem:1200");
}

INSTANTIATE_TEST_SUITE_P(Shards, GpuScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
