// Reservations: static and dynamic, refined, by frameworks and by operators.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using ReservationScenario = ScenarioTest;

TEST_P(ReservationScenario, ReservedResourcesAreForTheirRoleAlone) {
  const FrameworkId eng = framework("eng");
  const FrameworkId ops = framework("ops");
  suppress(eng);
  agent("cpus(eng):2;mem(eng):200;cpus:3;mem:300");
  EXPECT_EQ(offered(ops), "cpus:3;mem:300");
  revive(eng);
  EXPECT_EQ(offered(eng), "cpus(eng):2;mem(eng):200");
}

TEST_P(ReservationScenario, TheyComeWithThePlainOnesToOneOffer) {
  const FrameworkId eng = framework("eng");
  agent("cpus(eng):2;mem(eng):200;cpus:3;mem:300");
  EXPECT_EQ(offers(eng), 1u);
  EXPECT_EQ(offered(eng), "cpus:3;mem:300;cpus(eng):2;mem(eng):200");
}

TEST_P(ReservationScenario, WhatIsReservedForARoleIsForItsChildrenToo) {
  const FrameworkId ads = framework("eng/ads");
  const FrameworkId ops = framework("ops");
  agent("cpus(eng):2;mem(eng):200");
  EXPECT_EQ(offered(ads), "cpus(eng):2;mem(eng):200");
  EXPECT_EQ(offers(ops), 0u);
}

TEST_P(ReservationScenario, WhatIsReservedForAChildIsNotForItsParent) {
  const FrameworkId eng = framework("eng");
  const FrameworkId web = framework("eng/web");
  agent("cpus(eng/ads):2;mem(eng/ads):200");
  EXPECT_EQ(offers(eng), 0u);
  EXPECT_EQ(offers(web), 0u);
  const FrameworkId ads = framework("eng/ads");
  EXPECT_EQ(offers(ads), 1u);
}

TEST_P(ReservationScenario, ARefinedReservationIsForTheInnermostRole) {
  const FrameworkId web = framework("eng/web");
  const FrameworkId ads = framework("eng/ads");
  agent("cpus(eng)(eng/ads,dynamic):2;mem(eng):200;cpus(eng):1");
  EXPECT_EQ(offered(web), "cpus(eng):1;mem(eng):200");
  EXPECT_EQ(offered(ads), "cpus(eng)(eng/ads,dynamic):2");
}

TEST_P(ReservationScenario, TheNeediestOfTheRoleGetsThem) {
  const FrameworkId a = framework("eng");
  const FrameworkId b = framework("eng");
  agents(6, "cpus(eng):1;mem(eng):100");
  EXPECT_EQ(offers(a), 3u);
  EXPECT_EQ(offers(b), 3u);
}

// Reservations that nobody was given do not count in the share of the role (MESOS-8299).
TEST_P(ReservationScenario, UnusedReservationsAreNoShare) {
  agent("cpus(eng):4;mem(eng):400");
  const FrameworkId eng = framework("eng");
  decline(eng, 3'600'000);
  const FrameworkId ops = framework("ops");
  agents(4, "cpus:1;mem:100");
  EXPECT_EQ(offers(eng), 2u);
  EXPECT_EQ(offers(ops), 2u);
  EXPECT_EQ(to_string(role("eng").reserved), "cpus:4;mem:400");
}

TEST_P(ReservationScenario, ATaskTakesReservedResourcesFirst) {
  const FrameworkId eng = framework("eng");
  agent("cpus(eng):2;mem(eng):200;cpus:3;mem:300");
  ASSERT_TRUE(launch(eng, "t", "cpus:3;mem:100"));
  EXPECT_EQ(offered(eng), "cpus:2;mem:300;mem(eng):100");
  finish("t");
  decline(eng, 0);
  EXPECT_EQ(offered(eng), "cpus:3;mem:300;cpus(eng):2;mem(eng):200");
}

TEST_P(ReservationScenario, AReserveInAnAcceptHoldsForTheRole) {
  const FrameworkId eng = framework("eng");
  const FrameworkId ops = framework("ops");
  const AgentId a = agent("cpus:4;mem:400");
  suppress(ops);
  accept(eng, {operation(OperationKind::kReserve, "cpus(eng,dynamic):2;mem(eng,dynamic):100")});
  EXPECT_EQ(offered(eng), "cpus:2;mem:300;cpus(eng,dynamic):2;mem(eng,dynamic):100");
  ASSERT_EQ(bag(a).operations.size(), 1u);
  EXPECT_EQ(to_string(bag(a).operations[0].consumed), "cpus:2;mem:100");
  decline(eng, 3'600'000);
  revive(ops);
  EXPECT_EQ(offered(ops), "cpus:2;mem:300");
  EXPECT_EQ(to_string(row("eng").reserved.load()), "cpus:2;mem:100");
}

TEST_P(ReservationScenario, AnUnreserveGivesThemToAll) {
  const FrameworkId eng = framework("eng");
  const AgentId a = agent("cpus(eng,dynamic):2;mem(eng,dynamic):100;cpus:1;mem:100");
  accept(eng, {operation(OperationKind::kUnreserve, "cpus(eng,dynamic):2;mem(eng,dynamic):100")});
  EXPECT_EQ(offered(eng), "cpus:3;mem:200");
  EXPECT_EQ(to_string(cluster.agent(a).total), "cpus:3;mem:200");
  EXPECT_TRUE(row("eng").reserved.load().empty());
}

TEST_P(ReservationScenario, StaticReservationsStay) {
  const FrameworkId eng = framework("eng");
  const AgentId a = agent("cpus(eng):2;mem(eng):100");
  accept(eng, {operation(OperationKind::kUnreserve, "cpus(eng):2", "u")});
  ASSERT_EQ(bag(eng).operations.size(), 1u);
  EXPECT_EQ(bag(eng).operations[0].state, OperationState::kError);
  EXPECT_THAT(bag(eng).operations[0].message, testing::HasSubstr("static"));
  EXPECT_THAT(operate(a, OperationKind::kUnreserve, "cpus(eng):2"), testing::HasSubstr("static"));
  EXPECT_EQ(to_string(cluster.agent(a).total), "cpus(eng):2;mem(eng):100");
}

TEST_P(ReservationScenario, AFrameworkReservesForTheRoleOfTheOfferOnly) {
  const FrameworkId f = framework({.roles = {"eng"}});
  agent("cpus:4;mem:400");
  accept(f, {operation(OperationKind::kReserve, "cpus(ops,dynamic):2", "r")});
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(f).operations[0].state, OperationState::kError);
  EXPECT_THAT(bag(f).operations[0].message, testing::HasSubstr("that role only"));
  EXPECT_EQ(offered(f), "cpus:4;mem:400");
}

TEST_P(ReservationScenario, AReserveInAChildRefinesTheParents) {
  const FrameworkId ads = framework("eng/ads");
  agent("cpus(eng):2;mem(eng):200");
  accept(ads, {operation(OperationKind::kReserve, "cpus(eng)(eng/ads,dynamic):1")});
  EXPECT_EQ(offered(ads), "cpus(eng):1;mem(eng):200;cpus(eng)(eng/ads,dynamic):1");
  EXPECT_EQ(to_string(row("eng").reserved.load()), "cpus:2;mem:200");  // no more than before
  EXPECT_EQ(to_string(row("eng/ads").reserved.load()), "cpus:1");
  accept(ads, {operation(OperationKind::kUnreserve, "cpus(eng)(eng/ads,dynamic):1")});
  EXPECT_EQ(offered(ads), "cpus(eng):2;mem(eng):200");
}

TEST_P(ReservationScenario, AReserveAtTheLimitIsNoMore) {
  ASSERT_EQ(limit("eng", "cpus:2"), "");
  const FrameworkId eng = framework("eng");
  agents(2, "cpus:4;mem:400");
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 2000);
  accept(eng, {operation(OperationKind::kReserve, "cpus(eng,dynamic):2")});
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 2000);
  EXPECT_EQ(row("eng").reserved.load()[ResourceKind::kCpus], 2000);
}

TEST_P(ReservationScenario, AnOperatorReservesWhatIsFree) {
  const AgentId a = agent("cpus:4;mem:400");
  ASSERT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):3", "alice"), "");
  EXPECT_EQ(to_string(cluster.agent(a).total), "cpus:1;mem:400;cpus(eng,dynamic,by=alice):3");
  const FrameworkId ops = framework("ops");
  EXPECT_EQ(offered(ops), "cpus:1;mem:400");
}

TEST_P(ReservationScenario, AnOperatorsReserveRescindsOffersOnlyWhenItMust) {
  const FrameworkId ops = framework("ops");
  const AgentId a = agent("cpus:4;mem:400");
  const AgentId b = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(ops, "t", "cpus:1;mem:100"));
  decline(ops, 3'600'000);
  EXPECT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):2"), "");
  EXPECT_TRUE(bag(ops).rescinded.empty());  // it was free
  revive(ops);
  EXPECT_EQ(operate(b, OperationKind::kReserve, "cpus(eng,dynamic):2"), "");
  EXPECT_EQ(bag(ops).rescinded.size(), 1u);
  EXPECT_EQ(counted(&ShardCounters::rescinded_operator), 1u);
}

TEST_P(ReservationScenario, AnOperatorCannotTakeWhatTasksUse) {
  const FrameworkId ops = framework("ops");
  const AgentId a = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(ops, "t", "cpus:3;mem:100"));
  EXPECT_THAT(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):2"),
              testing::HasSubstr("not free: cpus 2 (has 1)"));
  EXPECT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):1"), "");
}

TEST_P(ReservationScenario, AnOperatorCannotReserveBeyondALimit) {
  ASSERT_EQ(limit("eng", "cpus:2"), "");
  const AgentId a = agent("cpus:4;mem:400");
  EXPECT_THAT(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):3"),
              testing::HasSubstr("limits of role 'eng'"));
  EXPECT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):2"), "");
  EXPECT_THAT(operate(a, OperationKind::kReserve, "cpus(eng/ads,dynamic):1"),
              testing::HasSubstr("limits of role 'eng/ads'"));
}

TEST_P(ReservationScenario, AnUnreserveByAnOperatorIsOfferedToAll) {
  const AgentId a = agent("cpus(eng,dynamic):2;mem(eng,dynamic):200");
  const FrameworkId ops = framework("ops");
  EXPECT_EQ(offers(ops), 0u);
  ASSERT_EQ(operate(a, OperationKind::kUnreserve, "cpus(eng,dynamic):1;mem(eng,dynamic):100"), "");
  EXPECT_EQ(offered(ops), "cpus:1;mem:100");
}

TEST_P(ReservationScenario, OnlyWhoReservedMayUnreserve) {
  const AgentId a = agent("cpus:4;mem:400");
  ASSERT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic):2", "alice"), "");
  EXPECT_THAT(operate(a, OperationKind::kUnreserve, "cpus(eng,dynamic,by=alice):2", "bob"),
              testing::HasSubstr("belongs to principal 'alice'"));
  EXPECT_EQ(operate(a, OperationKind::kUnreserve, "cpus(eng,dynamic,by=alice):2", "alice"), "");
  EXPECT_EQ(to_string(cluster.agent(a).total), "cpus:4;mem:400");
}

TEST_P(ReservationScenario, LabelsKeepReservationsApart) {
  const AgentId a = agent("cpus:4;mem:400");
  ASSERT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic,team=x):1"), "");
  ASSERT_EQ(operate(a, OperationKind::kReserve, "cpus(eng,dynamic,team=y):2"), "");
  EXPECT_THAT(operate(a, OperationKind::kUnreserve, "cpus(eng,dynamic,team=x):2"),
              testing::HasSubstr("not free"));
  const FrameworkId eng = framework("eng");
  EXPECT_EQ(offered(eng), "cpus:1;mem:400;cpus(eng,dynamic,team=x):1;cpus(eng,dynamic,team=y):2");
}

INSTANTIATE_TEST_SUITE_P(Shards, ReservationScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
