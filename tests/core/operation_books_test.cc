// The master's books when operations fail, come late, or move what limits count. Each was found by
// the simulator, or while it was made.
#include <gtest/gtest.h>

#include "core/operation_handlers.h"
#include "core/quota_handlers.h"
#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

class OperationBooksTest : public ShardedTest {
 protected:
  FrameworkId subscribe(std::string_view role, Capabilities capabilities = {}) {
    Subscribe message;
    message.name = "f";
    message.roles.push_back(role);
    message.capabilities = capabilities;
    const FrameworkId id =
        on_subscribe(cluster.shard(last()), cluster.outbox(), cluster.new_session(), FrameworkId(),
                     message, 0, cluster.now);
    cluster.settle();
    return id;
  }

  static Operation operation(std::string_view id, OperationKind kind, std::string_view resources) {
    Operation out;
    out.id = id;
    out.spec.kind = kind;
    out.spec.resources = parse_resources(resources).value();
    return out;
  }

  // With the offer that came last.
  void operate(FrameworkId framework, std::vector<Operation> operations,
               std::vector<TestCluster::Launch> launches = {}) {
    send_accept(framework, std::move(operations), std::move(launches));
    cluster.settle();
  }

  // The same, with the answer still on its way between the shards.
  void send_accept(FrameworkId framework, std::vector<Operation> operations,
                   std::vector<TestCluster::Launch> launches = {}) {
    Accept message;
    message.offers.push_back(cluster.bag_of(framework).offers.back().id);
    message.refuse_ms = 0;
    message.operations.assign(operations.begin(), operations.end());
    for (const TestCluster::Launch& launch : launches) {
      TaskLaunch& task = message.tasks.emplace_back();
      task.id = launch.id;
      task.resources = parse_resources(launch.resources).value();
    }
    on_accept(cluster.home(framework), cluster.outbox(), framework, message, 1, cluster.now);
  }

  void tell(AgentId agent, FrameworkId framework, const SeenOperation& operation,
            OperationState state) {
    OperationUpdate update;
    update.framework = framework;
    update.id = operation.id;
    update.uuid = operation.uuid;
    update.state = state;
    on_operation_update(cluster.home(agent), cluster.outbox(), agent, update, cluster.now);
    cluster.settle();
  }

  void limit(std::string_view role, Milli cpus) {
    UpdateQuota message;
    QuotaConfig& config = message.configs.emplace_back();
    config.role = role;
    config.limits[ResourceKind::kCpus] = cpus;
    on_update_quota(cluster.shard(), cluster.outbox(), cluster.new_session(), message, 1,
                    cluster.now);
    cluster.settle();
  }
};

INSTANTIATE_TEST_SUITE_P(Shards, OperationBooksTest, testing::Values(1u, 4u));

TEST_P(OperationBooksTest, OperationsThatFailOneAfterTheOtherAreAllUndone) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1024;disk:1000", last());
  const Resources before = cluster.agent(agent).total;
  const FrameworkId framework = subscribe("eng");
  operate(framework, {operation("r", OperationKind::kReserve, "disk(eng,dynamic):100"),
                      operation("c", OperationKind::kCreate, "disk(eng,dynamic)[v:data]:100")});
  const std::vector<SeenOperation> sent = cluster.bag_of(agent).operations;
  ASSERT_EQ(sent.size(), 2u);
  // The first has become part of the second, which has not failed yet: nothing is offered.
  const std::size_t offers = cluster.bag_of(framework).offers.size();
  tell(agent, framework, sent[0], OperationState::kFailed);
  EXPECT_EQ(cluster.bag_of(framework).offers.size(), offers);
  tell(agent, framework, sent[1], OperationState::kFailed);
  EXPECT_EQ(cluster.agent(agent).total, before);
  EXPECT_EQ(cluster.bag_of(framework).offers.back().resources, before);
}

TEST_P(OperationBooksTest, WhatTasksHoldOfAFailedOperationIsUndoneWhenTheyEnd) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1024", last());
  const Resources before = cluster.agent(agent).total;
  const FrameworkId framework = subscribe("eng");
  operate(framework, {operation("r", OperationKind::kReserve, "cpus(eng,dynamic):1")},
          {{"t", "cpus(eng,dynamic):1;mem:32"}});
  tell(agent, framework, cluster.bag_of(agent).operations.at(0), OperationState::kFailed);
  EXPECT_FALSE(cluster.agent(agent).total == before);
  // The agent has no such thing to run it on.
  cluster.update(agent, framework, "t", TaskState::kDropped);
  EXPECT_EQ(cluster.agent(agent).total, before);
}

TEST_P(OperationBooksTest, AFailureThatTheRegistrationHasToldIsNotUndoneAgain) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1024;cpus(eng,dynamic):1", last());
  const FrameworkId framework = subscribe("eng");
  operate(framework, {operation("r", OperationKind::kReserve, "cpus(eng,dynamic):1")});
  const SeenOperation sent = cluster.bag_of(agent).operations.at(0);
  const std::uint64_t incarnation = cluster.agent(agent).incarnation;
  cluster.disconnect(agent);
  RegisterAgent message;
  message.incarnation = incarnation;
  message.hostname = "host";
  message.resources = parse_resources("cpus:4;mem:1024;cpus(eng,dynamic):1").value();
  message.operations.push_back(
      {framework, sent.id, sent.uuid, OperationState::kFailed, "the disk is full"});
  on_register_agent(cluster.home(agent), cluster.outbox(), cluster.new_session(), agent, message,
                    cluster.now);
  cluster.settle();
  tell(agent, framework, sent, OperationState::kFailed);
  EXPECT_EQ(cluster.agent(agent).total, message.resources);
  EXPECT_EQ(cluster.bag_of(framework).operations.back().state, OperationState::kFailed);
}

TEST_P(OperationBooksTest, ASharedVolumeThatIsDestroyedIsNotOfferedAnyMore) {
  const AgentId agent =
      cluster.add_agent("cpus:4;mem:1024;disk(eng,dynamic)[v:data,shared]:100", last());
  const FrameworkId framework = subscribe("eng", Capabilities().with(Capability::kSharedResources));
  operate(framework,
          {operation("d", OperationKind::kDestroy, "disk(eng,dynamic)[v:data,shared]:100"),
           operation("u", OperationKind::kUnreserve, "disk(eng,dynamic):100")});
  EXPECT_EQ(cluster.agent(agent).total, parse_resources("cpus:4;mem:1024;disk:100").value());
  EXPECT_EQ(cluster.bag_of(framework).offers.back().resources, cluster.agent(agent).total);
}

TEST_P(OperationBooksTest, TasksOnWhatAnAgentLendsAreAdoptedByTheNextMaster) {
  const FrameworkId framework = cluster.add_framework("f", last());
  TaskReport report;
  report.framework = framework;
  report.id = "t";
  report.resources = parse_resources("cpus{revocable}:1;mem:32").value();
  report.state = TaskState::kRunning;
  const AgentId agent = cluster.register_agent(cluster.new_session(), AgentId(), "cpus:4;mem:1024",
                                               7, {report}, last());
  UpdateRevocable lent;
  lent.resources.cpus = 3000;
  on_update_revocable(cluster.home(agent), cluster.outbox(), agent, lent, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.agent(agent).used, report.resources);
}

TEST_P(OperationBooksTest, UnreservingWhatWasKeptForTheRoleAboveStaysWithinTheLimit) {
  cluster.add_agent("cpus:1;mem:1024;cpus(eng,dynamic):3", last());
  limit("eng/ads", 2000);
  const FrameworkId framework = subscribe("eng/ads");
  operate(framework, {operation("u", OperationKind::kUnreserve, "cpus(eng,dynamic):3")});
  EXPECT_EQ(cluster.bag_of(framework).operations.back().state, OperationState::kError);
  const RoleRow* role = cluster.tables().roles.find("eng/ads");
  EXPECT_LE(role->charged.load()[ResourceKind::kCpus], 2000);
}

TEST_P(OperationBooksTest, ReservingFurtherDownStaysWithinTheLimit) {
  cluster.add_agent("cpus:1;mem:1024;cpus(eng,dynamic):3", last());
  limit("eng/ads", 2000);
  const FrameworkId framework = subscribe("eng/ads");
  operate(framework,
          {operation("r", OperationKind::kReserve, "cpus(eng,dynamic)(eng/ads,dynamic):3")});
  EXPECT_EQ(cluster.bag_of(framework).operations.back().state, OperationState::kError);
  const RoleRow* role = cluster.tables().roles.find("eng/ads");
  EXPECT_LE(role->charged.load()[ResourceKind::kCpus], 2000);
}

TEST_P(OperationBooksTest, AnOperatorReservesNoMoreThanTheLimitInSeveralLots) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1024", last());
  limit("eng", 2000);
  OperateAgent message;
  message.agent = agent;
  message.spec.kind = OperationKind::kReserve;
  message.spec.resources =
      parse_resources("cpus(eng,dynamic,a=1):1.5;cpus(eng,dynamic,a=2):1.5").value();
  const SessionId session = cluster.new_session();
  on_operate_agent(cluster.shard(), cluster.outbox(), session, message, 1, cluster.now);
  cluster.settle();
  ASSERT_EQ(cluster.bag(session).refusals.size(), 1u);
  EXPECT_EQ(cluster.tables().roles.find("eng")->charged.load(), Quantities());
}

TEST_P(OperationBooksTest, WhoWaitsForAnOperationHearsThatTheAgentIsUnreachable) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1024", last());
  const FrameworkId framework = subscribe("eng");
  operate(framework, {operation("r", OperationKind::kReserve, "cpus(eng,dynamic):1")});
  cluster.disconnect(agent);
  EXPECT_TRUE(cluster.bag_of(framework).operations.empty());
  cluster.pass_quietly(cluster.shard().config.agent_reregister_timeout + std::chrono::seconds(1));
  ASSERT_EQ(cluster.bag_of(framework).operations.size(), 1u);
  EXPECT_EQ(cluster.bag_of(framework).operations[0].state, OperationState::kUnreachable);
  cluster.register_agent(cluster.new_session(), agent, "cpus:4;mem:1024", 7);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(framework).operations.back().state, OperationState::kDropped);
}

// The agent's connection broke before a RESERVE reached it, and it comes back while the answer to
// an offer of what that would have made is on its way from the framework's shard.
class VanishedReservationTest : public OperationBooksTest {
 protected:
  void reserve() {
    agent = cluster.add_agent(kTotal, last());
    framework = subscribe("eng");
    operate(framework, {operation("r", OperationKind::kReserve, "cpus(eng,dynamic):1")});
    ASSERT_EQ(cluster.bag_of(framework).offers.back().resources,
              parse_resources("cpus:3;mem:1024;cpus(eng,dynamic):1").value());
  }

  // As it was before the RESERVE.
  void come_back() {
    cluster.register_agent(cluster.new_session(), agent, kTotal, cluster.agent(agent).incarnation);
    cluster.end_turns();
    expect_free_or_offered_once();
    cluster.settle();
    expect_free_or_offered_once();
  }

  void expect_free_or_offered_once() {
    const AgentRecord& record = cluster.agent(agent);
    EXPECT_EQ(to_string(record.total), kTotal);
    EXPECT_EQ(to_string(record.available + record.offered + record.used), kTotal);
  }

  static constexpr std::string_view kTotal = "cpus:4;mem:1024";
  AgentId agent;
  FrameworkId framework;
};

INSTANTIATE_TEST_SUITE_P(Shards, VanishedReservationTest, testing::Values(1u, 4u));

TEST_P(VanishedReservationTest, ADeclineOfItGivesNothingBackThatIsNotThere) {
  reserve();
  Decline message;
  message.offers.push_back(cluster.bag_of(framework).offers.back().id);
  message.refuse_ms = 0;
  on_decline(cluster.home(framework), cluster.outbox(), framework, message, 1, cluster.now);
  come_back();
  EXPECT_EQ(to_string(cluster.bag_of(framework).offers.back().resources), kTotal);
}

TEST_P(VanishedReservationTest, ATaskOnItIsDropped) {
  reserve();
  send_accept(framework, {}, {{"t", "cpus(eng,dynamic):1;mem:32"}});
  come_back();
  EXPECT_TRUE(cluster.bag_of(agent).launches.empty());
  ASSERT_FALSE(cluster.bag_of(framework).updates.empty());
  EXPECT_EQ(cluster.bag_of(framework).updates.back().status.state, TaskState::kDropped);
  EXPECT_TRUE(cluster.agent(agent).tasks.empty());
}

TEST_P(VanishedReservationTest, AnOperationOnItIsDropped) {
  reserve();
  send_accept(framework, {operation("u", OperationKind::kUnreserve, "cpus(eng,dynamic):1")});
  come_back();
  EXPECT_TRUE(cluster.bag_of(agent).operations.empty());
  const std::vector<SeenOperation>& told = cluster.bag_of(framework).operations;
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].state, OperationState::kDropped);
  EXPECT_EQ(told[1].id, "u");
  EXPECT_EQ(told[1].state, OperationState::kDropped);
}

}  // namespace
}  // namespace shoal::core
