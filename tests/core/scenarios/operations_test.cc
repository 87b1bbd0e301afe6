// Feedback about operations: told, acknowledged, told again, lost and undone.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class OperationsScenario : public ScenarioTest {
 protected:
  static constexpr std::string_view kTotal = "cpus:4;mem:400";
  static constexpr std::string_view kReserved = "cpus(eng,dynamic):2";
  void SetUp() override {
    f = framework("eng");
    a = agent(kTotal);
  }
  void reserve(std::string_view id) {
    accept(f, {operation(OperationKind::kReserve, kReserved, id)});
  }
  std::string total() { return to_string(cluster.agent(a).total); }

  FrameworkId f;
  AgentId a;
};

TEST_P(OperationsScenario, FeedbackIsToldUntilItIsAcknowledged) {
  reserve("r1");
  EXPECT_TRUE(bag(f).operations.empty());  // pending is no news
  report(a, OperationState::kFinished);
  report(a, OperationState::kFinished);  // the agent has heard nothing
  ASSERT_EQ(bag(f).operations.size(), 2u);
  EXPECT_EQ(bag(f).operations[1].id, "r1");
  EXPECT_EQ(bag(f).operations[1].state, OperationState::kFinished);
  EXPECT_TRUE(bag(a).acknowledged_operations.empty());
  const UpdateUuid uuid = bag(f).operations[0].uuid;
  EXPECT_EQ(uuid, bag(a).operations[0].uuid);
  acknowledge_operation(f, a, uuid);
  EXPECT_EQ(bag(a).acknowledged_operations, std::vector{uuid});
  EXPECT_TRUE(cluster.agent(a).operations.empty());
}

TEST_P(OperationsScenario, WhatIsSaidAfterwardsIsAnsweredByTheMaster) {
  reserve("r1");
  report(a, OperationState::kFinished);
  acknowledge_operation(f, a, bag(f).operations[0].uuid);
  report(a, OperationState::kFinished);  // the acknowledgement crossed it
  EXPECT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(a).acknowledged_operations.size(), 2u);
}

TEST_P(OperationsScenario, WithoutANameThereIsNoFeedback) {
  reserve("");
  report(a, OperationState::kFinished);
  EXPECT_TRUE(bag(f).operations.empty());
  EXPECT_EQ(bag(a).acknowledged_operations.size(), 1u);
  EXPECT_TRUE(cluster.agent(a).operations.empty());
}

TEST_P(OperationsScenario, OnlyItsFrameworkAcknowledges) {
  const FrameworkId other = framework("eng");
  reserve("r1");
  report(a, OperationState::kFinished);
  acknowledge_operation(other, a, bag(f).operations[0].uuid);
  EXPECT_TRUE(bag(a).acknowledged_operations.empty());
}

TEST_P(OperationsScenario, AnOperationThatFailedIsUndone) {
  reserve("r1");
  EXPECT_EQ(offered(f), "cpus:2;mem:400;cpus(eng,dynamic):2");
  report(a, OperationState::kFailed, "the disk is full");
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(f).operations[0].state, OperationState::kFailed);
  EXPECT_EQ(bag(f).operations[0].message, "the disk is full");
  EXPECT_EQ(total(), kTotal);
  EXPECT_EQ(offered(f), kTotal);
  EXPECT_TRUE(row("eng").reserved.load().empty());
  EXPECT_EQ(counted(&ShardCounters::operations_failed), 1u);
}

// The room that an UNRESERVE made was offered before it failed.
TEST_P(OperationsScenario, WhatIsReservedAgainTakesOffersBackThatAreOverTheLimit) {
  reserve("r1");
  report(a, OperationState::kFinished);
  const AgentId b = agent("cpus:4;mem:400");
  ASSERT_EQ(limit("eng", "cpus:2"), "");
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 2000);
  accept(f, {operation(OperationKind::kUnreserve, kReserved, "u1")});
  EXPECT_EQ(row("eng").offered.load()[ResourceKind::kCpus], 2000);
  report(a, OperationState::kFailed, "the disk is full");
  EXPECT_EQ(row("eng").charged.load()[ResourceKind::kCpus], 2000);
  EXPECT_EQ(row("eng").offered.load()[ResourceKind::kCpus], 0);
  EXPECT_EQ(to_string(cluster.agent(a).total), "cpus:2;mem:400;cpus(eng,dynamic):2");
  EXPECT_EQ(to_string(cluster.agent(b).total), "cpus:4;mem:400");
}

TEST_P(OperationsScenario, AFailureThatIsToldTwiceIsUndoneOnce) {
  reserve("r1");
  report(a, OperationState::kFailed);
  report(a, OperationState::kFailed);
  EXPECT_EQ(total(), kTotal);
  EXPECT_EQ(bag(f).operations.size(), 2u);
}

TEST_P(OperationsScenario, AnAgentThatIsLostBeforeTheCallArrivesDropsIt) {
  Accept message;
  message.offers.push_back(held(f).at(0).id);
  message.operations.push_back(operation(OperationKind::kReserve, kReserved, "r1"));
  on_accept(cluster.home(f), cluster.outbox(), f, message, 1, cluster.now);
  cluster.disconnect(a);
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(f).operations[0].state, OperationState::kDropped);
  EXPECT_EQ(bag(f).operations[0].uuid, UpdateUuid{});  // wants no acknowledgement
  reconnect(a, kTotal);
  EXPECT_EQ(offered(f), kTotal);
}

TEST_P(OperationsScenario, AnOperationThatTheAgentNeverHeardOfIsDropped) {
  reserve("r1");
  cluster.disconnect(a);
  EXPECT_TRUE(bag(f).operations.empty());  // it may have been done
  reconnect(a, kTotal);                    // it was not
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(f).operations[0].state, OperationState::kDropped);
  EXPECT_EQ(total(), kTotal);
  EXPECT_EQ(offered(f), kTotal);
  EXPECT_TRUE(row("eng").reserved.load().empty());
}

TEST_P(OperationsScenario, AnOperationThatTheAgentDidIsToldWhenItComesBack) {
  reserve("r1");
  const UpdateUuid uuid = bag(a).operations.at(0).uuid;
  cluster.disconnect(a);
  AgentOptions options;
  options.operations.push_back({f, "r1", uuid, OperationState::kFinished, ""});
  reconnect(a, "cpus:2;mem:400;cpus(eng,dynamic):2", options);
  EXPECT_TRUE(bag(f).operations.empty());  // the agent tells it now, by itself
  on_operation_update(cluster.home(a), cluster.outbox(), a,
                      {f, a, "r1", uuid, OperationState::kFinished, ""}, cluster.now);
  cluster.settle();
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(f).operations[0].state, OperationState::kFinished);
  EXPECT_EQ(offered(f), "cpus:2;mem:400;cpus(eng,dynamic):2");
}

TEST_P(OperationsScenario, FeedbackForAFrameworkThatIsGoneEndsAtTheMaster) {
  reserve("r1");
  teardown(f);
  report(a, OperationState::kFinished);
  EXPECT_EQ(bag(a).acknowledged_operations.size(), 1u);
  EXPECT_TRUE(cluster.agent(a).operations.empty());
  EXPECT_EQ(total(), "cpus:2;mem:400;cpus(eng,dynamic):2");  // the reservation is the role's
}

TEST_P(OperationsScenario, FeedbackWaitsForAFrameworkThatComesBack) {
  reserve("r1");
  cluster.disconnect(f);
  report(a, OperationState::kFinished);
  EXPECT_TRUE(bag(a).acknowledged_operations.empty());
  framework({.roles = {"eng"}}, f);
  report(a, OperationState::kFinished);
  EXPECT_EQ(bag(f).operations.size(), 1u);
}

TEST_P(OperationsScenario, OperatorsHearAtOnceAndTheMasterAcknowledges) {
  EXPECT_EQ(operate(a, OperationKind::kReserve, kReserved), "");
  report(a, OperationState::kFinished);
  EXPECT_EQ(bag(a).acknowledged_operations.size(), 1u);
  EXPECT_TRUE(cluster.agent(a).operations.empty());
  EXPECT_TRUE(bag(f).operations.empty());
}

TEST_P(OperationsScenario, OperatorsNeedAnAgentThatIsThere) {
  EXPECT_THAT(operate(AgentId{4711}, OperationKind::kReserve, kReserved),
              testing::HasSubstr("no active agent"));
  cluster.disconnect(a);
  EXPECT_THAT(operate(a, OperationKind::kReserve, kReserved),
              testing::HasSubstr("no active agent"));
}

TEST_P(OperationsScenario, LaunchesMayNotNameMoreTasksThanThereAre) {
  accept(f, {operation(OperationKind::kReserve, kReserved, "r"), launch_operation(2)},
         {{"t", "cpus:1"}});
  EXPECT_TRUE(bag(a).operations.empty());
  EXPECT_EQ(state(f, "t"), TaskState::kError);
  EXPECT_THAT(bag(f).operations.at(0).message, testing::HasSubstr("name 2 tasks"));
  EXPECT_EQ(offered(f), kTotal);
}

TEST_P(OperationsScenario, TasksThatNoLaunchNamesComeLast) {
  accept(f, {operation(OperationKind::kReserve, kReserved)}, {{"t", "cpus:4;mem:10"}});
  ASSERT_EQ(bag(a).launches.size(), 1u);
  EXPECT_EQ(to_string(bag(a).launches[0].resources), "cpus:2;mem:10;cpus(eng,dynamic):2");
}

TEST_P(OperationsScenario, ACallWithAnInvalidTaskIsNotDoneAtAll) {
  accept(f, {operation(OperationKind::kReserve, kReserved, "r")},
         {{"bad id", "cpus:1"}, {"good", "cpus:1"}});
  EXPECT_TRUE(bag(a).operations.empty());
  EXPECT_TRUE(bag(a).launches.empty());
  EXPECT_EQ(state(f, "good"), TaskState::kError);
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
}

TEST_P(OperationsScenario, UnansweredFeedbackIsBounded) {
  for (std::size_t i = 0; i < kMaxOperationsPerAgent; ++i) {
    accept(f, {operation(i % 2 == 0 ? OperationKind::kReserve : OperationKind::kUnreserve,
                         kReserved, "o" + std::to_string(i))});
  }
  EXPECT_EQ(bag(a).operations.size(), kMaxOperationsPerAgent);
  reserve("one-more");
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_THAT(bag(f).operations[0].message,
              testing::HasSubstr("256 operations whose feedback is not acknowledged"));
  EXPECT_THAT(operate(a, OperationKind::kReserve, kReserved),
              testing::HasSubstr("256 operations whose feedback is not acknowledged"));
}

INSTANTIATE_TEST_SUITE_P(Shards, OperationsScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
