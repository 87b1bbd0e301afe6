// Agents that an operator deactivates, drains or declares gone.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class DrainScenario : public ScenarioTest {
 protected:
  AgentMode mode(AgentId id) { return cluster.agent(id).mode; }
  bool is_known(AgentId id) { return cluster.home(id).find_agent(id) != nullptr; }
  // The agent reports the end of a task that it was asked to kill.
  void end(AgentId where, FrameworkId whose, std::string_view task, TaskState state) {
    const UpdateUuid uuid = cluster.update(where, whose, task, state);
    cluster.acknowledge(whose, where, task, uuid);
  }
};

TEST_P(DrainScenario, ADeactivatedAgentIsNotOffered) {
  const FrameworkId f = framework("a");
  const AgentId held = agent("cpus:4;mem:400");
  agent("cpus:1;mem:100");
  EXPECT_EQ(manage(held, AgentAction::kDeactivate), "");
  EXPECT_EQ(offered(f), "cpus:1;mem:100");
  EXPECT_EQ(counted(&ShardCounters::rescinded_operator), 1u);
  EXPECT_EQ(counted(&ShardCounters::held_agents), 1u);
  EXPECT_EQ(manage(held, AgentAction::kDeactivate), "") << "again changes nothing";
  EXPECT_EQ(counted(&ShardCounters::held_agents), 1u);
  EXPECT_EQ(count(why(f, "cpus:2"), ExplainCause::kHeldByOperator), 1u);
  EXPECT_EQ(manage(held, AgentAction::kReactivate), "");
  EXPECT_EQ(offered(f), "cpus:5;mem:500");
  EXPECT_EQ(counted(&ShardCounters::held_agents), 0u);
}

TEST_P(DrainScenario, TasksOfADeactivatedAgentRunOn) {
  const FrameworkId f = framework("a");
  const AgentId held = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  EXPECT_EQ(manage(held, AgentAction::kDeactivate), "");
  EXPECT_TRUE(bag(held).kills.empty());
  finish("t");
  EXPECT_EQ(state(f, "t"), TaskState::kFinished);
  EXPECT_EQ(offers(f), 0u) << "what it frees is not offered either";
}

TEST_P(DrainScenario, ADrainKillsAndSaysWhy) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  ASSERT_TRUE(launch(f, "u", "cpus:1;mem:100"));
  EXPECT_EQ(manage(where, AgentAction::kDrain, 5000), "");
  EXPECT_THAT(bag(where).kills, UnorderedElementsAre("t", "u"));
  EXPECT_THAT(bag(where).max_graces, ElementsAre(5000, 5000));
  EXPECT_EQ(mode(where), AgentMode::kDraining);
  EXPECT_EQ(offers(f), 0u);
  EXPECT_THAT(manage(where, AgentAction::kReactivate), HasSubstr("cannot be taken back: 2 tasks"));

  cluster.update(where, f, "t", TaskState::kKilling);
  EXPECT_EQ(bag(f).last_update("t")->status.reason, TaskReason::kAgentDraining);
  EXPECT_EQ(bag(f).last_update("t")->message, "an operator drains the agent");
  end(where, f, "t", TaskState::kKilled);
  EXPECT_EQ(state(f, "t"), TaskState::kKilled);
  EXPECT_EQ(bag(f).last_update("t")->status.reason, TaskReason::kAgentDraining);
  EXPECT_EQ(mode(where), AgentMode::kDraining);
  end(where, f, "u", TaskState::kFinished);
  EXPECT_EQ(bag(f).last_update("u")->status.reason, TaskReason::kNone);
  EXPECT_EQ(mode(where), AgentMode::kDrained);
  EXPECT_EQ(counted(&ShardCounters::agents_drained), 1u);
  EXPECT_EQ(offers(f), 0u);
  EXPECT_EQ(manage(where, AgentAction::kReactivate), "");
  EXPECT_EQ(offered(f), "cpus:4;mem:400");
}

TEST_P(DrainScenario, AnEndThatIsNotAcknowledgedHoldsItUp) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  manage(where, AgentAction::kDrain);
  const UpdateUuid uuid = cluster.update(where, f, "t", TaskState::kKilled);
  EXPECT_EQ(mode(where), AgentMode::kDraining);
  cluster.acknowledge(f, where, "t", uuid);
  EXPECT_EQ(mode(where), AgentMode::kDrained);
}

TEST_P(DrainScenario, AnEmptyAgentIsDrainedAtOnce) {
  const AgentId where = agent("cpus:4;mem:400");
  EXPECT_EQ(manage(where, AgentAction::kDrain), "");
  EXPECT_EQ(mode(where), AgentMode::kDrained);
}

TEST_P(DrainScenario, WhoKillsFirstIsTold) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  on_kill_task(cluster.home(f), cluster.outbox(), f, {f, where, "t", 9000}, 6, cluster.now);
  cluster.settle();
  manage(where, AgentAction::kDrain, 100);
  EXPECT_THAT(bag(where).kills, ElementsAre("t", "t"));
  EXPECT_THAT(bag(where).max_graces, ElementsAre(-1, 100));
  end(where, f, "t", TaskState::kKilled);
  EXPECT_EQ(bag(f).last_update("t")->status.reason, TaskReason::kNone);
}

TEST_P(DrainScenario, AskingAgainCanOnlyShortenIt) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  manage(where, AgentAction::kDrain);
  manage(where, AgentAction::kDrain, 700);
  manage(where, AgentAction::kDrain, 900);
  EXPECT_THAT(bag(where).max_graces, ElementsAre(-1, 700, 700));
}

TEST_P(DrainScenario, ADrainLastsOverADisconnection) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  cluster.disconnect(where);
  EXPECT_EQ(manage(where, AgentAction::kDrain, 100), "");
  EXPECT_EQ(mode(where), AgentMode::kDraining);
  reconnect(where, "cpus:4;mem:400",
            {.tasks = {{f, "t", "t", res("cpus:1;mem:100"), TaskState::kRunning, "a"}}});
  EXPECT_THAT(bag(where).kills, testing::Contains("t"));
  end(where, f, "t", TaskState::kKilled);
  EXPECT_EQ(mode(where), AgentMode::kDrained);
}

TEST_P(DrainScenario, ALaunchThatIsUnderWayIsDropped) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  Accept message;
  message.offers.push_back(held(f).at(0).id);
  TaskLaunch task;
  task.id = "t";
  task.resources = res("cpus:1;mem:100");
  message.tasks.push_back(task);
  on_accept(cluster.home(f), cluster.outbox(), f, message, 5, cluster.now);
  on_operator_manage(cluster.home(where), cluster.outbox(),
                     {{}, {where, AgentAction::kDrain, -1, false}}, cluster.now);
  cluster.settle();
  EXPECT_TRUE(bag(where).launches.empty());
  EXPECT_EQ(state(f, "t"), TaskState::kDropped);
  EXPECT_EQ(bag(f).last_update("t")->status.reason, TaskReason::kAgentDraining);
}

TEST_P(DrainScenario, AGoneAgentIsWrittenOff) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  EXPECT_EQ(manage(where, AgentAction::kMarkGone), "");
  EXPECT_FALSE(is_known(where));
  EXPECT_EQ(state(f, "t"), TaskState::kGoneByOperator);
  EXPECT_EQ(bag(f).last_update("t")->status.reason, TaskReason::kAgentRemovedByOperator);
  EXPECT_EQ(offers(f), 0u);
  EXPECT_THAT(bag(f).lost_agents, ElementsAre(where));
  EXPECT_EQ(manage(where, AgentAction::kMarkGone), "") << "it is";
  EXPECT_THAT(manage(where, AgentAction::kDrain), HasSubstr("no agent"));

  const SessionId session = cluster.new_session();
  EXPECT_FALSE(cluster.register_described(session, where, "cpus:4;mem:400", 1, {}).valid());
  ASSERT_EQ(cluster.bag(session).refusals.size(), 1u);
  EXPECT_EQ(cluster.bag(session).refusals[0].first, RefusalCode::kGone);
}

TEST_P(DrainScenario, DrainedAndGone) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  manage(where, AgentAction::kDrain, -1, true);
  EXPECT_TRUE(is_known(where));
  end(where, f, "t", TaskState::kKilled);
  EXPECT_EQ(state(f, "t"), TaskState::kGoneByOperator);
  EXPECT_FALSE(is_known(where));
  EXPECT_EQ(counted(&ShardCounters::agents_marked_gone), 1u);
}

TEST_P(DrainScenario, AnEndStaysWhatItWasWhateverTheNextDrainSays) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  manage(where, AgentAction::kDrain);
  cluster.update(where, f, "t", TaskState::kKilled);  // not acknowledged: it comes again
  EXPECT_EQ(bag(f).last_update("t")->status.state, TaskState::kKilled);
  manage(where, AgentAction::kDrain, -1, true);
  cluster.update(where, f, "t", TaskState::kKilled);
  EXPECT_EQ(bag(f).last_update("t")->status.state, TaskState::kKilled);
}

// The framework was away when the task ended, and asks.
TEST_P(DrainScenario, WhoAsksIsToldWhyToo) {
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:100"));
  manage(where, AgentAction::kDrain);
  cluster.update(where, f, "t", TaskState::kKilled);
  on_reconcile(cluster.home(f), cluster.outbox(), f, {{"t"}}, cluster.now);
  cluster.settle();
  const auto* told = bag(f).last_update("t");
  EXPECT_EQ(told->status.state, TaskState::kKilled);
  EXPECT_EQ(told->status.reason, TaskReason::kReconciliation);
  EXPECT_EQ(told->message, "an operator drains the agent");
}

TEST_P(DrainScenario, OperationsOfAGoneAgentAreToo) {
  const FrameworkId f = framework("eng");
  const AgentId where = agent("cpus:4;mem:400;disk:1000");
  accept(f, {operation(OperationKind::kReserve, "disk(eng,dynamic):300", "r")});
  manage(where, AgentAction::kMarkGone);
  ASSERT_FALSE(bag(f).operations.empty());
  EXPECT_EQ(bag(f).operations.back().state, OperationState::kGoneByOperator);
}

INSTANTIATE_TEST_SUITE_P(Shards, DrainScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
