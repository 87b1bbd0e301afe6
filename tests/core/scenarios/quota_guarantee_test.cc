// Quota as a guarantee: kept free for a role, and given to it first.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using QuotaGuaranteeScenario = ScenarioTest;

TEST_P(QuotaGuaranteeScenario, HeadroomIsKeptForARoleWithoutFrameworks) {
  agents(4, "cpus:2;mem:200");
  ASSERT_EQ(guarantee("prod", "cpus:4;mem:400"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offered(dev), "cpus:4;mem:400");
  const FrameworkId prod = framework("prod");
  EXPECT_EQ(offered(prod), "cpus:4;mem:400");
}

TEST_P(QuotaGuaranteeScenario, TheGuaranteedComeFirstWhateverTheirShare) {
  const FrameworkId prod = framework("prod");
  agents(3, "cpus:1;mem:100");
  agents(3, "cpus:1;mem:100");
  ASSERT_EQ(guarantee("prod", "cpus:8;mem:800", /*force=*/true), "");
  const FrameworkId dev = framework("dev");
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offers(prod), 8u);  // 6 of 6, and still the next two
  EXPECT_EQ(offers(dev), 0u);
  agent("cpus:1;mem:100");
  EXPECT_EQ(offers(dev), 1u);  // the guarantee is met: fair shares again
}

TEST_P(QuotaGuaranteeScenario, BeyondItTheShareDecides) {
  agents(10, "cpus:1;mem:100");
  ASSERT_EQ(guarantee("prod", "cpus:2;mem:200"), "");
  const FrameworkId prod = framework("prod");
  suppress(prod);
  decline(prod, 0);
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(dev), 8u);
  revive(prod);
  EXPECT_EQ(offers(prod), 2u);
}

TEST_P(QuotaGuaranteeScenario, HeadroomComesBackWhenTasksEnd) {
  agents(2, "cpus:2;mem:200");
  ASSERT_EQ(guarantee("prod", "cpus:2;mem:200"), "");
  const FrameworkId prod = framework("prod");
  const FrameworkId dev = framework("dev");
  suppress(dev);
  decline(prod, 0);
  ASSERT_TRUE(launch(prod, "t", "cpus:2;mem:200"));
  suppress(prod);
  decline(prod, 0);
  revive(dev);
  EXPECT_EQ(offered(dev), "cpus:2;mem:200");  // the guarantee is met
  finish("t");
  EXPECT_EQ(offered(dev), "cpus:2;mem:200");  // what it gave up is kept for it
  revive(prod);
  EXPECT_EQ(offered(prod), "cpus:2;mem:200");
}

TEST_P(QuotaGuaranteeScenario, ARemovedGuaranteeFreesWhatWasKept) {
  agents(4, "cpus:1;mem:100");
  ASSERT_EQ(guarantee("prod", "cpus:4;mem:400"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(dev), 0u);
  ASSERT_EQ(guarantee("prod", "cpus:1;mem:100"), "");
  EXPECT_EQ(offers(dev), 3u);
  ASSERT_EQ(guarantee("prod", "none"), "");
  EXPECT_EQ(offers(dev), 4u);
}

TEST_P(QuotaGuaranteeScenario, ANewAgentGivesRoomBeyondTheGuarantee) {
  agent("cpus:2;mem:200");
  ASSERT_EQ(guarantee("prod", "cpus:2;mem:200"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(dev), 0u);
  agent("cpus:2;mem:200");
  EXPECT_EQ(offered(dev), "cpus:2;mem:200");
}

TEST_P(QuotaGuaranteeScenario, AnOfferIsCutToWhatIsNotKept) {
  agent("cpus:10;mem:1000");
  ASSERT_EQ(guarantee("prod", "cpus:4;mem:400"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offered(dev), "cpus:6;mem:600");
  const FrameworkId prod = framework("prod");
  EXPECT_EQ(offered(prod), "cpus:4;mem:400");
}

TEST_P(QuotaGuaranteeScenario, ChildrenShareTheGuaranteeOfTheirRole) {
  agents(6, "cpus:1;mem:100");
  ASSERT_EQ(guarantee("prod", "cpus:4;mem:400"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(dev), 2u);
  const FrameworkId web = framework("prod/web");
  EXPECT_EQ(offers(web), 4u);
}

TEST_P(QuotaGuaranteeScenario, ReservationsMeetAGuarantee) {
  agent("cpus(prod):2;mem(prod):200");
  agents(2, "cpus:2;mem:200");
  ASSERT_EQ(guarantee("prod", "cpus:4;mem:400"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offered(dev), "cpus:2;mem:200");
}

TEST_P(QuotaGuaranteeScenario, TwoGuaranteesAreKeptSideBySide) {
  agents(6, "cpus:1;mem:100");
  ASSERT_EQ(guarantee("red", "cpus:2;mem:200"), "");
  ASSERT_EQ(guarantee("blue", "cpus:3;mem:300"), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(dev), 1u);
  const FrameworkId red = framework("red");
  EXPECT_EQ(offers(red), 2u);  // blue's stay free
  const FrameworkId blue = framework("blue");
  EXPECT_EQ(offers(blue), 3u);
}

TEST_P(QuotaGuaranteeScenario, BeyondTheClusterIsRefused) {
  agents(2, "cpus:2;mem:200");
  EXPECT_THAT(guarantee("prod", "cpus:5"),
              testing::HasSubstr("would be cpus:5, but the cluster has cpus:4;mem:400; use force"));
  EXPECT_EQ(guarantee("prod", "cpus:3"), "");
  EXPECT_THAT(guarantee("dev", "cpus:2"), testing::HasSubstr("would be cpus:5"));
  EXPECT_TRUE(row("dev").guarantees.load().empty());
}

TEST_P(QuotaGuaranteeScenario, BeyondTheClusterWithForceKeepsAllOfIt) {
  agents(2, "cpus:2;mem:200");
  ASSERT_EQ(guarantee("prod", "cpus:50;mem:5000", /*force=*/true), "");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(dev), 0u);
  const FrameworkId prod = framework("prod");
  EXPECT_EQ(offers(prod), 2u);
}

TEST_P(QuotaGuaranteeScenario, RevocableResourcesAreNoHeadroom) {
  const AgentId a = agent("cpus:2;mem:200");
  lend(a, "cpus:8");
  EXPECT_NE(guarantee("prod", "cpus:4"), "");
  ASSERT_EQ(guarantee("prod", "cpus:2;mem:200"), "");
  const FrameworkId dev = framework("dev", can(Capability::kRevocable));
  EXPECT_EQ(offered(dev), "cpus{revocable}:8");  // those may go to anybody
}

TEST_P(QuotaGuaranteeScenario, OnlyTopLevelRolesHaveOne) {
  agent("cpus:8;mem:800");
  EXPECT_THAT(guarantee("eng/ads", "cpus:1"), testing::HasSubstr("not a top-level role"));
  EXPECT_THAT(guarantee("eng/ads", "cpus:1", /*force=*/true),
              testing::HasSubstr("not a top-level role"));
}

TEST_P(QuotaGuaranteeScenario, AGuaranteeOverTheLimitIsRefused) {
  agent("cpus:8;mem:800");
  EXPECT_THAT(quota({.configs = {{"prod", parse_quantities("cpus:2", kNoLimit).value(),
                                  amount("cpus:3")}}}),
              testing::HasSubstr("the guarantee of 3 cpus for role 'prod' is over its limit of 2"));
}

TEST_P(QuotaGuaranteeScenario, AGuaranteeAndALimitTogether) {
  agents(6, "cpus:1;mem:100");
  ASSERT_EQ(quota({.configs = {{"prod", parse_quantities("cpus:3", kNoLimit).value(),
                                amount("cpus:3;mem:300")}}}),
            "");
  const FrameworkId prod = framework("prod");
  const FrameworkId dev = framework("dev");
  EXPECT_EQ(offers(prod), 3u);
  EXPECT_EQ(offers(dev), 3u);
}

INSTANTIATE_TEST_SUITE_P(Shards, QuotaGuaranteeScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
