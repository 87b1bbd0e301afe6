// Why a framework has no offer: each agent under the first cause that rules it out.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using Cause = ExplainCause;
using ExplainScenario = ScenarioTest;

TEST_P(ExplainScenario, ATaskLargerThanAnyAgent) {
  const FrameworkId f = framework("a");
  agents(2, "cpus:4;mem:400");
  agent("cpus:2;mem:900");
  const Explanation e = why(f, "cpus:4;mem:900");
  EXPECT_EQ(count(e, Cause::kTooSmall), 3u);
  EXPECT_EQ(e.agents, 3u);
  EXPECT_EQ(e.verdict,
            "no agent is large enough for cpus:4;mem:900: the largest have cpus:4;mem:900");
}

TEST_P(ExplainScenario, AnOfferThatIsThere) {
  const FrameworkId f = framework("a");
  agents(2, "cpus:4;mem:400");
  const Explanation e = why(f, "cpus:4");
  EXPECT_EQ(count(e, Cause::kOffered), 2u);
  EXPECT_THAT(e.verdict, testing::HasSubstr("only to accept"));
}

TEST_P(ExplainScenario, InUseOrOfferedToOthers) {
  const FrameworkId f = framework("a");
  const FrameworkId g = framework("b");
  suppress(f);
  agents(3, "cpus:4;mem:400");
  ASSERT_TRUE(launch(g, "t", "cpus:2;mem:400"));
  const Explanation e = why(f, "cpus:3");
  EXPECT_EQ(count(e, Cause::kInUse), 1u);
  EXPECT_EQ(count(e, Cause::kOfferedToOthers), 2u);
  EXPECT_TRUE(e.suppressed);
  EXPECT_THAT(e.verdict, testing::HasSubstr("must revive"));
}

TEST_P(ExplainScenario, ReservedForOthers) {
  const FrameworkId f = framework("a");
  agent("cpus(b):4;mem:400");
  agent("cpus(a):4;mem:400");
  const Explanation e = why(f, "cpus:4");
  EXPECT_EQ(count(e, Cause::kReserved), 1u);
  EXPECT_EQ(count(e, Cause::kOffered), 1u);
}

TEST_P(ExplainScenario, GpuRegionAndConstraint) {
  ShardConfig config;
  config.region = "eu";
  cluster.configure(config);
  const FrameworkId f =
      framework({.roles = {"a"},
                 .constraints = {constraint("a", ConstraintTarget::kHostname, "",
                                            ConstraintTest::kTextNotEquals, "bad")}});
  agent("cpus:1;mem:100;gpus:1");
  agent("cpus:1;mem:100", {.region = "us", .zone = "us-1"});
  agent("cpus:1;mem:100", {.hostname = "bad"});
  const Explanation e = why(f);
  EXPECT_EQ(count(e, Cause::kGpu), 1u);
  EXPECT_EQ(count(e, Cause::kRegion), 1u);
  EXPECT_EQ(count(e, Cause::kConstraint), 1u);
}

TEST_P(ExplainScenario, FilteredByItself) {
  const FrameworkId f = framework("a");
  agents(3, "cpus:1;mem:100");
  decline(f, 3'600'000);
  const Explanation e = why(f);
  EXPECT_EQ(count(e, Cause::kFiltered), 3u);
  EXPECT_EQ(e.verdict, "3 agents: 3 hidden by its own filters");
}

TEST_P(ExplainScenario, TheQuotaOfTheRoleOrOneAbove) {
  ASSERT_EQ(limit("eng", "cpus:0"), "");
  const FrameworkId f = framework("eng/ads");
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(count(why(f), Cause::kQuota), 2u);
}

TEST_P(ExplainScenario, HeadroomForGuarantees) {
  agents(2, "cpus:1;mem:100");
  ASSERT_EQ(guarantee("prod", "cpus:2;mem:200"), "");
  const FrameworkId f = framework("dev");
  EXPECT_EQ(count(why(f), Cause::kHeadroom), 2u);
}

TEST_P(ExplainScenario, CrumbsAndAgentsThatAreAway) {
  const FrameworkId f = framework("a");
  agent("cpus:0.001");
  const AgentId away = agent("cpus:1;mem:100");
  cluster.disconnect(away);
  const Explanation e = why(f);
  EXPECT_EQ(count(e, Cause::kCrumb), 1u);
  EXPECT_EQ(count(e, Cause::kNotActive), 1u);
}

TEST_P(ExplainScenario, TheBestOfSeveralRolesCounts) {
  ASSERT_EQ(limit("a", "cpus:0"), "");
  const FrameworkId f = framework({.roles = {"a", "b"}});
  agent("cpus:1;mem:100");
  EXPECT_EQ(count(why(f), Cause::kOffered), 1u);
  decline(f, 3'600'000);
  EXPECT_EQ(count(why(f, "", "b"), Cause::kFiltered), 1u);
  EXPECT_EQ(count(why(f, "", "a"), Cause::kQuota), 1u);
}

TEST_P(ExplainScenario, QuotaComesBeforeFilters) {
  const FrameworkId f = framework("a");
  agents(2, "cpus:1;mem:100");
  decline(f, 3'600'000);
  ASSERT_EQ(limit("a", "cpus:0"), "");
  const Explanation e = why(f);
  EXPECT_EQ(count(e, Cause::kQuota), 2u);
  EXPECT_EQ(count(e, Cause::kFiltered), 0u);
}

TEST_P(ExplainScenario, ItsOwnOffersAreNotThoseOfOthers) {
  const FrameworkId f = framework("a");
  const FrameworkId g = framework("b");
  suppress(f);
  agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(g, "t", "cpus:3;mem:300"));
  suppress(g);
  decline(g, 0);
  revive(f);
  EXPECT_EQ(count(why(f, "cpus:4"), Cause::kInUse), 1u);
  finish("t");
  // 1 offered before, 3 now: one answer may take both.
  EXPECT_EQ(held(f).size(), 2u);
  EXPECT_EQ(count(why(f, "cpus:4"), Cause::kOffered), 1u);
  EXPECT_EQ(count(why(g, "cpus:4"), Cause::kOfferedToOthers), 1u);
}

TEST_P(ExplainScenario, NotSubscribedInThatRole) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100");
  EXPECT_EQ(why(f, "", "b").verdict, "the framework is not subscribed in the role b");
}

TEST_P(ExplainScenario, NoSuchFrameworkOrNotConnected) {
  EXPECT_THAT(why(FrameworkId{4711}).verdict, testing::HasSubstr("there is no framework"));
  const FrameworkId f = framework("a");
  EXPECT_EQ(why(f).verdict, "no agent has registered");
  cluster.disconnect(f);
  EXPECT_THAT(why(f).verdict, testing::HasSubstr("not connected"));
}

INSTANTIATE_TEST_SUITE_P(Shards, ExplainScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
