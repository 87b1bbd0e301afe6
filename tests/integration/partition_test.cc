// What holds when masters, store, agents and the cables between them fail: three masters over an
// etcd of three members, agents and a framework, each on a host of its own (tests/integration/
// net_lab.h). Every test prints how long what it did took; none demands a time.
//
// Some of it runs only with SHOAL_PARTITIONS=all (make partitions), because it takes long.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/random.h"
#include "net/random.h"
#include "tests/integration/lab_cluster.h"
#include "tests/master/etcd_server.h"

namespace shoal::test {
namespace {

using Clock = LeaderWatch::Clock;
using namespace std::chrono_literals;

constexpr std::size_t kTasks = 6;

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

double seconds_since(Clock::time_point begin) { return seconds_between(begin, Clock::now()); }

void figure(const std::string& what, double seconds) {
  std::cout << fmt::format("[  FIGURE  ] {}: {:.2f} s\n", what, seconds);
}

bool is_running(Process& process) { return process.wait(std::chrono::seconds(0)).exit_code == -1; }

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

class PartitionTest : public testing::Test {
 protected:
  void SetUp() override {
    SHOAL_NEEDS_ETCD();
    static const std::string why_not = NetLab::why_not();
    if (!why_not.empty()) GTEST_SKIP() << why_not;
  }

  // With a job whose tasks run on all agents.
  void start(LabOptions options = {}) {
    const bool has_agents = options.agents > 0;
    cluster_ = std::make_unique<LabCluster>(std::move(options));
    ASSERT_EQ(cluster_->error(), "");
    ASSERT_NE(cluster_->leader(), "");
    if (!has_agents) return;
    rows_ = cluster_->agent_rows();
    ASSERT_EQ(rows_.size(), cluster_->agents().size());
    job_ = cluster_->run_tasks(kTasks);
    ASSERT_EQ(cluster_->complaint_of_tasks(kTasks), "");
  }
  NetLab& lab() { return cluster_->lab(); }
  LeaderWatch::Term term() { return cluster_->watch().latest(); }
  std::vector<std::string> standbys() {
    std::vector<std::string> hosts = LabCluster::masters();
    hosts.erase(std::find(hosts.begin(), hosts.end(), term().master));
    return hosts;
  }
  // Of the master that leads.
  std::int64_t metric(const std::string& name) { return cluster_->metric(term().master, name); }
  bool is_standby(const std::string& master) {
    return eventually(
        [&] { return cluster_->page(master, "/health").find("\"standby\"") != std::string::npos; });
  }
  std::future<double> launch_from(Clock::time_point begin) {
    return std::async(std::launch::async,
                      [this, begin] { return cluster_->seconds_to_launch(begin); });
  }

  // A leader of a later term than `old`, a launch, and the agents, with their figures.
  void expect_successor(const LeaderWatch::Term& old, Clock::time_point begin,
                        const std::string& what) {
    ASSERT_NE(cluster_->leader(old.epoch), "") << "nobody leads";
    auto launch = launch_from(begin);  // not earlier: the old one may do it, while it leads
    figure(what + ", another leads after", seconds_between(begin, term().first));
    EXPECT_TRUE(eventually([&] { return metric("shoal_master_agents_recovering") == 0; }));
    figure(what + ", all agents are back after", seconds_since(begin));
    const double took = launch.get();
    EXPECT_GE(took, 0) << "nothing could be launched";
    figure(what + ", the first launch runs after", took);
  }

  // The faults are over: the same agents, every task still in its one run, and its true end told.
  void expect_nothing_lost() {
    EXPECT_TRUE(cluster_->wait_for_agents(rows_.size()));
    const auto now = cluster_->agent_rows();
    for (const auto& [host, row] : rows_) {
      const auto found = now.find(host);
      ASSERT_NE(found, now.end()) << host;
      EXPECT_EQ(found->second.id, row.id) << host;
    }
    EXPECT_EQ(now.size(), rows_.size());
    EXPECT_EQ(cluster_->complaint_of_tasks(kTasks), "");
    cluster_->let_go();
    const Result ended = job_->wait();
    EXPECT_EQ(ended.exit_code, 7) << ended.err;
    EXPECT_EQ(cluster_->watch().complaint(), "");
  }

  std::unique_ptr<LabCluster> cluster_;
  std::map<std::string, LabCluster::AgentRow> rows_;  // as they were
  std::unique_ptr<Process> job_;
};

#define ONLY_WITH_ALL()                                                   \
  if (const char* which = std::getenv("SHOAL_PARTITIONS");                \
      which == nullptr || std::string_view(which) != "all") {             \
    GTEST_SKIP() << "takes long: SHOAL_PARTITIONS=all (make partitions)"; \
  }

// --- masters and store ---

TEST_F(PartitionTest, AKilledLeader) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto old = term();
  const auto begin = Clock::now();
  cluster_->kill_master(old.master);
  ASSERT_NO_FATAL_FAILURE(expect_successor(old, begin, "leader killed"));
  cluster_->start_master(old.master);
  EXPECT_TRUE(cluster_->is_ready(old.master));
  EXPECT_TRUE(is_standby(old.master)) << "it does not take the lead back";
  expect_nothing_lost();
}

TEST_F(PartitionTest, AFrozenLeaderThatWakes) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto old = term();
  const auto begin = Clock::now();
  ASSERT_TRUE(cluster_->master(old.master).freeze());
  ASSERT_NO_FATAL_FAILURE(expect_successor(old, begin, "leader frozen"));
  cluster_->master(old.master).signal(SIGCONT);
  EXPECT_TRUE(is_standby(old.master));
  expect_nothing_lost();
}

TEST_F(PartitionTest, ALeaderThatIsCutFromTheStoreOnly) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto old = term();
  const auto begin = Clock::now();
  lab().cut({old.master}, LabCluster::stores());
  ASSERT_NO_FATAL_FAILURE(expect_successor(old, begin, "leader cut from the store"));
  EXPECT_TRUE(is_standby(old.master));
  const auto terms = cluster_->watch().terms();
  const auto before = std::find_if(terms.begin(), terms.end(),
                                   [&](const auto& other) { return other.epoch == old.epoch; });
  figure("leader cut from the store, nobody led for",
         seconds_between(before->last, std::next(before)->first));
  EXPECT_TRUE(is_running(cluster_->master(old.master)));
  lab().heal({old.master}, LabCluster::stores());
  EXPECT_TRUE(eventually([&] {
    return cluster_->page(old.master, "/health").find(lab().address(term().master)) !=
           std::string::npos;
  })) << "it knows who leads";
  expect_nothing_lost();
}

TEST_F(PartitionTest, ALeaderThatIsCutFromAgentsOnly) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto old = term();
  auto begin = Clock::now();
  lab().cut({old.master}, cluster_->agents());
  EXPECT_TRUE(eventually(
      [&] { return metric("shoal_master_agents_silent") == static_cast<int>(rows_.size()); }));
  figure("leader cut from all agents, it has noticed after", seconds_since(begin));
  EXPECT_TRUE(cluster_->wait_for_agents(rows_.size(), "disconnected"));
  EXPECT_EQ(cluster_->complaint_of_tasks(kTasks), "");
  begin = Clock::now();
  lab().heal({old.master}, cluster_->agents());
  EXPECT_TRUE(eventually([&] { return metric("shoal_master_agents_silent") == 0; }));
  figure("leader cut from all agents, they are back after", seconds_since(begin));
  EXPECT_GE(cluster_->seconds_to_launch(begin), 0);
  EXPECT_EQ(term().epoch, old.epoch) << "it has led all the time";
  EXPECT_EQ(metric("shoal_master_agents_unreachable_total"), 0);
  expect_nothing_lost();
}

TEST_F(PartitionTest, AStoreWithoutQuorum) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto old = term();
  auto begin = Clock::now();
  for (const char* host : {"e1", "e2"}) ASSERT_TRUE(cluster_->store(host).freeze());
  for (const std::string& master : LabCluster::masters()) EXPECT_TRUE(is_standby(master));
  figure("store without quorum, all masters stand by after", seconds_since(begin));
  EXPECT_EQ(term().epoch, old.epoch);
  EXPECT_EQ(cluster_->complaint_of_tasks(kTasks), "");
  begin = Clock::now();
  for (const char* host : {"e1", "e2"}) cluster_->store(host).signal(SIGCONT);
  ASSERT_NO_FATAL_FAILURE(expect_successor(old, begin, "store with quorum again"));
  for (const std::string& master : LabCluster::masters()) {
    EXPECT_TRUE(is_running(cluster_->master(master))) << master;
  }
  begin = Clock::now();
  cluster_->kill_store("e3");
  const double took = cluster_->seconds_to_launch(begin);
  EXPECT_GE(took, 0) << "two members are a quorum";
  figure("one member of the store killed, the first launch runs after", took);
  cluster_->start_store("e3");
  expect_nothing_lost();
}

// --- agents ---

// One agent is cut off both ways, of one nothing arrives, and to one; for longer than they may be
// away.
TEST_F(PartitionTest, AgentsBehindBrokenPaths) {
  ASSERT_NO_FATAL_FAILURE(start({.master_words = {"--agent-reregister-timeout", "3s"}}));
  const auto seconds_until = [&](Clock::time_point begin, const std::string& state) {
    std::map<std::string, double> took;
    eventually([&] {
      for (const auto& [host, row] : cluster_->agent_rows()) {
        if (row.state == state) took.try_emplace(host, seconds_since(begin));
      }
      return took.size() == rows_.size();
    });
    return took;
  };
  const std::map<std::string, std::string> paths = {
      {"a1", "nothing either way"}, {"a2", "nothing to masters"}, {"a3", "nothing from masters"}};
  auto begin = Clock::now();
  lab().cut({"a1"}, LabCluster::masters());
  for (const std::string& master : LabCluster::masters()) {
    lab().cut_one_way("a2", master);
    lab().cut_one_way(master, "a3");
  }
  const auto away = seconds_until(begin, "disconnected");
  const auto given_up = seconds_until(begin, "unreachable");
  EXPECT_TRUE(job_->wait_for_output("its agent does not answer; waiting for it"));
  EXPECT_EQ(cluster_->complaint_of_tasks(kTasks), "") << "they run on";
  begin = Clock::now();
  lab().heal({"a1", "a2", "a3"}, LabCluster::masters());
  const auto back = seconds_until(begin, "active");
  for (const auto& [host, path] : paths) {
    ASSERT_TRUE(away.contains(host) && given_up.contains(host) && back.contains(host)) << path;
    figure(path + ", disconnected after", away.at(host));
    figure(path + ", unreachable after", given_up.at(host));
    figure(path + ", healed, back after", back.at(host));
  }
  EXPECT_EQ(metric("shoal_master_agents_unreachable_total"), 3);
  expect_nothing_lost();
}

// Shorter than a session's patience, and longer.
TEST_F(PartitionTest, AFlappingLink) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto begin = Clock::now();
  const auto flap = [&](std::chrono::milliseconds down, std::chrono::milliseconds up) {
    lab().set_link("a1", false);
    std::this_thread::sleep_for(down);
    lab().set_link("a1", true);
    std::this_thread::sleep_for(up);
  };
  for (int i = 0; i < 4; ++i) flap(500ms, 500ms);
  flap(4500ms, 0ms);
  const auto healed = Clock::now();
  EXPECT_TRUE(eventually([&] { return metric("shoal_master_agents_silent") == 0; }));
  figure("flapping link, the agent is back after", seconds_since(healed));
  const std::size_t tries = count_of(file_text(cluster_->path("log-a1")), "next try in");
  std::cout << fmt::format("[  FIGURE  ] flapping link for {:.0f} s: {} tries failed\n",
                           seconds_since(begin), tries);
  EXPECT_LT(tries, 100u) << "it waits between them";
  expect_nothing_lost();
}

TEST_F(PartitionTest, AnAgentThatDiesWhileItIsCutOff) {
  ASSERT_NO_FATAL_FAILURE(start());
  const std::int64_t connections = metric("shoal_reactor_connections");
  lab().set_link("a1", false);  // nobody hears of its end
  cluster_->kill_agent("a1");
  lab().set_link("a1", true);
  const auto begin = Clock::now();
  cluster_->start_agent("a1");
  EXPECT_TRUE(cluster_->is_ready("a1"));
  figure("agent died without a word, started again, registered after", seconds_since(begin));
  EXPECT_TRUE(eventually([&] { return metric("shoal_reactor_connections") == connections; }))
      << "the session that died is closed";
  expect_nothing_lost();
}

// A machine's image that was started twice.
TEST_F(PartitionTest, ACopyOfAnAgent) {
  cluster_ = std::make_unique<LabCluster>(LabOptions{.more_hosts = {"x"}});
  ASSERT_EQ(cluster_->error(), "");
  rows_ = cluster_->agent_rows();
  std::filesystem::copy(cluster_->agent_data("a1"), cluster_->path("copied"),
                        std::filesystem::copy_options::recursive);
  const auto copy = lab().start("x", {SHOAL_BINARY, "agent", "--data", cluster_->path("copied"),
                                      "--master", cluster_->masters_list(), "--hostname", "x",
                                      "--isolation", "none", "--resources", "cpus:8;mem:8192"});
  EXPECT_TRUE(copy->wait_for_output("one of them has a copied data folder"));
  job_ = cluster_->run_tasks(kTasks);
  EXPECT_TRUE(is_running(cluster_->agent("a1")));
  expect_nothing_lost();
}

TEST_F(PartitionTest, MostOfAFleetIsCutOff) {
  ASSERT_NO_FATAL_FAILURE(start({.agents = 0,
                                 .more_hosts = {"s1", "s2"},
                                 .master_words = {"--agent-reregister-timeout", "4s"}}));
  std::vector<std::unique_ptr<Process>> swarms;
  const auto start_swarm = [&](const std::string& host, const std::string& agents) {
    swarms.push_back(
        lab().start(host, {SHOAL_BINARY, "swarm", "--master", cluster_->masters_list(), "--agents",
                           agents, "--cpus", "1", "--mem", "1024", "--task-duration", "1h"}));
  };
  start_swarm("s1", "30");
  start_swarm("s2", "20");
  ASSERT_TRUE(eventually([&] { return metric("shoal_master_agents") == 50; }));
  const auto ids = [&] {
    std::istringstream lines(cluster_->shoal({"agents", "-o", "name"}).out);
    return std::set<std::string>(std::istream_iterator<std::string>(lines), {});
  };
  const std::set<std::string> before = ids();
  const auto job = cluster_->start_shoal(
      {"run", "--instances", "50", "--cpus", "1", "--mem", "16", "--", "true"});
  const auto running = [&] {
    return count_of(cluster_->shoal({"tasks", "-o", "jsonl"}).out, "\"TASK_RUNNING\"");
  };
  ASSERT_TRUE(eventually([&] { return running() == 50; }));

  auto begin = Clock::now();
  lab().cut({"s1"}, LabCluster::masters());
  EXPECT_TRUE(eventually([&] { return metric("shoal_master_agent_removals_stopped") == 1; }));
  figure("30 of 50 agents cut off, the alarm is raised after", seconds_since(begin));
  EXPECT_TRUE(eventually([&] { return metric("shoal_master_agents_silent") == 30; }));
  EXPECT_TRUE(
      eventually([&] { return metric("shoal_master_agent_removals_postponed_total") >= 30; }));
  EXPECT_EQ(metric("shoal_master_agents_unreachable_total"), 0) << "nobody is given up";
  EXPECT_EQ(running(), 50u);
  begin = Clock::now();
  lab().heal({"s1"}, LabCluster::masters());
  EXPECT_TRUE(eventually([&] { return metric("shoal_master_agents_silent") == 0; }));
  figure("30 of 50 agents cut off, healed, all are back after", seconds_since(begin));
  EXPECT_EQ(metric("shoal_master_agent_removals_stopped"), 0);
  EXPECT_EQ(metric("shoal_master_agents_unreachable_total"), 0);
  EXPECT_EQ(ids(), before);
  EXPECT_EQ(running(), 50u);
  EXPECT_EQ(cluster_->watch().complaint(), "");
}

// --- what takes longer ---

// One cable after the other is cut, and they are healed in another order.
TEST_F(PartitionTest, CablesFailOneByOne) {
  ONLY_WITH_ALL();
  ASSERT_NO_FATAL_FAILURE(start());
  const std::uint64_t seed = net::random_seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  core::Random random(seed);
  const auto shuffle = [&](auto& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
  };
  std::vector<std::pair<std::string, std::string>> cables;
  for (const std::string& master : LabCluster::masters()) {
    for (const std::string& store : LabCluster::stores()) cables.emplace_back(master, store);
    for (const std::string& agent : cluster_->agents()) cables.emplace_back(master, agent);
  }
  for (const auto& [a, b] : {std::pair("e1", "e2"), {"e2", "e3"}, {"e1", "e3"}}) {
    cables.emplace_back(a, b);
  }
  for (int round = 0; round < 2; ++round) {
    shuffle(cables);
    for (const auto& [a, b] : cables) {
      lab().cut({a}, {b});
      std::this_thread::sleep_for(250ms);
    }
    shuffle(cables);
    for (const auto& [a, b] : cables) {
      lab().heal({a}, {b});
      std::this_thread::sleep_for(250ms);
    }
  }
  const auto begin = Clock::now();
  const double took = cluster_->seconds_to_launch(begin);
  EXPECT_GE(took, 0);
  figure("cables cut and healed at random, the first launch runs after", took);
  EXPECT_TRUE(cluster_->wait_for_agents(rows_.size()));
  figure("cables cut and healed at random, all agents are back after", seconds_since(begin));
  expect_nothing_lost();
}

TEST_F(PartitionTest, ALinkThatFlapsForAMinute) {
  ONLY_WITH_ALL();
  ASSERT_NO_FATAL_FAILURE(start());
  for (int i = 0; i < 30; ++i) {
    lab().set_link("a1", false);
    std::this_thread::sleep_for(1s);
    lab().set_link("a1", true);
    std::this_thread::sleep_for(1s);
  }
  const std::size_t tries = count_of(file_text(cluster_->path("log-a1")), "next try in");
  std::cout << fmt::format("[  FIGURE  ] flapping for a minute: {} tries failed\n", tries);
  EXPECT_LT(tries, 100u);
  expect_nothing_lost();
}

TEST_F(PartitionTest, SlowPaths) {
  ONLY_WITH_ALL();
  ASSERT_NO_FATAL_FAILURE(start());
  for (const std::string& agent : cluster_->agents()) {
    if (!lab().delay(agent, 200ms)) GTEST_SKIP() << "this kernel has no netem";
  }
  const double took = cluster_->seconds_to_launch(Clock::now());
  EXPECT_GE(took, 0);
  figure("agents answer 200 ms later, a launch runs after", took);
  for (const std::string& agent : cluster_->agents()) EXPECT_TRUE(lab().delay(agent, 0ms));
  EXPECT_EQ(metric("shoal_master_agents_silent"), 0);
  expect_nothing_lost();
}

}  // namespace
}  // namespace shoal::test
