#include "core/page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/summary.h"
#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

// Nine agents with a task each on up to four shards; two frameworks; some tasks have ended.
class PageTest : public ShardedTest {
 protected:
  void SetUp() override {
    for (int i = 0; i < 9; ++i) {
      agents.push_back(
          cluster.add_agent("cpus:4;mem:1000", static_cast<std::uint32_t>(i) % GetParam()));
    }
    frameworks.push_back(cluster.add_framework("one"));
    launch_everywhere(frameworks[0], "a");
    frameworks.push_back(cluster.add_framework("two", last()));
    launch_everywhere(frameworks[1], "b");
    end_task(0);
    end_task(3);
    cluster.add_framework("gone");
  }

  void launch_everywhere(FrameworkId framework, const std::string& prefix) {
    std::map<AgentId, OfferId> offers;
    for (const SeenOffer& offer : cluster.bag_of(framework).offers) offers[offer.agent] = offer.id;
    int next = 0;
    for (const auto& [agent, offer] : offers) {
      cluster.accept(framework, {offer}, {{prefix + std::to_string(next++), "cpus:1;mem:10"}},
                     1'000'000);
    }
  }

  // The first task of the agent; nobody acknowledges for the framework, which is torn down.
  void end_task(std::size_t index) {
    const AgentId agent = agents[index];
    auto& tasks = cluster.agent(agent).tasks;
    if (tasks.empty()) return;
    const TaskKey key = tasks.begin()->first;
    TaskStatus status;
    status.framework = key.framework;
    status.task = key.id;
    status.state = TaskState::kFinished;
    on_status_update(cluster.home(agent), cluster.outbox(), agent, status, cluster.now);
    cluster.settle();
    ++ended;
  }

  // All pages of all shards.
  ClusterView walk(PageQuery query, std::size_t* pages = nullptr) {
    ClusterView all;
    for (std::uint32_t i = 0; i < GetParam(); ++i) {
      query.start = {};
      for (;;) {
        Page page = read_page(cluster.shard(i), query, cluster.now);
        if (pages != nullptr) ++*pages;
        for (const AgentSummary& each : page.view.agents) all.agents.push_back(each);
        for (const FrameworkSummary& each : page.view.frameworks) all.frameworks.push_back(each);
        for (const TaskSummary& each : page.view.tasks) all.tasks.push_back(each);
        for (const OfferSummary& each : page.view.offers) all.offers.push_back(each);
        if (!page.next.has_value()) break;
        query.start = *page.next;
      }
    }
    return all;
  }

  static PageQuery query_of(QueryKind kind, std::size_t most) {
    PageQuery query;
    query.kind = kind;
    query.most = most;
    return query;
  }

  std::vector<AgentId> agents;
  std::vector<FrameworkId> frameworks;
  std::size_t ended = 0;
};

TEST_P(PageTest, PagesOfAnySizeHoldEverythingOnce) {
  for (std::size_t most = 1; most <= 20; ++most) {
    EXPECT_EQ(walk(query_of(QueryKind::kAgents, most)).agents.size(), 9u);
    EXPECT_EQ(walk(query_of(QueryKind::kFrameworks, most)).frameworks.size(), 3u);
    const ClusterView view = walk(query_of(QueryKind::kTasks, most));
    std::map<std::string, int> times;
    for (const TaskSummary& task : view.tasks) ++times[to_string(task.framework) + task.id];
    for (const auto& [id, count] : times) EXPECT_EQ(count, 1) << id << " at " << most;
    EXPECT_EQ(times.size(), 18u) << most;
  }
}

TEST_P(PageTest, APageLooksAtNoMoreThanItMay) {
  std::size_t pages = 0;
  walk(query_of(QueryKind::kTasks, 1), &pages);
  EXPECT_GE(pages, 18u);
  PageQuery query = query_of(QueryKind::kAgents, 2);
  EXPECT_LE(read_page(cluster.shard(0), query, cluster.now).view.agents.size(), 2u);
}

TEST_P(PageTest, ThereMayBeFewerThanLookedAt) {
  PageQuery query = query_of(QueryKind::kTasks, 100);
  query.most_wanted = 1;
  std::size_t pages = 0;
  const ClusterView view = walk(query, &pages);
  EXPECT_EQ(view.tasks.size(), 18u);
  EXPECT_GE(pages, 18u);
}

TEST_P(PageTest, FiltersLetThroughWhatIsWanted) {
  PageQuery query = query_of(QueryKind::kTasks, 3);
  query.filter.framework = frameworks[0];
  EXPECT_EQ(walk(query).tasks.size(), 9u);
  query.filter.agent = agents[4];
  ASSERT_EQ(walk(query).tasks.size(), 1u);
  EXPECT_EQ(walk(query).tasks[0].agent, agents[4]);
  query.filter = {};
  query.filter.states = std::uint64_t{1} << static_cast<unsigned>(TaskState::kFinished);
  EXPECT_EQ(walk(query).tasks.size(), ended);
  query.filter = {};
  query.filter.id = "a0";
  EXPECT_EQ(walk(query).tasks.size(), 1u);
  query.filter = {};
  query.filter.role = "nobody's";
  EXPECT_TRUE(walk(query).tasks.empty());
  query = query_of(QueryKind::kFrameworks, 1);
  query.filter.id = to_string(frameworks[1]);
  EXPECT_EQ(walk(query).frameworks.size(), 1u);
  query = query_of(QueryKind::kAgents, 1);
  query.filter.mode = AgentMode::kDrained;
  EXPECT_TRUE(walk(query).agents.empty());
}

TEST_P(PageTest, WhatIsThereAllTheTimeIsReadThoughOthersGo) {
  PageQuery query = query_of(QueryKind::kTasks, 2);
  const std::uint32_t home = cluster.home(agents[8]).config.index;
  std::size_t seen = 0;
  for (int step = 0;; ++step) {
    const Page page = read_page(cluster.shard(home), query, cluster.now);
    for (const TaskSummary& task : page.view.tasks) seen += task.agent == agents[8] ? 1 : 0;
    if (!page.next.has_value()) break;
    query.start = *page.next;
    if (step > 0) continue;
    end_task(1);
    end_task(5);
  }
  EXPECT_EQ(seen, 2u);
}

TEST_P(PageTest, SumsOfPagesAreTheSums) {
  ClusterSummary sum;
  for (std::uint32_t i = 0; i < GetParam(); ++i) {
    PageQuery query = query_of(QueryKind::kCluster, 2);
    for (;;) {
      const Page page = read_page(cluster.shard(i), query, cluster.now);
      merge(sum, page.view.cluster);
      if (!page.next.has_value()) break;
      query.start = *page.next;
    }
  }
  EXPECT_EQ(sum.agents_active, 9u);
  EXPECT_EQ(sum.frameworks_active, 3u);
  EXPECT_EQ(sum.tasks_active, 18u - ended);
  EXPECT_EQ(sum.tasks_completed, ended);
  EXPECT_EQ(sum.total.cpus, 36'000);
}

INSTANTIATE_TEST_SUITE_P(Shards, PageTest, testing::Values(1u, 2u, 4u));

}  // namespace
}  // namespace shoal::core
