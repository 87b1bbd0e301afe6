#include "core/framework_handlers.h"

#include <gtest/gtest.h>

#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

using std::chrono::seconds;

class FrameworkHandlersTest : public ShardedTest {
 protected:
  void SetUp() override {
    agent = cluster.add_agent("cpus:4;mem:1000;ports:[1-10]", last());
    framework = cluster.add_framework("f");
  }
  OfferId offer() { return cluster.bag_of(framework).offers.back().id; }
  Mailbag& bag() { return cluster.bag_of(framework); }

  AgentId agent;
  FrameworkId framework;
};

TEST_P(FrameworkHandlersTest, AcceptLaunchesAndTheRestReturnsAtOnce) {
  cluster.accept(framework, {offer()}, {{"t1", "cpus:1;ports:[1-1]"}, {"t2", "cpus:2"}});
  ASSERT_EQ(cluster.bag_of(agent).launches.size(), 2u);
  EXPECT_EQ(cluster.bag_of(agent).launches[0].id, "t1");
  ASSERT_EQ(bag().offers.size(), 2u);
  EXPECT_EQ(bag().offers[1].resources, parse_resources("cpus:1;mem:1000;ports:[2-10]").value());
}

TEST_P(FrameworkHandlersTest, AnOfferIsUsedOnce) {
  const OfferId used = offer();
  cluster.accept(framework, {used}, {{"t1", "cpus:1"}});
  cluster.accept(framework, {used}, {{"t2", "cpus:1"}});
  ASSERT_EQ(bag().refusals.size(), 1u);
  EXPECT_EQ(bag().refusals[0].first, RefusalCode::kInvalidOffer);
  EXPECT_EQ(bag().last_update("t2")->status.state, TaskState::kDropped);
  EXPECT_EQ(bag().last_update("t2")->status.reason, TaskReason::kInvalidOffers);
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 1u);
}

TEST_P(FrameworkHandlersTest, ForeignUnknownAndTwiceNamedOffersAreRefused) {
  const FrameworkId thief = cluster.add_framework("thief", last());
  const OfferId mine = offer();
  cluster.accept(thief, {mine}, {{"t", "cpus:1"}});
  cluster.accept(thief, {OfferId{77, 1}}, {{"t", "cpus:1"}});
  cluster.accept(thief, {}, {{"t", "cpus:1"}});
  EXPECT_EQ(cluster.bag_of(thief).refusals.size(), 3u);
  cluster.accept(framework, {mine, mine}, {{"t", "cpus:1"}});
  EXPECT_EQ(bag().refusals.size(), 1u);
  cluster.accept(framework, {mine}, {{"t", "cpus:1"}});  // still the framework's
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 1u);
}

TEST_P(FrameworkHandlersTest, OffersOfTwoAgentsInOneAcceptAreRefused) {
  cluster.add_agent("cpus:4;mem:1000");
  ASSERT_EQ(bag().offers.size(), 2u);
  cluster.accept(framework, {bag().offers[0].id, bag().offers[1].id}, {{"t", "cpus:6"}});
  EXPECT_NE(bag().refusals.at(0).second.find("one agent"), std::string::npos);
  EXPECT_EQ(bag().last_update("t")->status.state, TaskState::kDropped);
}

TEST_P(FrameworkHandlersTest, SeveralOffersOfOneAgentAreUsedTogether) {
  cluster.accept(framework, {offer()}, {{"t1", "cpus:3"}});
  // cpus:1 is out again; when t1 ends another offer of the same agent comes.
  cluster.update(agent, framework, "t1", TaskState::kFinished);
  ASSERT_EQ(bag().offers.size(), 3u);
  cluster.accept(framework, {bag().offers[1].id, bag().offers[2].id}, {{"t2", "cpus:4"}});
  EXPECT_EQ(cluster.bag_of(agent).launches.back().id, "t2");
  EXPECT_TRUE(bag().refusals.empty());
}

TEST_P(FrameworkHandlersTest, InvalidTasksAreErrorsAndTheOthersRun) {
  cluster.accept(framework, {offer()},
                 {{"ok", "cpus:1"}, {"big", "cpus:9"}, {"none", ""}, {"a/b", "cpus:1"}});
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 1u);
  for (const char* id : {"big", "none", "a/b"}) {
    const OwnedStatus* update = bag().last_update(id);
    ASSERT_NE(update, nullptr) << id;
    EXPECT_EQ(update->status.state, TaskState::kError) << id;
    EXPECT_EQ(update->status.reason, TaskReason::kTaskInvalid) << id;
    EXPECT_FALSE(update->message.empty());
  }
  EXPECT_NE(bag().last_update("big")->message.find("cpus 9 (has 3)"), std::string::npos);
}

TEST_P(FrameworkHandlersTest, ARepeatedLaunchIsRefusedAndSaysNothingOfAnEnd) {
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}, {"t", "cpus:1"}});
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 1u);
  EXPECT_EQ(bag().refusals.at(0).first, RefusalCode::kInvalid);
  cluster.update(agent, framework, "t", TaskState::kRunning);
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  EXPECT_EQ(bag().refusals.at(1).first, RefusalCode::kInvalid);
  EXPECT_EQ(bag().last_update("t")->status.state, TaskState::kRunning);
  EXPECT_EQ(bag().last_update("t")->status.reason, TaskReason::kReconciliation);
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 1u);
}

TEST_P(FrameworkHandlersTest, ATaskIdIsFreeAgainAfterItsLastAcknowledgement) {
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  const UpdateUuid uuid = cluster.update(agent, framework, "t", TaskState::kFinished);
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  EXPECT_EQ(bag().refusals.at(0).first, RefusalCode::kInvalid);
  cluster.acknowledge(framework, agent, "t", uuid);
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 2u);
}

TEST_P(FrameworkHandlersTest, AnAcceptThatLosesAgainstALostAgentDropsItsTasks) {
  const OfferId id = offer();
  // The agent's shard rescinds; the notice is still in the mailbox when the accept is handled.
  on_agent_disconnected(cluster.home(agent), cluster.outbox(), agent, cluster.session_of(agent),
                        cluster.now);
  cluster.accept(framework, {id}, {{"t", "cpus:1"}});
  EXPECT_EQ(bag().refusals.at(0).first, RefusalCode::kInvalidOffer);
  EXPECT_EQ(bag().last_update("t")->status.state, TaskState::kDropped);
}

TEST_P(FrameworkHandlersTest, ALaunchThatMeetsALostAgentIsDropped) {
  Accept message;
  message.offers.push_back(offer());
  TaskLaunch task;
  task.id = "t";
  task.resources = parse_resources("cpus:1").value();
  message.tasks.push_back(task);
  on_accept(cluster.home(framework), cluster.outbox(), framework, message, 0, cluster.now);
  // Claimed, and the answer is on its way when the agent is lost.
  on_agent_disconnected(cluster.home(agent), cluster.outbox(), agent, cluster.session_of(agent),
                        cluster.now);
  cluster.settle();
  EXPECT_EQ(bag().last_update("t")->status.state, TaskState::kDropped);
  EXPECT_EQ(bag().last_update("t")->status.reason, TaskReason::kAgentDisconnected);
}

TEST_P(FrameworkHandlersTest, AnAcceptThatIsTurnedDownDropsItsTasksAndFreesItsOffers) {
  Accept message;
  message.offers.push_back(offer());
  message.refuse_ms = 5000;
  TaskLaunch task;
  task.id = "t";
  task.resources = parse_resources("cpus:1").value();
  message.tasks.push_back(task);
  const Refusal why{.code = RefusalCode::kOverloaded, .message = "later", .retry_after_ms = 7};
  turn_down_accept(cluster.home(framework), cluster.outbox(), framework, message, why, 1,
                   cluster.now);
  cluster.settle();
  EXPECT_EQ(bag().refusals.at(0).first, RefusalCode::kOverloaded);
  EXPECT_EQ(bag().last_update("t")->status.state, TaskState::kDropped);
  EXPECT_TRUE(cluster.bag_of(agent).launches.empty());
  EXPECT_EQ(cluster.agent(agent).offered, Resources());  // and filtered for a while
  cluster.advance(seconds(6));
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  EXPECT_EQ(cluster.bag_of(agent).launches.size(), 1u);
}

TEST_P(FrameworkHandlersTest, KillReachesTheAgentAndUnknownTasksAreNamed) {
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  KillTask kill;
  kill.task = "t";
  on_kill_task(cluster.home(framework), cluster.outbox(), framework, kill, 0, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.bag_of(agent).kills, std::vector<std::string>{"t"});
  kill.task = "ghost";
  on_kill_task(cluster.home(framework), cluster.outbox(), framework, kill, 0, cluster.now);
  EXPECT_EQ(bag().refusals.at(0).first, RefusalCode::kNotFound);
}

TEST_P(FrameworkHandlersTest, AnAcknowledgementOfNothingIsNamed) {
  cluster.acknowledge(framework, agent, "ghost", {});
  EXPECT_EQ(bag().refusals.at(0).first, RefusalCode::kNotFound);
}

TEST_P(FrameworkHandlersTest, ReconcileTellsTheStateOfOneOrAll) {
  cluster.accept(framework, {offer()}, {{"t1", "cpus:1"}, {"t2", "cpus:1"}});
  cluster.update(agent, framework, "t1", TaskState::kRunning);
  bag().updates.clear();
  Reconcile some;
  some.tasks = {"t1", "ghost"};
  on_reconcile(cluster.home(framework), cluster.outbox(), framework, some, cluster.now);
  cluster.settle();
  EXPECT_EQ(bag().last_update("t1")->status.state, TaskState::kRunning);
  EXPECT_EQ(bag().last_update("t1")->status.reason, TaskReason::kReconciliation);
  EXPECT_EQ(bag().last_update("ghost")->status.state, TaskState::kUnknown);
  bag().updates.clear();
  on_reconcile(cluster.home(framework), cluster.outbox(), framework, Reconcile(), cluster.now);
  cluster.settle();
  EXPECT_EQ(bag().updates.size(), 2u);
}

TEST_P(FrameworkHandlersTest, ADisconnectedFrameworkHoldsNoOffersAndKeepsItsTasks) {
  cluster.accept(framework, {offer()}, {{"t", "cpus:1"}});
  cluster.disconnect(framework);
  EXPECT_EQ(cluster.agent(agent).offered, Resources());
  EXPECT_EQ(cluster.agent(agent).tasks.size(), 1u);
  const SessionId again = cluster.new_session();
  EXPECT_EQ(cluster.subscribe(again, framework, "f"), framework);
  cluster.settle();
  EXPECT_EQ(cluster.bag(again).offers.size(), 1u);
}

TEST_P(FrameworkHandlersTest, ANewInstanceFencesTheOldOne) {
  const SessionId old = cluster.session_of(framework);
  const SessionId fresh = cluster.new_session();
  EXPECT_EQ(cluster.subscribe(fresh, framework, "f"), framework);
  cluster.settle();
  EXPECT_TRUE(cluster.bag(old).closed);
  EXPECT_EQ(cluster.bag(old).refusals.at(0).first, RefusalCode::kFenced);
  // Its late disconnect changes nothing.
  on_framework_disconnected(cluster.home(framework), cluster.outbox(), framework, old, cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.home(framework).find_framework(framework)->state, FrameworkState::kActive);
  EXPECT_EQ(cluster.bag(fresh).offers.size(), 1u);
}

TEST_P(FrameworkHandlersTest, WithoutFailoverTimeTheTasksAreKilledAtOnce) {
  const FrameworkId brief = cluster.add_framework("brief", last(), /*failover_ms=*/0);
  cluster.decline(framework, {offer()}, 1'000'000);
  cluster.accept(brief, {cluster.bag_of(brief).offers.at(0).id}, {{"t", "cpus:1"}});
  cluster.disconnect(brief);
  EXPECT_EQ(cluster.bag_of(agent).kills, std::vector<std::string>{"t"});
  EXPECT_EQ(cluster.agent(agent).used.cpus, 1000);  // until the agent says that it ended
  const UpdateUuid uuid = cluster.update(agent, brief, "t", TaskState::kKilled);
  EXPECT_EQ(cluster.agent(agent).used, Resources());
  EXPECT_EQ(cluster.bag_of(agent).acknowledged.back().second, uuid);
}

TEST_P(FrameworkHandlersTest, TheFailoverTimeRunsOut) {
  const FrameworkId f = cluster.add_framework("g", last(), /*failover_ms=*/10'000);
  cluster.disconnect(f);
  cluster.advance(seconds(9));
  EXPECT_NE(cluster.home(f).find_framework(f), nullptr);
  cluster.advance(seconds(1));
  EXPECT_EQ(cluster.home(f).find_framework(f), nullptr);
}

TEST_P(FrameworkHandlersTest, ATornDownFrameworksIdIsNotUsedAgain) {
  on_teardown(cluster.home(framework), cluster.outbox(), framework, cluster.now);
  cluster.settle();
  const SessionId session = cluster.new_session();
  EXPECT_FALSE(cluster.subscribe(session, framework, "f").valid());
  EXPECT_EQ(cluster.bag(session).refusals.at(0).first, RefusalCode::kFenced);
}

TEST_P(FrameworkHandlersTest, ASilentFrameworkIsDisconnected) {
  const SessionId session = cluster.session_of(framework);
  cluster.advance(seconds(15));
  EXPECT_TRUE(cluster.bag(session).closed);
  EXPECT_EQ(cluster.home(framework).find_framework(framework)->state,
            FrameworkState::kDisconnected);
}

TEST_P(FrameworkHandlersTest, TooManyFrameworksAreRefusedAndARemovedOneMakesRoom) {
  Shard& shard = cluster.shard(0);
  shard.free_framework_indices.resize(1);
  const FrameworkId fits = cluster.add_framework("fits");
  const SessionId session = cluster.new_session();
  EXPECT_FALSE(cluster.subscribe(session, FrameworkId(), "too many").valid());
  EXPECT_EQ(cluster.bag(session).refusals.at(0).first, RefusalCode::kOverloaded);
  on_teardown(cluster.home(fits), cluster.outbox(), fits, cluster.now);
  cluster.settle();
  EXPECT_TRUE(cluster.subscribe(session, FrameworkId(), "now").valid());
  cluster.settle();
}

INSTANTIATE_TEST_SUITE_P(Shards, FrameworkHandlersTest, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
