// Quota as a limit: what a role and those below it reserve and are allocated never passes it.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using QuotaLimitScenario = ScenarioTest;

TEST_P(QuotaLimitScenario, OffersAreCutToTheLimit) {
  ASSERT_EQ(limit("eng", "cpus:3"), "");
  const FrameworkId f = framework("eng");
  agent("cpus:8;mem:800");
  EXPECT_EQ(offered(f), "cpus:3;mem:800");
}

TEST_P(QuotaLimitScenario, WhatIsCutOffGoesToOthers) {
  ASSERT_EQ(limit("eng", "cpus:3;mem:300"), "");
  const FrameworkId eng = framework("eng");
  const FrameworkId ops = framework("ops");
  agent("cpus:8;mem:800");
  EXPECT_EQ(offered(eng), "cpus:3;mem:300");
  EXPECT_EQ(offered(ops), "cpus:5;mem:500");
}

TEST_P(QuotaLimitScenario, ALimitOfZeroIsNothing) {
  ASSERT_EQ(limit("eng", "cpus:0"), "");
  const FrameworkId f = framework("eng");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(f), 0u);
  EXPECT_EQ(allocated("eng"), "none");
}

TEST_P(QuotaLimitScenario, TheSumOverAgentsIsExact) {
  ASSERT_EQ(limit("eng", "cpus:10"), "");
  const FrameworkId f = framework("eng");
  agents(7, "cpus:3;mem:300");
  EXPECT_EQ(to_string(amount("cpus:10")), "cpus:10");
  EXPECT_EQ(row("eng").allocated.load()[ResourceKind::kCpus], 10'000);
  EXPECT_EQ(offers(f), 4u);  // 3, 3, 3 and 1
}

// All shards allocate before any of them hears of the others.
TEST_P(QuotaLimitScenario, TheSumIsExactWhenAllShardsAllocateAtOnce) {
  ASSERT_EQ(limit("eng", "cpus:10"), "");
  const FrameworkId f = framework("eng");
  const FrameworkId g = framework("eng");
  for (std::uint32_t i = 0; i < 4; ++i) {
    const SessionId session = cluster.new_session();
    cluster.register_agent(session, AgentId(), "cpus:4;mem:400", session.value, {},
                           i % cluster.size());
  }
  cluster.end_turns();
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 10'000);
  while (cluster.deliver_next()) {
    ASSERT_LE(row("eng").charged.load()[ResourceKind::kCpus], 10'000);
  }
  cluster.settle();
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 10'000);
  EXPECT_EQ(bag(f).offers.size() + bag(g).offers.size(), 3u);
}

// Declines, launches and ends, with the mail of the shards delivered piece by piece.
TEST_P(QuotaLimitScenario, NoInterleavingPassesTheLimit) {
  ASSERT_EQ(limit("eng", "cpus:7;mem:700"), "");
  ASSERT_EQ(limit("eng/ads", "cpus:5"), "");
  const std::vector<FrameworkId> all = {framework("eng"), framework("eng/ads"),
                                        framework("eng/web"), framework("ops")};
  agents(8, "cpus:2;mem:200");
  Random random(3);
  int task = 0;
  for (int step = 0; step < 300; ++step) {
    const FrameworkId f = all[random.next() % all.size()];
    const std::vector<SeenOffer> open = held(f);
    if (!open.empty()) {
      Accept message;
      message.offers.push_back(open[random.next() % open.size()].id);
      message.refuse_ms = 0;
      on_accept(cluster.home(f), cluster.outbox(), f, message, 1, cluster.now);
    }
    for (std::uint64_t i = random.next() % 4; i > 0 && cluster.deliver_next(); --i) {
    }
    cluster.end_turns();
    ASSERT_LE(row("eng").charged.load()[ResourceKind::kCpus], 7000);
    ASSERT_LE(row("eng").charged.load()[ResourceKind::kMem], 700'000);
    ASSERT_LE(row("eng/ads").charged.load()[ResourceKind::kCpus], 5000);
    if (step % 10 != 9) continue;
    cluster.settle();
    const std::string name = "t" + std::to_string(task);
    if (launch(f, name, "cpus:1;mem:100")) ++task;
    if (task > 4) finish("t" + std::to_string(--task));
  }
  cluster.settle();
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 7000);
}

TEST_P(QuotaLimitScenario, AParentsLimitBoundsItsChildrenTogether) {
  ASSERT_EQ(limit("eng", "cpus:4"), "");
  const FrameworkId ads = framework("eng/ads");
  const FrameworkId web = framework("eng/web");
  const FrameworkId ops = framework("ops");
  agents(12, "cpus:1;mem:100");
  EXPECT_EQ(offers(ads), 2u);
  EXPECT_EQ(offers(web), 2u);
  EXPECT_EQ(offers(ops), 8u);
}

TEST_P(QuotaLimitScenario, AChildsLimitLeavesTheRestToItsSiblings) {
  ASSERT_EQ(limit("eng/ads", "cpus:1"), "");
  const FrameworkId ads = framework("eng/ads");
  const FrameworkId web = framework("eng/web");
  const FrameworkId own = framework("eng");
  agents(9, "cpus:1;mem:100");
  EXPECT_EQ(offers(ads), 1u);
  EXPECT_EQ(offers(web), 4u);
  EXPECT_EQ(offers(own), 4u);
}

TEST_P(QuotaLimitScenario, TheTightestOfNestedLimitsCounts) {
  ASSERT_EQ(limit("eng", "cpus:6"), "");
  ASSERT_EQ(limit("eng/ads", "cpus:4"), "");
  const FrameworkId batch = framework("eng/ads/batch");
  agent("cpus:8;mem:800");
  EXPECT_EQ(offered(batch), "cpus:4;mem:800");
  ASSERT_EQ(limit("eng", "cpus:2"), "");
  EXPECT_EQ(offered(batch), "cpus:2;mem:800");
}

TEST_P(QuotaLimitScenario, ReservationsCountWhetherUsedOrNot) {
  ASSERT_EQ(limit("eng", "cpus:4"), "");
  agent("cpus(eng):3;mem(eng):100");
  const FrameworkId f = framework("eng");
  agent("cpus:8;mem:800");
  EXPECT_EQ(charged("eng"), "cpus:4;mem:900");
  decline(f, 3'600'000);
  EXPECT_EQ(charged("eng"), "cpus:3;mem:100");
}

// At the limit with reservations alone: those are still offered.
TEST_P(QuotaLimitScenario, WhatIsReservedIsOfferedAtTheLimit) {
  agent("cpus(eng):3;mem(eng):100;cpus:5;mem:500");
  ASSERT_EQ(limit("eng", "cpus:3"), "");
  const FrameworkId f = framework("eng");
  EXPECT_EQ(offered(f), "cpus(eng):3;mem(eng):100");
}

TEST_P(QuotaLimitScenario, ARoleAtItsLimitGetsItsNextOfferWhenATaskEnds) {
  ASSERT_EQ(limit("eng", "cpus:1"), "");
  const FrameworkId f = framework("eng");
  agents(8, "cpus:1;mem:100");  // on all shards
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  cluster.pass_quietly(minutes(5));
  EXPECT_EQ(offers(f), 0u);
  finish("t");
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(QuotaLimitScenario, ADeclineLetsTheNextOfTheRoleIn) {
  ASSERT_EQ(limit("eng", "cpus:1"), "");
  const FrameworkId a = framework("eng");
  const FrameworkId b = framework("eng");
  agents(8, "cpus:1;mem:100");
  EXPECT_EQ(offers(a), 1u);
  EXPECT_EQ(offers(b), 0u);
  decline(a, 3'600'000);
  EXPECT_EQ(offers(a) + offers(b), 1u);
}

TEST_P(QuotaLimitScenario, AnEndInOneChildLetsItsSiblingIn) {
  ASSERT_EQ(limit("eng", "cpus:1"), "");
  const FrameworkId ads = framework("eng/ads");
  agents(4, "cpus:1;mem:100");
  ASSERT_TRUE(launch(ads, "t", "cpus:1;mem:100"));
  const FrameworkId web = framework("eng/web");
  EXPECT_EQ(offers(web), 0u);
  suppress(ads);
  finish("t");
  EXPECT_EQ(offers(web), 1u);
}

TEST_P(QuotaLimitScenario, ARaisedLimitIsUsedAtOnce) {
  ASSERT_EQ(limit("eng", "cpus:2"), "");
  const FrameworkId f = framework("eng");
  agents(6, "cpus:1;mem:100");
  EXPECT_EQ(offers(f), 2u);
  ASSERT_EQ(limit("eng", "cpus:5"), "");
  EXPECT_EQ(offers(f), 5u);
  ASSERT_EQ(limit("eng", "none"), "");
  EXPECT_EQ(offers(f), 6u);
  EXPECT_EQ(role("eng").limits, kNoLimits);
}

TEST_P(QuotaLimitScenario, ALoweredLimitRescindsWhatIsNeeded) {
  const FrameworkId f = framework("eng");
  const FrameworkId other = framework("ops");
  suppress(other);
  agents(8, "cpus:1;mem:100");
  ASSERT_EQ(limit("eng", "cpus:5"), "");
  EXPECT_EQ(offers(f), 5u);
  EXPECT_EQ(bag(f).rescinded.size(), 3u);
  EXPECT_EQ(counted(&ShardCounters::rescinded_quota), 3u);
  revive(other);
  EXPECT_EQ(offers(other), 3u);
}

TEST_P(QuotaLimitScenario, OffersOfOtherRolesAreNotRescinded) {
  const FrameworkId eng = framework("eng/ads");
  const FrameworkId ops = framework("ops");
  agents(8, "cpus:1;mem:100");
  ASSERT_EQ(limit("eng", "cpus:1"), "");
  EXPECT_EQ(offers(eng), 1u);
  EXPECT_EQ(bag(ops).rescinded.size(), 0u);
  EXPECT_EQ(offers(ops), 7u);
}

TEST_P(QuotaLimitScenario, BelowUseIsRefusedAndChangesNothing) {
  const FrameworkId f = framework("eng");
  agents(2, "cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:3;mem:100"));
  EXPECT_THAT(limit("eng", "cpus:2"),
              testing::HasSubstr("the limit of 2 cpus is below what role 'eng' reserves and uses "
                                 "(3); use force"));
  EXPECT_EQ(row("eng").limits.load(), kNoLimits);
  EXPECT_TRUE(bag(f).rescinded.empty());
  EXPECT_EQ(limit("eng", "cpus:3"), "");  // what is only offered is no use
  EXPECT_EQ(row("eng").allocated.load()[ResourceKind::kCpus], 3000);
}

TEST_P(QuotaLimitScenario, BelowUseWithForceLetsTasksRunOn) {
  const FrameworkId f = framework("eng");
  agents(2, "cpus:2;mem:200");
  ASSERT_TRUE(launch(f, "t0", "cpus:2;mem:200"));
  ASSERT_TRUE(launch(f, "t1", "cpus:2;mem:200"));
  ASSERT_EQ(limit("eng", "cpus:1", /*force=*/true), "");
  EXPECT_EQ(charged("eng"), "cpus:4;mem:400");
  finish("t0");
  EXPECT_EQ(offers(f), 0u);  // still over it
  finish("t1");
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 1000);
}

TEST_P(QuotaLimitScenario, BelowReservationsIsRefused) {
  agent("cpus(eng):3;mem(eng):100");
  EXPECT_THAT(limit("eng", "cpus:2"), testing::HasSubstr("reserves and uses (3)"));
  EXPECT_EQ(limit("eng", "cpus:2", /*force=*/true), "");
}

TEST_P(QuotaLimitScenario, OneUpdateOfManyRolesIsAllOrNothing) {
  agent("cpus(b):3;mem(b):100");
  const Quantities two = parse_quantities("cpus:2", kNoLimit).value();
  EXPECT_NE(quota({.configs = {{"a", two, {}}, {"b", two, {}}}}), "");
  EXPECT_EQ(row("a").limits.load(), kNoLimits);
  EXPECT_EQ(quota({.configs = {{"a", two, {}}, {"c", two, {}}}}), "");
  EXPECT_EQ(row("a").limits.load(), two);
  EXPECT_EQ(row("c").limits.load(), two);
  EXPECT_THAT(quota({.configs = {{"a", two, {}}, {"a", two, {}}}}),
              testing::HasSubstr("role 'a' is named twice"));
}

TEST_P(QuotaLimitScenario, GpusAreCutToWholeOnes) {
  ASSERT_EQ(limit("eng", "gpus:3"), "");
  const FrameworkId f = framework("eng", can(Capability::kGpu));
  agents(2, "cpus:4;mem:400;gpus:2");
  EXPECT_EQ(allocated("eng"), "cpus:8;mem:800;gpus:3");
  EXPECT_EQ(offers(f), 2u);
}

TEST_P(QuotaLimitScenario, TheDefaultRoleCanHaveALimit) {
  ASSERT_EQ(limit("*", "cpus:2"), "");
  const FrameworkId f = framework("*");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(f), 2u);
}

TEST_P(QuotaLimitScenario, TasksOfAnAgentThatComesBackCountAlsoAboveTheLimit) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:3;mem:300", 3'600'000));
  cluster.disconnect(a);
  ASSERT_EQ(limit("eng", "cpus:1", /*force=*/true), "");
  AgentOptions options;
  options.tasks = {{f, "t", "", res("cpus:3;mem:300"), TaskState::kRunning, "eng"}};
  reconnect(a, "cpus:4;mem:400", options);
  EXPECT_EQ(charged("eng"), "cpus:3;mem:300");
  agent("cpus:4;mem:400");
  EXPECT_EQ(offers(f), 0u);
}

TEST_P(QuotaLimitScenario, ConsumptionIsShown) {
  ASSERT_EQ(limit("eng", "cpus:10;mem:1000"), "");
  agent("cpus(eng):2;mem(eng):100");
  const FrameworkId f = framework("eng/ads");
  agent("cpus:1;mem:100");
  EXPECT_EQ(offers(f), 2u);
  const RoleSummary summary = role("eng");
  EXPECT_EQ(to_string(summary.limits, kNoLimit), "cpus:10;mem:1000");
  EXPECT_EQ(to_string(summary.reserved), "cpus:2;mem:100");
  EXPECT_EQ(to_string(summary.consumed), "cpus:3;mem:200");
}

INSTANTIATE_TEST_SUITE_P(Shards, QuotaLimitScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
