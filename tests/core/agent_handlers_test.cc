#include "core/agent_handlers.h"

#include <gtest/gtest.h>

#include "core/summary.h"
#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AgentHandlersTest : public ShardedTest {
 protected:
  void SetUp() override {
    agent = cluster.add_agent("cpus:4;mem:1000;ports:[1-10]", last());
    framework = cluster.add_framework("f");
  }

  void launch(const std::string& id, const std::string& resources = "cpus:1;ports:[1-2]") {
    cluster.accept(framework, {cluster.bag_of(framework).offers.back().id}, {{id, resources}});
  }

  AgentId agent;
  FrameworkId framework;
};

TEST_P(AgentHandlersTest, RegistrationTellsTheRhythm) {
  const Mailbag& bag = cluster.bag_of(agent);
  ASSERT_TRUE(bag.registered.has_value());
  EXPECT_EQ(bag.registered->agent, agent);
  EXPECT_EQ(bag.registered->heartbeat_interval_ms, 5000u);
  EXPECT_EQ(bag.registered->session_timeout_ms, 15'000u);
}

TEST_P(AgentHandlersTest, HeartbeatsAreEchoed) {
  on_agent_heartbeat(cluster.home(agent), cluster.outbox(), agent, {9}, cluster.now);
  EXPECT_EQ(cluster.bag_of(agent).heartbeats, 1);
}

TEST_P(AgentHandlersTest, WhatAMachineUsesIsKeptAndSummedUp) {
  launch("t");
  UsageReport report;
  report.machine.cpus_milli = 2500;
  report.machine.memory_bytes = 1000;
  report.machine.memory_used_bytes = 400;
  report.tasks = {{framework, "t", {700, 64}}, {framework, "unknown", {1, 1}}};
  Shard& home = cluster.home(agent);
  on_usage_report(home, cluster.outbox(), agent, report, cluster.now);
  report.machine.cpus_milli = 1500;  // replaces the one before
  on_usage_report(home, cluster.outbox(), agent, report, cluster.now);
  EXPECT_EQ(home.counters.reporting_agents.value(), 1u);
  EXPECT_EQ(home.counters.machines_cpus_milli.value(), 1500u);
  EXPECT_EQ(home.counters.machines_memory_used_bytes.value(), 400u);

  const AgentRecord& record = cluster.agent(agent);
  const AgentSummary summary = summarise(record);
  EXPECT_TRUE(summary.machine.is_known());
  EXPECT_EQ(summary.machine.cpus_milli, 1500u);
  const auto& [key, task] = *record.tasks.begin();
  EXPECT_EQ(summarise(record, key, task).use, (TaskUse{700, 64}));
}

TEST_P(AgentHandlersTest, WhatAnAgentThatIsAwayLastReportedIsForgotten) {
  launch("t");
  UsageReport report;
  report.machine.cpus_milli = 2500;
  report.tasks = {{framework, "t", {700, 64}}};
  Shard& home = cluster.home(agent);
  on_usage_report(home, cluster.outbox(), agent, report, cluster.now);
  on_agent_disconnected(home, cluster.outbox(), agent, cluster.session_of(agent), cluster.now);
  EXPECT_EQ(home.counters.reporting_agents.value(), 0u);
  EXPECT_EQ(home.counters.machines_cpus_milli.value(), 0u);
  const AgentRecord& record = cluster.agent(agent);
  EXPECT_FALSE(summarise(record).machine.is_known());
  const auto& [key, task] = *record.tasks.begin();
  EXPECT_FALSE(summarise(record, key, task).use.is_known());
}

TEST_P(AgentHandlersTest, AReportIsASignOfLife) {
  for (int i = 0; i < 10; ++i) {
    cluster.advance(seconds(10));
    on_usage_report(cluster.home(agent), cluster.outbox(), agent, {}, cluster.now);
  }
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kActive);
}

TEST_P(AgentHandlersTest, ASilentAgentIsDisconnectedAndItsOffersWithdrawn) {
  const SessionId session = cluster.session_of(agent);
  on_framework_heartbeat(cluster.home(framework), cluster.outbox(), framework, {}, cluster.now);
  cluster.advance(milliseconds(14'999));
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kActive);
  on_framework_heartbeat(cluster.home(framework), cluster.outbox(), framework, {}, cluster.now);
  cluster.advance(milliseconds(1));
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kDisconnected);
  EXPECT_TRUE(cluster.bag(session).closed);
  EXPECT_EQ(cluster.bag_of(framework).rescinded.size(), 1u);
}

TEST_P(AgentHandlersTest, AHeartbeatKeepsItAlive) {
  for (int i = 0; i < 10; ++i) {
    cluster.advance(seconds(10));
    on_agent_heartbeat(cluster.home(agent), cluster.outbox(), agent, {1}, cluster.now);
  }
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kActive);
}

TEST_P(AgentHandlersTest, AReconnectingAgentKeepsItsTasks) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  const std::uint64_t incarnation = cluster.agent(agent).incarnation;
  cluster.disconnect(agent);
  EXPECT_EQ(cluster.agent(agent).used.cpus, 1000);
  TaskReport report;
  report.framework = framework;
  report.id = "t";
  report.resources = parse_resources("cpus:1;ports:[1-2]").value();
  report.state = TaskState::kRunning;
  cluster.register_agent(cluster.new_session(), agent, "cpus:4;mem:1000;ports:[1-10]", incarnation,
                         {report});
  cluster.settle();
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kActive);
  EXPECT_EQ(cluster.agent(agent).tasks.size(), 1u);
  EXPECT_EQ(cluster.bag_of(framework).offers.back().resources.cpus, 3000);
}

TEST_P(AgentHandlersTest, ARestartedAgentHasLostItsTasks) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  cluster.disconnect(agent);
  cluster.register_agent(cluster.new_session(), agent, "cpus:4;mem:1000", /*incarnation=*/999);
  cluster.settle();
  const OwnedStatus* update = cluster.bag_of(framework).last_update("t");
  ASSERT_NE(update, nullptr);
  EXPECT_EQ(update->status.state, TaskState::kGone);
  EXPECT_EQ(update->status.reason, TaskReason::kAgentRestarted);
  EXPECT_EQ(cluster.agent(agent).used, Resources());
}

TEST_P(AgentHandlersTest, ATaskThatNeverArrivedIsDropped) {
  launch("t");
  const std::uint64_t incarnation = cluster.agent(agent).incarnation;
  cluster.disconnect(agent);
  cluster.register_agent(cluster.new_session(), agent, "cpus:4;mem:1000;ports:[1-10]", incarnation);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(framework).last_update("t")->status.state, TaskState::kDropped);
}

TEST_P(AgentHandlersTest, ASecondProcessWithTheSameIdHasToWait) {
  const SessionId clone = cluster.new_session();
  const AgentId id = cluster.register_agent(clone, agent, "cpus:4;mem:1000", /*incarnation=*/999);
  EXPECT_FALSE(id.valid());
  ASSERT_EQ(cluster.bag(clone).refusals.size(), 1u);
  EXPECT_EQ(cluster.bag(clone).refusals[0].first, RefusalCode::kOverloaded);
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kActive);
}

TEST_P(AgentHandlersTest, AnAgentThatStaysAwayIsUnreachableAndItsTasksToo) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  cluster.disconnect(agent);
  for (int i = 0; i < 8; ++i) {
    on_framework_heartbeat(cluster.home(framework), cluster.outbox(), framework, {}, cluster.now);
    cluster.advance(seconds(10));
  }
  EXPECT_EQ(cluster.agent(agent).state, AgentState::kUnreachable);
  EXPECT_EQ(cluster.bag_of(framework).last_update("t")->status.state, TaskState::kUnreachable);
  EXPECT_EQ(cluster.bag_of(framework).lost_agents, std::vector<AgentId>{agent});
}

TEST_P(AgentHandlersTest, AnUnreachableAgentMayComeBack) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  const std::uint64_t incarnation = cluster.agent(agent).incarnation;
  cluster.disconnect(agent);
  for (int i = 0; i < 8; ++i) {
    on_framework_heartbeat(cluster.home(framework), cluster.outbox(), framework, {}, cluster.now);
    cluster.advance(seconds(10));
  }
  TaskReport report;
  report.framework = framework;
  report.id = "t";
  report.resources = parse_resources("cpus:1;ports:[1-2]").value();
  report.state = TaskState::kRunning;
  cluster.register_agent(cluster.new_session(), agent, "cpus:4;mem:1000;ports:[1-10]", incarnation,
                         {report});
  cluster.settle();
  const OwnedStatus* update = cluster.bag_of(framework).last_update("t");
  EXPECT_EQ(update->status.state, TaskState::kRunning);
  EXPECT_EQ(update->status.reason, TaskReason::kAgentReregistered);
}

TEST_P(AgentHandlersTest, TasksOfAnEarlierMasterAreAdopted) {
  const FrameworkId returning{draw_id(cluster.shard(0).random, last(), GetParam())};
  const AgentId old_agent{draw_id(cluster.shard(0).random, 0, GetParam())};
  TaskReport report;
  report.framework = returning;
  report.id = "old";
  report.resources = parse_resources("cpus:2").value();
  report.state = TaskState::kRunning;
  cluster.register_agent(cluster.new_session(), old_agent, "cpus:8;mem:1000", 5, {report});
  cluster.settle();
  EXPECT_EQ(cluster.agent(old_agent).used.cpus, 2000);
  // The framework comes back too, and can kill the task.
  cluster.subscribe(cluster.new_session(), returning, "back");
  cluster.settle();
  KillTask kill;
  kill.task = "old";
  on_kill_task(cluster.home(returning), cluster.outbox(), returning, kill, 0, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(old_agent).kills, std::vector<std::string>{"old"});
}

TEST_P(AgentHandlersTest, ATerminalUpdateReleasesResourcesBeforeItsAcknowledgement) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  const UpdateUuid uuid = cluster.update(agent, framework, "t", TaskState::kFinished);
  EXPECT_EQ(cluster.agent(agent).used, Resources());
  EXPECT_EQ(cluster.agent(agent).tasks.size(), 1u);
  cluster.acknowledge(framework, agent, "t", uuid);
  EXPECT_TRUE(cluster.agent(agent).tasks.empty());
  EXPECT_EQ(cluster.bag_of(agent).acknowledged.back().first, "t");
  EXPECT_EQ(cluster.home(agent).completed_tasks.size(), 1u);
}

TEST_P(AgentHandlersTest, ALateUpdateDoesNotUndoAnEnd) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kFailed);
  cluster.update(agent, framework, "t", TaskState::kRunning);
  EXPECT_EQ(cluster.agent(agent).tasks.begin()->second.state, TaskState::kFailed);
  EXPECT_EQ(cluster.agent(agent).used, Resources());
}

TEST_P(AgentHandlersTest, UpdatesOfUnknownTasksAreAcknowledgedByTheMaster) {
  const UpdateUuid uuid = cluster.update(agent, framework, "ghost", TaskState::kRunning);
  ASSERT_EQ(cluster.bag_of(agent).acknowledged.size(), 1u);
  EXPECT_EQ(cluster.bag_of(agent).acknowledged[0].second, uuid);
  EXPECT_TRUE(cluster.bag_of(framework).updates.empty());
}

TEST_P(AgentHandlersTest, AKillIsRepeatedWhenTheAgentComesBack) {
  launch("t");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  const std::uint64_t incarnation = cluster.agent(agent).incarnation;
  cluster.disconnect(agent);
  KillTask kill;
  kill.task = "t";
  on_kill_task(cluster.home(framework), cluster.outbox(), framework, kill, 0, cluster.now);
  cluster.settle();
  TaskReport report;
  report.framework = framework;
  report.id = "t";
  report.resources = parse_resources("cpus:1;ports:[1-2]").value();
  report.state = TaskState::kRunning;
  cluster.register_agent(cluster.new_session(), agent, "cpus:4;mem:1000;ports:[1-10]", incarnation,
                         {report});
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(agent).kills, std::vector<std::string>{"t"});
}

TEST_P(AgentHandlersTest, AnAgentThatComesBackSmallerOffersNothingUntilItFits) {
  launch("t", "cpus:4");
  cluster.update(agent, framework, "t", TaskState::kRunning);
  const std::uint64_t incarnation = cluster.agent(agent).incarnation;
  cluster.disconnect(agent);
  TaskReport report;
  report.framework = framework;
  report.id = "t";
  report.resources = parse_resources("cpus:4").value();
  report.state = TaskState::kRunning;
  cluster.register_agent(cluster.new_session(), agent, "cpus:2;mem:1000", incarnation, {report});
  cluster.settle();
  EXPECT_EQ(cluster.agent(agent).available, Resources());
  cluster.update(agent, framework, "t", TaskState::kFinished);
  EXPECT_EQ(cluster.agent(agent).offered.cpus, 2000);
}

INSTANTIATE_TEST_SUITE_P(Shards, AgentHandlersTest, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
