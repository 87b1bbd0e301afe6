#include "core/event_log.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "tests/core/test_cluster.h"

namespace shoal::core {
namespace {

TEST(EventLogTest, NumbersHaveNoGapAndTheOldestAreForgotten) {
  EventLog log;
  for (std::size_t i = 0; i < kMaxEventsPerShard + 10; ++i) {
    log.add(RoleEvent{std::to_string(i)});
    if (i % 7 == 0) log.seal(static_cast<std::int64_t>(i));
  }
  log.seal(99);
  EXPECT_EQ(log.first(), 10u);
  EXPECT_EQ(log.end(), kMaxEventsPerShard + 10);
  for (std::uint64_t number = log.first(); number < log.end(); ++number) {
    ASSERT_EQ(std::get<RoleEvent>(log[number].what).name, std::to_string(number));
  }
}

TEST(EventLogTest, EventsAreNotReadBeforeTheyAreDated) {
  EventLog log;
  log.add(RoleEvent{"a"});
  EXPECT_EQ(log.end(), 0u);
  log.seal(5);
  log.add(RoleEvent{"b"});
  EXPECT_EQ(log.end(), 1u);
  EXPECT_EQ(log[0].wall_ms, 5);
  log.seal(6);
  EXPECT_EQ(log[0].wall_ms, 5);
  EXPECT_EQ(log[1].wall_ms, 6);
}

class EventsTest : public ShardedTest {
 protected:
  template <typename T>
  std::vector<T> events() {
    std::vector<T> out;
    for (std::uint32_t i = 0; i < GetParam(); ++i) {
      const EventLog& log = cluster.shard(i).events;
      for (std::uint64_t number = log.first(); number < log.end(); ++number) {
        if (const auto* event = std::get_if<T>(&log[number].what)) out.push_back(*event);
      }
    }
    return out;
  }
};

TEST_P(EventsTest, TheLifeOfATaskIsTold) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1000");
  const FrameworkId framework = cluster.add_framework("f", last());
  cluster.accept(framework, {cluster.bag_of(framework).offers.at(0).id}, {{"t", "cpus:1"}}, 0);
  for (const TaskState state : {TaskState::kRunning, TaskState::kRunning, TaskState::kFailed}) {
    TaskStatus status;
    status.framework = framework;
    status.task = "t";
    status.state = state;
    on_status_update(cluster.home(agent), cluster.outbox(), agent, status, cluster.now);
    cluster.settle();
  }
  const std::vector<TaskEvent> told = events<TaskEvent>();
  ASSERT_EQ(told.size(), 3u);  // what is said twice is no change
  EXPECT_EQ(told[0].state, TaskState::kStaging);
  EXPECT_EQ(told[1].state, TaskState::kRunning);
  EXPECT_EQ(told[2].state, TaskState::kFailed);
  EXPECT_EQ(told[2].agent, agent);
  EXPECT_EQ(told[2].framework, framework);
}

TEST_P(EventsTest, AgentsAndFrameworksComeAndGo) {
  const AgentId agent = cluster.add_agent("cpus:4;mem:1000");
  const FrameworkId framework = cluster.add_framework("f", last(), /*failover_ms=*/0);
  cluster.disconnect(agent);
  cluster.disconnect(framework);
  cluster.advance(kAgentReregisterTimeout + std::chrono::seconds(1));
  const std::vector<AgentEvent> agents = events<AgentEvent>();
  ASSERT_EQ(agents.size(), 3u);
  EXPECT_EQ(agents[0].state, AgentState::kActive);
  EXPECT_EQ(agents[1].state, AgentState::kDisconnected);
  EXPECT_EQ(agents[2].state, AgentState::kUnreachable);
  const std::vector<FrameworkEvent> frameworks = events<FrameworkEvent>();
  ASSERT_EQ(frameworks.size(), 2u);
  EXPECT_EQ(frameworks[0].state, FrameworkState::kActive);
  EXPECT_EQ(frameworks[1].state, FrameworkState::kCompleted);
  EXPECT_EQ(frameworks[1].id, framework);
}

INSTANTIATE_TEST_SUITE_P(Shards, EventsTest, testing::Values(1u, 2u));

}  // namespace
}  // namespace shoal::core
