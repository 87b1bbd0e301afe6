// Who holds offers and does not answer gives them up to who waits: within 100 ms, and no more than
// is fair.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class HoardingScenario : public ScenarioTest {
 protected:
  void pass(Duration time) { cluster.pass_quietly(time, milliseconds(10)); }
};

TEST_P(HoardingScenario, WhoHasNothingWaitsForTheTenthOfASecondAtMost) {
  const FrameworkId hoarder = framework("a");
  agents(8, "cpus:1;mem:100");
  pass(seconds(1));
  EXPECT_EQ(offers(hoarder), 8u);
  const FrameworkId poor = framework("b");
  pass(milliseconds(100));
  EXPECT_EQ(offers(poor), 4u);
  EXPECT_EQ(offers(hoarder), 4u);
  EXPECT_EQ(counted(&ShardCounters::rescinded_hoarding), 4u);
}

TEST_P(HoardingScenario, OffersThatAreYoungStay) {
  const FrameworkId quick = framework("a");
  agents(4, "cpus:1;mem:100");
  framework("b");
  pass(milliseconds(40));
  EXPECT_TRUE(bag(quick).rescinded.empty());
}

TEST_P(HoardingScenario, TwoWithEqualSharesKeepWhatTheyHave) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agents(8, "cpus:1;mem:100");
  pass(seconds(5));
  EXPECT_TRUE(bag(a).rescinded.empty());
  EXPECT_TRUE(bag(b).rescinded.empty());
}

TEST_P(HoardingScenario, AnOddAgentDoesNotGoToAndFro) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agents(5, "cpus:1;mem:100");
  pass(seconds(5));
  EXPECT_TRUE(bag(a).rescinded.empty());
  EXPECT_TRUE(bag(b).rescinded.empty());
}

TEST_P(HoardingScenario, OneAgentIsShownToEachInTurn) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agent("cpus:1;mem:100");
  pass(seconds(2));
  EXPECT_GE(bag(a).offers.size(), 5u);
  EXPECT_GE(bag(b).offers.size(), 5u);
  EXPECT_EQ(offers(a) + offers(b), 1u);
}

TEST_P(HoardingScenario, WithinARoleItIsTheSame) {
  const FrameworkId hoarder = framework("eng");
  agents(4, "cpus:1;mem:100");
  pass(seconds(1));
  const FrameworkId poor = framework("eng");
  pass(milliseconds(100));
  EXPECT_EQ(offers(poor), 2u);
  EXPECT_EQ(offers(hoarder), 2u);
}

// An agent whose tasks ended one after the other, each into an offer of its own.
TEST_P(HoardingScenario, WhoHasNothingGetsWhatSeveralSmallOffersHoldTogether) {
  const AgentId id = agent("cpus:1;mem:100");
  const FrameworkId hoarder = framework("a");
  cluster.accept(hoarder, {bag(hoarder).offers.back().id},
                 {{"1", "cpus:0.2;mem:20"},
                  {"2", "cpus:0.2;mem:20"},
                  {"3", "cpus:0.2;mem:20"},
                  {"4", "cpus:0.4;mem:40"}});
  for (const std::string_view task : {"1", "2", "3"}) {
    cluster.update(id, hoarder, task, TaskState::kFinished);
  }
  ASSERT_EQ(offers(hoarder), 3u);
  FrameworkOptions large;
  large.roles = {"b"};
  large.minimums = {{"b", "cpus:0.3;mem:30"}};
  const FrameworkId poor = framework(large);
  pass(milliseconds(200));
  ASSERT_EQ(bag(poor).offers.size(), 1u);
  EXPECT_EQ(to_string(bag(poor).offers[0].resources), "cpus:0.4;mem:40");
  EXPECT_EQ(bag(hoarder).rescinded.size(), 2u);  // the third is not needed
}

TEST_P(HoardingScenario, SmallOffersThatAreTooLittleTogetherStay) {
  const AgentId id = agent("cpus:1;mem:100");
  const FrameworkId hoarder = framework("a");
  cluster.accept(hoarder, {bag(hoarder).offers.back().id},
                 {{"1", "cpus:0.2;mem:20"}, {"2", "cpus:0.2;mem:20"}, {"3", "cpus:0.6;mem:60"}});
  for (const std::string_view task : {"1", "2"}) {
    cluster.update(id, hoarder, task, TaskState::kFinished);
  }
  FrameworkOptions large;
  large.roles = {"b"};
  large.minimums = {{"b", "cpus:0.5;mem:30"}};
  const FrameworkId poor = framework(large);
  pass(seconds(1));
  EXPECT_TRUE(bag(poor).offers.empty());
  EXPECT_TRUE(bag(hoarder).rescinded.empty());
}

TEST_P(HoardingScenario, AnOfferIsNotTakenForWhoRefusedIt) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  suppress(a);
  agent("cpus:1;mem:100");
  decline(b, 60'000);
  revive(a);
  pass(seconds(2));
  EXPECT_TRUE(bag(a).rescinded.empty());
  EXPECT_EQ(offers(a), 1u);
}

TEST_P(HoardingScenario, AnOfferIsNotTakenForWhoMayNotHaveIt) {
  ASSERT_EQ(limit("full", "cpus:0"), "");
  const FrameworkId gpu = framework("a", can(Capability::kGpu));
  const FrameworkId quiet = framework("b", can(Capability::kGpu));
  suppress(quiet);
  framework("c");  // has not the capability
  framework("full", can(Capability::kGpu));
  agent("cpus:1;mem:100;gpus:1");
  pass(seconds(2));
  EXPECT_TRUE(bag(gpu).rescinded.empty());
}

TEST_P(HoardingScenario, WeightsAreMinded) {
  ASSERT_EQ(weight("a", 3000), "");
  const FrameworkId a = framework("a");
  agents(8, "cpus:1;mem:100");
  pass(seconds(1));
  const FrameworkId b = framework("b");
  pass(seconds(1));
  EXPECT_EQ(offers(a), 6u);
  EXPECT_EQ(offers(b), 2u);
}

TEST_P(HoardingScenario, ThePatienceCanBeSet) {
  ShardConfig config;
  config.offer_patience = seconds(2);
  cluster.configure(config);
  const FrameworkId hoarder = framework("a");
  agents(2, "cpus:1;mem:100");
  framework("b");
  pass(milliseconds(900));
  EXPECT_TRUE(bag(hoarder).rescinded.empty());
  pass(milliseconds(1200));
  EXPECT_EQ(bag(hoarder).rescinded.size(), 1u);
}

TEST_P(HoardingScenario, OffersEndAfterTheOfferTimeoutWhoeverWaits) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100");
  cluster.pass_quietly(kDefaultOfferTimeout);
  EXPECT_EQ(bag(f).rescinded.size(), 1u);
  EXPECT_EQ(counted(&ShardCounters::offers_expired), 1u);
  EXPECT_EQ(offers(f), 1u);  // and come anew
}

// The whole of role `eng` is far ahead of `ops`, but the fault is another's.
TEST_P(HoardingScenario, WhoHasNothingIsNotKeptWaitingForItsRole) {
  framework("eng/ads");
  agent("cpus:8;mem:800");
  framework("ops");
  agent("cpus:0.1;mem:10");
  const FrameworkId poor = framework("eng/web");
  pass(milliseconds(100));
  ASSERT_FALSE(bag(poor).offers.empty())
      << "within the patience; who does not answer loses it again";
  EXPECT_EQ(to_string(bag(poor).offers.front().resources), "cpus:8;mem:800");
}

// Found by the simulator (seed 1204): the watch was due again at once, for ever.
TEST_P(HoardingScenario, AnAnswerThatIsUnderWayAtTheTimeoutCounts) {
  ShardConfig config;
  config.offer_timeout = seconds(1);
  cluster.configure(config);
  const FrameworkId f = framework("a");
  const AgentId where = agent("cpus:1;mem:100");
  Accept message;
  message.offers.push_back(held(f).at(0).id);
  TaskLaunch task;
  task.id = "t";
  task.resources = res("cpus:1;mem:100");
  message.tasks.push_back(task);
  on_accept(cluster.home(f), cluster.outbox(), f, message, 5, cluster.now);
  cluster.now += seconds(1);
  on_tick(cluster.home(where), cluster.outbox(), cluster.now);
  cluster.settle();
  EXPECT_EQ(cluster.agent(where).tasks.size(), 1u);
  EXPECT_EQ(counted(&ShardCounters::offers_expired), 0u);
}

TEST_P(HoardingScenario, WhoHidesEverythingItselfIsTold) {
  const FrameworkId f = framework("a", can(Capability::kNotices));
  agents(3, "cpus:1;mem:100");
  decline(f, 3'600'000);
  pass(seconds(1));
  ASSERT_EQ(bag(f).notices.size(), 1u);
  EXPECT_THAT(bag(f).notices[0],
              testing::HasSubstr("3 agents: 3 hidden by its own filters; revive"));
  pass(seconds(5));
  EXPECT_EQ(bag(f).notices.size(), 1u);
}

TEST_P(HoardingScenario, WhoWaitsForOthersIsNotTold) {
  const FrameworkId holder = framework("a");
  agent("cpus:1;mem:100");
  ASSERT_TRUE(launch(holder, "t", "cpus:1;mem:100"));
  const FrameworkId f = framework("b", can(Capability::kNotices));
  pass(seconds(3));
  EXPECT_TRUE(bag(f).notices.empty());
}

INSTANTIATE_TEST_SUITE_P(Shards, HoardingScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
