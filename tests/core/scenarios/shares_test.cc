// Dominant resource fairness among frameworks and roles of one weight.
#include <algorithm>

#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

class SharesScenario : public ScenarioTest {
 protected:
  struct Demand {
    std::string name;
    FrameworkId framework;
    std::string task;
  };

  // Whoever is offered the rest of the cluster launches one task, or refuses when it does not fit,
  // until nobody can. Returns whose tasks were launched, in order.
  std::string play(const std::vector<Demand>& demands) {
    std::string out;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Demand& demand : demands) {
        if (offers(demand.framework) == 0) continue;
        moved = true;
        if (launch(demand.framework, demand.name + std::to_string(out.size()), demand.task)) {
          out += demand.name;
        } else {
          decline(demand.framework, 3'600'000);
        }
        break;
      }
    }
    return out;
  }
  double share(FrameworkId id) {
    const auto& subscription = cluster.home(id).find_framework(id)->roles.at(0).subscription;
    const Quantities held = cluster.tables().shares.held(subscription).load();
    const Quantities total = cluster.tables().shares.total.load();
    double dominant = 0;
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      if (total[kind] == 0) continue;
      dominant =
          std::max(dominant, static_cast<double>(held[kind]) / static_cast<double>(total[kind]));
    }
    return dominant;
  }
};

// Ghodsi et al., NSDI 2011, section 4.1 and table 1: 9 CPUs and 18 GB; A's tasks need 1 CPU and
// 4 GB, B's 3 CPUs and 1 GB.
TEST_P(SharesScenario, TheExampleOfThePaper) {
  const FrameworkId b = framework("b");
  const FrameworkId a = framework("a");
  agent("cpus:9;mem:18432");
  EXPECT_EQ(play({{"A", a, "cpus:1;mem:4096"}, {"B", b, "cpus:3;mem:1024"}}), "BAABA");
  EXPECT_EQ(allocated("a"), "cpus:3;mem:12288");
  EXPECT_EQ(allocated("b"), "cpus:6;mem:2048");
  EXPECT_DOUBLE_EQ(share(a), 2.0 / 3);
  EXPECT_DOUBLE_EQ(share(b), 2.0 / 3);
}

TEST_P(SharesScenario, TheExampleOfThePaperWithinOneRole) {
  const FrameworkId b = framework("eng");
  const FrameworkId a = framework("eng");
  agent("cpus:9;mem:18432");
  EXPECT_EQ(play({{"A", a, "cpus:1;mem:4096"}, {"B", b, "cpus:3;mem:1024"}}), "BAABA");
  EXPECT_DOUBLE_EQ(share(a), share(b));
}

// The same paper, section 4.1: with equal demands it is max-min fairness of tasks.
TEST_P(SharesScenario, EqualDemandsAlternate) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agent("cpus:6;mem:6144");
  EXPECT_EQ(play({{"A", a, "cpus:1;mem:1024"}, {"B", b, "cpus:1;mem:1024"}}), "ABABAB");
}

// Strategy-proof: who asks for more of what it does not need runs fewer tasks, not more.
TEST_P(SharesScenario, AskingForMoreThanIsNeededDoesNotPay) {
  const FrameworkId b = framework("b");
  const FrameworkId a = framework("a");
  agent("cpus:9;mem:18432");
  const std::string order = play({{"A", a, "cpus:1;mem:6144"}, {"B", b, "cpus:3;mem:1024"}});
  EXPECT_EQ(std::count(order.begin(), order.end(), 'A'), 2);
}

TEST_P(SharesScenario, OneResourceIsMaxMinFair) {
  std::vector<FrameworkId> all;
  for (int i = 0; i < 4; ++i) all.push_back(framework("*"));
  agents(12, "cpus:2;mem:64");
  for (const FrameworkId f : all) EXPECT_EQ(offers(f), 3u);
}

TEST_P(SharesScenario, OffersThatAreOutCountAsHeld) {
  agents(3, "cpus:1;mem:100");
  const FrameworkId early = framework("early");
  EXPECT_EQ(offers(early), 3u);
  const FrameworkId late = framework("late");
  agents(2, "cpus:1;mem:100");
  EXPECT_EQ(offers(early), 3u);
  EXPECT_EQ(offers(late), 2u);
}

TEST_P(SharesScenario, WhatATaskUsesCountsUntilItEnds) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  suppress(b);
  agents(2, "cpus:4;mem:100");
  ASSERT_TRUE(launch(a, "t0", "cpus:4;mem:100"));
  ASSERT_TRUE(launch(a, "t1", "cpus:4;mem:100"));
  revive(b);
  agent("cpus:5;mem:100");
  EXPECT_EQ(offers(b), 1u);  // 8 and 5 cpus
  finish("t0");
  EXPECT_EQ(offers(b), 1u);  // 4 and 5
  EXPECT_EQ(offers(a), 1u);
}

TEST_P(SharesScenario, TheRestOfAnAcceptedOfferGoesToTheNeedier) {
  const FrameworkId a = framework("a");
  const FrameworkId b = framework("b");
  agent("cpus:8;mem:800");
  ASSERT_TRUE(launch(a, "t", "cpus:2;mem:100"));
  EXPECT_EQ(offers(a), 0u);
  EXPECT_EQ(offered(b), "cpus:6;mem:700");
}

TEST_P(SharesScenario, SharesOfRolesComeBeforeThoseOfFrameworks) {
  // Two roles, of which one has three frameworks: half of the cluster is for each role.
  const FrameworkId alone = framework("alone");
  std::vector<FrameworkId> crowd;
  for (int i = 0; i < 3; ++i) crowd.push_back(framework("crowd"));
  agents(12, "cpus:1;mem:100");
  EXPECT_EQ(offers(alone), 6u);
  for (const FrameworkId f : crowd) EXPECT_EQ(offers(f), 2u);
}

TEST_P(SharesScenario, AFrameworkInTwoRolesHasAShareInEach) {
  const FrameworkId both = framework({.roles = {"red", "blue"}});
  const FrameworkId red = framework("red");
  agents(8, "cpus:1;mem:100");
  EXPECT_EQ(offered(both, "blue"), "cpus:4;mem:400");
  EXPECT_EQ(offered(both, "red"), "cpus:2;mem:200");
  EXPECT_EQ(offered(red), "cpus:2;mem:200");
}

TEST_P(SharesScenario, ExcludedResourcesDoNotCount) {
  ShardConfig config;
  config.excluded_from_shares[static_cast<std::size_t>(ResourceKind::kGpus)] = true;
  cluster.configure(config);
  const FrameworkId gpus = framework("gpus", can(Capability::kGpu));
  agent("cpus:1;mem:100;gpus:4");  // all GPUs of the cluster, and little else
  const FrameworkId plain = framework("plain");
  agents(4, "cpus:8;mem:100");
  EXPECT_EQ(offers(gpus), 1u + 2u);
  EXPECT_EQ(offers(plain), 2u);
}

TEST_P(SharesScenario, ResourcesThatAreNotExcludedDoCount) {
  const FrameworkId gpus = framework("gpus", can(Capability::kGpu));
  agent("cpus:1;mem:100;gpus:4");
  const FrameworkId plain = framework("plain");
  agents(4, "cpus:8;mem:100");
  EXPECT_EQ(offers(gpus), 1u);
  EXPECT_EQ(offers(plain), 4u);
}

TEST_P(SharesScenario, AFrameworkThatLeavesMakesRoomForTheOthers) {
  const FrameworkId leaver = framework("leaver");
  agents(4, "cpus:1;mem:100");
  const FrameworkId stayer = framework("stayer");
  EXPECT_EQ(offers(stayer), 0u);
  teardown(leaver);
  EXPECT_EQ(offers(stayer), 4u);
  EXPECT_EQ(allocated("leaver"), "none");
}

TEST_P(SharesScenario, DiskCountsLikeTheOthers) {
  const FrameworkId hog = framework("hog");
  agent("cpus:1;mem:100;disk:9000");
  const FrameworkId other = framework("other");
  agents(5, "cpus:1;mem:100");
  EXPECT_EQ(offers(hog), 1u);  // all the disk there is
  EXPECT_EQ(offers(other), 5u);
}

// Shares are those of the whole cluster, at every shard.
TEST_P(SharesScenario, AShardWithoutAgentsKnowsShares) {
  const FrameworkId f = framework("eng");
  cluster.add_agent("cpus:4;mem:400", last());
  EXPECT_EQ(offers(f), 1u);
  EXPECT_EQ(role("eng").dominant_share_ppm, 1'000'000u);
  cluster.add_agent("cpus:4;mem:400", last());
  decline(f, 3'600'000);
  cluster.add_agent("cpus:8;mem:100", last());
  EXPECT_EQ(role("eng").dominant_share_ppm, 500'000u);
  EXPECT_EQ(role("eng").dominant, ResourceKind::kCpus);
}

// All of 10,000 agents freed in one turn are one OFFERS message for each framework.
TEST_P(SharesScenario, OneMessageForManyAgents) {
  const std::vector<FrameworkId> all = {framework("a"), framework("b"), framework("c")};
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    cluster.register_agent(cluster.new_session(), AgentId(), "cpus:1;mem:100", i + 1);
  }
  cluster.settle();
  std::size_t sum = 0;
  for (const FrameworkId f : all) {
    EXPECT_EQ(bag(f).offer_messages, 1);
    EXPECT_NEAR(static_cast<double>(offers(f)), 10'000 / 3.0, 1);
    sum += offers(f);
  }
  EXPECT_EQ(sum, 10'000u);
}

// Found by the simulator: a framework whose tasks were lost with their agent waited for its share
// of what was left.
TEST_P(SharesScenario, TasksOnAnUnreachableAgentCountForNobody) {
  const FrameworkId f = framework("a");
  const AgentId lost = agent("cpus:4;mem:400");
  ASSERT_TRUE(launch(f, "t", "cpus:3;mem:300"));
  decline(f, 0);
  EXPECT_EQ(limit("a", "cpus:4;mem:400"), "");
  cluster.disconnect(lost);
  EXPECT_EQ(allocated("a"), "cpus:3;mem:300") << "it may be back at once";
  cluster.pass_quietly(kAgentReregisterTimeout + seconds(1));
  EXPECT_EQ(cluster.agent(lost).state, AgentState::kUnreachable);
  EXPECT_EQ(allocated("a"), "none");
  EXPECT_EQ(charged("a"), "none");
  agent("cpus:4;mem:400");
  EXPECT_EQ(offered(f), "cpus:4;mem:400");
  reconnect(lost, "cpus:4;mem:400",
            {.tasks = {{f, "t", "t", res("cpus:3;mem:300"), TaskState::kRunning, "a"}}});
  EXPECT_EQ(offered(f), "cpus:1;mem:100") << "the rest of its limit: the offer made room";
  EXPECT_EQ(charged("a"), "cpus:4;mem:400");
}

INSTANTIATE_TEST_SUITE_P(Shards, SharesScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
