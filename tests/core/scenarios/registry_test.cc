// What outlives a master: agents, frameworks and their time, roles' settings; and what waits until
// it is written down.
#include "core/registry.h"

#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class RegistryScenario : public ScenarioTest {
 protected:
  void SetUp() override { cluster.has_registry = true; }

  SessionId come_back(AgentId id, std::string_view resources, std::vector<TaskReport> tasks = {}) {
    const SessionId session = cluster.new_session();
    cluster.register_agent(session, id, resources, /*incarnation=*/1, std::move(tasks));
    cluster.settle();
    return session;
  }
  static TaskReport running(FrameworkId framework, std::string_view id) {
    TaskReport report;
    report.framework = framework;
    report.id = id;
    report.state = TaskState::kRunning;
    report.resources = res("cpus:1;mem:32");
    return report;
  }
  // Under its id of before, on a new connection.
  SessionId subscribe_again(FrameworkId id) {
    const SessionId session = cluster.new_session();
    cluster.subscribe(session, id, "again");
    cluster.settle();
    return session;
  }
};

TEST_P(RegistryScenario, ANewAgentIsToldItsIdWhenItIsWrittenDown) {
  const FrameworkId waiting = framework("dev");
  cluster.commits_itself = false;
  const AgentId id = agent("cpus:4;mem:64");
  EXPECT_FALSE(bag(id).registered.has_value());
  EXPECT_EQ(offers(waiting), 0u);
  cluster.commit();
  EXPECT_TRUE(bag(id).registered.has_value());
  EXPECT_EQ(offered(waiting), "cpus:4;mem:64");
  EXPECT_EQ(cluster.registry.find(id)->standing, AgentStanding::kAdmitted);
}

TEST_P(RegistryScenario, ANewAgentThatLeavesBeforeLeavesNothing) {
  cluster.commits_itself = false;
  const AgentId id = agent("cpus:4;mem:64");
  const SessionId session = cluster.session_of(id);
  cluster.disconnect(id);
  EXPECT_EQ(cluster.home(id).find_agent(id), nullptr);
  cluster.commit();
  EXPECT_FALSE(cluster.bag(session).registered.has_value());
  EXPECT_EQ(cluster.registry.find(id), nullptr);
}

TEST_P(RegistryScenario, AReturningAgentWaitsForNothing) {
  const AgentId id = agent("cpus:4;mem:64");
  cluster.commits_itself = false;
  cluster.disconnect(id);
  reconnect(id, "cpus:4;mem:64");
  EXPECT_TRUE(bag(id).registered.has_value());
  cluster.restart_master();
  EXPECT_EQ(cluster.agent(id).state, AgentState::kRecovered);
  const SessionId session = come_back(id, "cpus:4;mem:64");
  EXPECT_TRUE(cluster.bag(session).registered.has_value());
}

TEST_P(RegistryScenario, WhoIsGoneStaysGone) {
  const FrameworkId owner = framework("dev", can(Capability::kPartitionAware));
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  cluster.update(id, owner, "t", TaskState::kRunning);
  cluster.commits_itself = false;
  const SessionId asking = cluster.new_session();
  on_manage_agent(cluster.shard(last()), cluster.outbox(), asking, {id, AgentAction::kMarkGone}, 9,
                  cluster.now);
  cluster.settle();
  EXPECT_EQ(state(owner, "t"), TaskState::kRunning) << "nobody hears of it before it is durable";
  EXPECT_EQ(cluster.bag(asking).done, 0);
  // Neither does a change to the agent on the way undo it.
  EXPECT_EQ(cluster.agent(id).is_declared_gone, true);
  cluster.commit();
  EXPECT_EQ(cluster.bag(asking).done, 1);
  EXPECT_EQ(state(owner, "t"), TaskState::kGoneByOperator);
  cluster.restart_master();
  const SessionId session = come_back(id, "cpus:4;mem:64");
  ASSERT_EQ(cluster.bag(session).refusals.size(), 1u);
  EXPECT_EQ(cluster.bag(session).refusals[0].first, RefusalCode::kGone);
}

TEST_P(RegistryScenario, WhatWasNotWrittenDownWasNotSaid) {
  const AgentId id = agent("cpus:4;mem:64");
  cluster.commits_itself = false;
  const SessionId asking = cluster.new_session();
  on_manage_agent(cluster.shard(last()), cluster.outbox(), asking, {id, AgentAction::kMarkGone}, 9,
                  cluster.now);
  cluster.settle();
  cluster.restart_master();
  EXPECT_EQ(cluster.bag(asking).done, 0);
  const SessionId session = come_back(id, "cpus:4;mem:64");
  EXPECT_TRUE(cluster.bag(session).registered.has_value());
}

TEST_P(RegistryScenario, ADeactivatedAgentIsNotOfferedByTheNextMaster) {
  const AgentId id = agent("cpus:4;mem:64");
  EXPECT_EQ(manage(id, AgentAction::kDeactivate), "");
  cluster.restart_master();
  const FrameworkId waiting = framework("dev");
  come_back(id, "cpus:4;mem:64");
  EXPECT_EQ(offers(waiting), 0u);
  EXPECT_EQ(manage(id, AgentAction::kReactivate), "");
  EXPECT_EQ(offers(waiting), 1u);
  cluster.restart_master();
  EXPECT_EQ(cluster.agent(id).mode, AgentMode::kNormal);
}

TEST_P(RegistryScenario, ADrainGoesOnUnderTheNextMaster) {
  const FrameworkId owner = framework("dev");
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  EXPECT_EQ(manage(id, AgentAction::kDrain, 5000), "");
  cluster.restart_master();
  EXPECT_EQ(cluster.agent(id).mode, AgentMode::kDraining);
  const SessionId session = come_back(id, "cpus:4;mem:64", {running(owner, "t")});
  EXPECT_THAT(cluster.bag(session).kills, testing::ElementsAre("t"));
  EXPECT_THAT(cluster.bag(session).max_graces, testing::ElementsAre(5000));
  subscribe_again(owner);
  const UpdateUuid uuid = cluster.update(id, owner, "t", TaskState::kKilled);
  cluster.acknowledge(owner, id, "t", uuid);
  EXPECT_EQ(cluster.agent(id).mode, AgentMode::kDrained);
  cluster.restart_master();
  EXPECT_EQ(cluster.agent(id).mode, AgentMode::kDrained);
  EXPECT_NE(cluster.agent(id).drain->ended_ms, 0);
}

// Else the next master, which does not know of it, tells another end of what it killed.
TEST_P(RegistryScenario, ADrainKillsNothingBeforeItIsWrittenDown) {
  const FrameworkId owner = framework("dev");
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  cluster.update(id, owner, "t", TaskState::kRunning);
  cluster.commits_itself = false;
  const SessionId asking = cluster.new_session();
  on_manage_agent(cluster.shard(last()), cluster.outbox(), asking,
                  {.agent = id, .action = AgentAction::kDrain, .mark_gone = true}, 9, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.agent(id).mode, AgentMode::kDraining) << "nothing of it is offered at once";
  cluster.disconnect(id);
  const SessionId back = come_back(id, "cpus:4;mem:64", {running(owner, "t")});
  EXPECT_THAT(cluster.bag(back).kills, IsEmpty());
  EXPECT_EQ(cluster.bag(asking).done, 0);
  cluster.commit();
  EXPECT_EQ(cluster.bag(asking).done, 1);
  EXPECT_THAT(cluster.bag(back).kills, testing::ElementsAre("t"));
  cluster.update(id, owner, "t", TaskState::kKilled);
  EXPECT_EQ(state(owner, "t"), TaskState::kGoneByOperator);
}

// The agent knows the kill, not what for.
TEST_P(RegistryScenario, TheNextMasterTellsADrainsEndWithItsReason) {
  const FrameworkId owner = framework("dev");
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  EXPECT_EQ(manage(id, AgentAction::kDrain, 5000), "");
  cluster.restart_master();
  TaskReport killed = running(owner, "t");
  killed.state = TaskState::kKilled;
  come_back(id, "cpus:4;mem:64", {killed});
  subscribe_again(owner);
  cluster.update(id, owner, "t", TaskState::kKilled);
  EXPECT_EQ(bag(owner).last_update("t")->status.reason, TaskReason::kAgentDraining);
}

// Also to who asks before the agent says it again.
TEST_P(RegistryScenario, TheNextMasterTellsTheSameEndOfWhatGoesWithItsAgent) {
  const FrameworkId owner = framework("dev");
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  on_manage_agent(cluster.shard(last()), cluster.outbox(), cluster.new_session(),
                  {.agent = id, .action = AgentAction::kDrain, .mark_gone = true}, 9, cluster.now);
  cluster.settle();
  cluster.restart_master();
  TaskReport killed = running(owner, "t");
  killed.state = TaskState::kKilled;
  come_back(id, "cpus:4;mem:64", {killed});
  const AgentRecord& agent = cluster.agent(id);
  ASSERT_EQ(agent.tasks.size(), 1u);
  EXPECT_EQ(agent.tasks.begin()->second.state, TaskState::kGoneByOperator);
  EXPECT_EQ(agent.tasks.begin()->second.reason, TaskReason::kAgentDraining);
  subscribe_again(owner);
  cluster.update(id, owner, "t", TaskState::kKilled);
  EXPECT_EQ(state(owner, "t"), TaskState::kGoneByOperator);
}

TEST_P(RegistryScenario, WeightsAndQuotasOutliveTheMaster) {
  agent("cpus:40;mem:640");
  EXPECT_EQ(weight("eng/ads", 2500), "");
  EXPECT_EQ(limit("batch", "cpus:8"), "");
  EXPECT_EQ(guarantee("prod", "mem:64"), "");
  cluster.restart_master();
  EXPECT_EQ(row("eng/ads").weight.load(), 2500);
  EXPECT_EQ(row("batch").limits.load(), parse_quantities("cpus:8", kNoLimit).value());
  EXPECT_EQ(row("prod").guarantees.load(), amount("mem:64"));
  // Without settings it needs no row.
  EXPECT_EQ(weight("eng/ads", kDefaultWeight), "");
  EXPECT_EQ(cluster.registry.find("eng/ads"), nullptr);
}

TEST_P(RegistryScenario, ASettingIsAnsweredWhenItIsDurable) {
  cluster.commits_itself = false;
  const SessionId asking = cluster.new_session();
  UpdateWeights message;
  message.weights.push_back({"dev", 2000});
  on_update_weights(cluster.shard(last()), cluster.outbox(), asking, message, 8, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.bag(asking).done, 0);
  cluster.commit();
  EXPECT_EQ(cluster.bag(asking).done, 1);
}

TEST_P(RegistryScenario, ARemovedFrameworkStaysRemovedAndItsTasksEnd) {
  const FrameworkId owner = framework("dev");
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  cluster.disconnect(id);
  teardown(owner);
  cluster.restart_master();
  const SessionId session = subscribe_again(owner);
  ASSERT_EQ(cluster.bag(session).refusals.size(), 1u);
  EXPECT_EQ(cluster.bag(session).refusals[0].first, RefusalCode::kFenced);
  const SessionId back = come_back(id, "cpus:4;mem:64", {running(owner, "t")});
  EXPECT_THAT(cluster.bag(back).kills, testing::ElementsAre("t"));
}

TEST_P(RegistryScenario, ATaskThatIsToldInTheTurnOfTheRemovalBringsNoFrameworkBack) {
  const FrameworkId owner = framework("dev");
  const AgentId id = agent("cpus:4;mem:64");
  on_teardown(cluster.home(owner), cluster.outbox(), owner, cluster.now);
  on_task_adopted(cluster.home(owner), cluster.outbox(), {owner, id, "t"}, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.home(owner).find_framework(owner), nullptr);
  EXPECT_EQ(cluster.registry.find(owner)->standing, FrameworkStanding::kRemoved);
}

TEST_P(RegistryScenario, AFrameworkKeepsItsTimeToComeBack) {
  FrameworkOptions options;
  options.roles = {"dev"};
  options.failover_ms = 1'000'000;
  const FrameworkId owner = framework(options);
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  cluster.disconnect(owner);
  cluster.pass_quietly(seconds(900), seconds(10));
  cluster.restart_master();
  come_back(id, "cpus:4;mem:64", {running(owner, "t")});
  cluster.pass_quietly(seconds(95));
  ASSERT_NE(cluster.home(owner).find_framework(owner), nullptr) << "5 s are left";
  cluster.pass_quietly(seconds(6));
  EXPECT_EQ(cluster.home(owner).find_framework(owner), nullptr);
  EXPECT_THAT(bag(id).kills, testing::ElementsAre("t"));
}

TEST_P(RegistryScenario, AFrameworkThatWasThereHasItsWholeTime) {
  FrameworkOptions options;
  options.failover_ms = 100'000;
  const FrameworkId owner = framework(options);
  cluster.pass_quietly(seconds(500), seconds(10));
  cluster.restart_master();
  cluster.pass_quietly(seconds(99));
  ASSERT_NE(cluster.home(owner).find_framework(owner), nullptr);
  const SessionId session = subscribe_again(owner);
  EXPECT_TRUE(cluster.bag(session).subscribed.has_value());
  cluster.pass_quietly(seconds(99));
  EXPECT_NE(cluster.home(owner).find_framework(owner), nullptr);
}

TEST_P(RegistryScenario, NoAnswerIsBetterThanAWrongOne) {
  const FrameworkId owner = framework("dev", can(Capability::kPartitionAware));
  const AgentId id = agent("cpus:4;mem:64");
  ASSERT_TRUE(launch(owner, "t", "cpus:1;mem:32"));
  cluster.restart_master();
  const SessionId session = subscribe_again(owner);
  Reconcile question;
  question.tasks.push_back("t");
  on_reconcile(cluster.home(owner), cluster.outbox(), owner, question, cluster.now);
  cluster.settle();
  EXPECT_THAT(cluster.bag(session).updates, IsEmpty());
  cluster.pass_quietly(kAgentReregisterTimeout);
  EXPECT_EQ(cluster.agent(id).state, AgentState::kUnreachable);
  EXPECT_EQ(cluster.registry.find(id)->standing, AgentStanding::kUnreachable);
  on_reconcile(cluster.home(owner), cluster.outbox(), owner, question, cluster.now);
  cluster.settle();
  ASSERT_EQ(cluster.bag(session).updates.size(), 1u);
  EXPECT_EQ(cluster.bag(session).updates[0].status.state, TaskState::kUnknown);
}

TEST_P(RegistryScenario, AnUnreachableAgentComesBack) {
  const AgentId id = agent("cpus:4;mem:64");
  cluster.disconnect(id);
  cluster.pass_quietly(kAgentReregisterTimeout);
  cluster.restart_master();
  EXPECT_EQ(cluster.agent(id).state, AgentState::kUnreachable);
  EXPECT_EQ(cluster.tables().recovery.expected(), 0u) << "nobody waits for it";
  come_back(id, "cpus:4;mem:64");
  EXPECT_EQ(cluster.registry.find(id)->standing, AgentStanding::kAdmitted);
}

TEST_P(RegistryScenario, WithQuotasNothingIsOfferedBeforeMostAgentsAreBack) {
  const std::vector<AgentId> all = agents(10, "cpus:4;mem:64");
  EXPECT_EQ(guarantee("prod", "cpus:20;mem:320"), "");
  cluster.restart_master();
  const FrameworkId greedy = framework("batch");
  for (int i = 0; i < 7; ++i) come_back(all[static_cast<std::size_t>(i)], "cpus:4;mem:64");
  EXPECT_EQ(offers(greedy), 0u);
  come_back(all[7], "cpus:4;mem:64");
  EXPECT_EQ(offered(greedy), "cpus:12;mem:192") << "the rest is kept for prod";
}

TEST_P(RegistryScenario, TheWaitForAgentsEnds) {
  const std::vector<AgentId> all = agents(4, "cpus:4;mem:64");
  EXPECT_EQ(limit("batch", "cpus:6"), "");
  // They are given up later than the wait ends.
  ShardConfig config = cluster.shard().config;
  config.agent_reregister_timeout = kRecoveryHold * 2;
  for (std::uint32_t i = 0; i < cluster.size(); ++i) {
    cluster.shard(i).config.agent_reregister_timeout = config.agent_reregister_timeout;
  }
  cluster.restart_master();
  const FrameworkId greedy = framework("batch");
  come_back(all[0], "cpus:4;mem:64");
  cluster.pass_quietly(kRecoveryHold - seconds(1), seconds(1));
  EXPECT_EQ(offers(greedy), 0u);
  cluster.pass_quietly(seconds(2));
  EXPECT_EQ(offers(greedy), 1u);
}

TEST_P(RegistryScenario, WithoutQuotasNobodyWaits) {
  const std::vector<AgentId> all = agents(4, "cpus:4;mem:64");
  cluster.restart_master();
  const FrameworkId waiting = framework("dev");
  come_back(all[0], "cpus:4;mem:64");
  EXPECT_EQ(offers(waiting), 1u);
}

INSTANTIATE_TEST_SUITE_P(Shards, RegistryScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
