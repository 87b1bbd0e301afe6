// Calls that make no sense: a named error, nothing changed, counted.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class BadCallsScenario : public ScenarioTest {
 protected:
  void expect_refused(FrameworkId id, RefusalCode code, std::string_view text) {
    ASSERT_EQ(bag(id).refusals.size(), 1u);
    EXPECT_EQ(bag(id).refusals[0].first, code);
    EXPECT_THAT(bag(id).refusals[0].second, testing::HasSubstr(std::string(text)));
    EXPECT_EQ(counted(&ShardCounters::refusals), 1u);
  }
};

TEST_P(BadCallsScenario, AnUnknownOffer) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100");
  cluster.accept(f, {OfferId{4711, 1}}, {{"t", "cpus:1"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "is not held by this framework");
  EXPECT_EQ(state(f, "t"), TaskState::kDropped);
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(BadCallsScenario, ALateOffer) {
  const FrameworkId f = framework("a");
  const AgentId a = agent("cpus:1;mem:100");
  const OfferId late = held(f).at(0).id;
  cluster.disconnect(a);
  cluster.accept(f, {late}, {{"t", "cpus:1"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "withdrawn or already answered");
}

TEST_P(BadCallsScenario, AnOfferThatIsAnsweredTwice) {
  const FrameworkId f = framework("a");
  agent("cpus:2;mem:100");
  const OfferId once = held(f).at(0).id;
  cluster.accept(f, {once}, {{"t", "cpus:1"}});
  cluster.accept(f, {once}, {{"u", "cpus:1"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "already answered");
  EXPECT_EQ(state(f, "u"), TaskState::kDropped);
}

TEST_P(BadCallsScenario, AnOfferOfAnotherFramework) {
  const FrameworkId f = framework("a");
  const FrameworkId g = framework("b");
  agent("cpus:1;mem:100");
  cluster.accept(g, {held(f).at(0).id}, {{"t", "cpus:1"}});
  expect_refused(g, RefusalCode::kInvalidOffer, "of another framework");
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(BadCallsScenario, AnOfferThatIsNamedTwice) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100");
  const OfferId id = held(f).at(0).id;
  cluster.accept(f, {id, id}, {{"t", "cpus:1"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "named twice");
  EXPECT_EQ(offers(f), 1u);
}

TEST_P(BadCallsScenario, OffersOfTwoAgents) {
  const FrameworkId f = framework("a");
  agents(2, "cpus:1;mem:100");
  cluster.accept(f, {held(f).at(0).id, held(f).at(1).id}, {{"t", "cpus:2"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "must be of one agent");
  EXPECT_EQ(offers(f), 2u);
}

TEST_P(BadCallsScenario, OffersToTwoRoles) {
  const FrameworkId f = framework({.roles = {"a", "b"}});
  agent("cpus(a):1;mem(a):100;cpus(b):1;mem(b):100");
  ASSERT_EQ(offers(f), 2u);
  cluster.accept(f, {held(f).at(0).id, held(f).at(1).id}, {{"t", "cpus:2"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "must be to one role");
  EXPECT_EQ(offers(f), 2u);
}

TEST_P(BadCallsScenario, NoOfferAtAll) {
  const FrameworkId f = framework("a");
  cluster.accept(f, {}, {{"t", "cpus:1"}});
  expect_refused(f, RefusalCode::kInvalidOffer, "names no offer");
}

TEST_P(BadCallsScenario, MoreThanWasOffered) {
  const FrameworkId f = framework("a");
  agent("cpus:2;mem:100");
  cluster.accept(f, {held(f).at(0).id}, {{"big", "cpus:3"}, {"fits", "cpus:2"}});
  EXPECT_EQ(state(f, "big"), TaskState::kError);
  EXPECT_THAT(bag(f).last_update("big")->message, testing::HasSubstr("cpus 3 (has 2)"));
  EXPECT_EQ(allocated("a"), "cpus:2;mem:100");
  EXPECT_EQ(state(f, "fits"), TaskState::kStaging);
}

TEST_P(BadCallsScenario, MoreThanWasOfferedByAllTasksTogether) {
  const FrameworkId f = framework("a");
  const AgentId a = agent("cpus:2;mem:100");
  cluster.accept(f, {held(f).at(0).id}, {{"one", "cpus:1.5"}, {"two", "cpus:1.5"}});
  EXPECT_EQ(bag(a).launches.size(), 1u);
  EXPECT_EQ(state(f, "two"), TaskState::kError);
}

TEST_P(BadCallsScenario, ATaskOfNothing) {
  const FrameworkId f = framework("a");
  agent("cpus:2;mem:100");
  cluster.accept(f, {held(f).at(0).id}, {{"t", "nothing"}});
  EXPECT_EQ(state(f, "t"), TaskState::kError);
  EXPECT_EQ(offered(f), "cpus:2;mem:100");
}

TEST_P(BadCallsScenario, APortThatWasNotOffered) {
  const FrameworkId f = framework("a");
  agent("cpus:2;mem:100;ports:[1-10]");
  cluster.accept(f, {held(f).at(0).id}, {{"t", "ports:[10-11]"}});
  EXPECT_EQ(state(f, "t"), TaskState::kError);
}

TEST_P(BadCallsScenario, ATaskIdThatIsInUse) {
  const FrameworkId f = framework("a");
  const AgentId a = agent("cpus:2;mem:100");
  ASSERT_TRUE(launch(f, "t", "cpus:1"));
  ASSERT_TRUE(launch(f, "t", "cpus:1"));
  expect_refused(f, RefusalCode::kInvalid, "'t' is in use");
  EXPECT_EQ(bag(a).launches.size(), 1u);
}

TEST_P(BadCallsScenario, DecliningWhatIsNotHeld) {
  const FrameworkId f = framework("a");
  agent("cpus:1;mem:100");
  cluster.decline(f, {OfferId{4711, 1}, held(f).at(0).id}, 60'000);
  expect_refused(f, RefusalCode::kInvalidOffer, "is not held");
  EXPECT_EQ(offers(f), 0u);  // the other one was declined
}

TEST_P(BadCallsScenario, AmountsThatAreNone) {
  for (const std::string_view bad :
       {"cpus:-1", "cpus:nan", "cpus:inf", "cpus:1e30", "cpus:0.0001", "gpus:0.5", "ports:[5-1]",
        "ports:[1-5,3-9]", "cpus:1;cpus:2", "cpus(..):1"}) {
    EXPECT_FALSE(parse_resources(bad).ok()) << bad;
  }
}

// One shard only: the table of each has 131,072 slots, and all of them are filled.
TEST_P(BadCallsScenario, AFullTableIsCountedAndLosesNothing) {
  if (cluster.size() > 1) GTEST_SKIP() << "the same for each shard";
  const FrameworkId f = framework("a");
  for (std::uint64_t i = 0; i < kMaxOffersPerShard + 2; ++i) {
    cluster.register_agent(cluster.new_session(), AgentId(), "cpus:1;mem:100", i + 1);
  }
  cluster.settle();
  for (int turns = 0; turns < 20; ++turns) cluster.settle();  // a pass is bounded
  EXPECT_EQ(bag(f).offers.size(), kMaxOffersPerShard);
  EXPECT_GE(counted(&ShardCounters::offer_table_full), 1u);
  cluster.decline(f, {bag(f).offers[0].id, bag(f).offers[1].id}, 3'600'000);
  EXPECT_EQ(bag(f).offers.size(), kMaxOffersPerShard + 2);
}

INSTANTIATE_TEST_SUITE_P(Shards, BadCallsScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
