// `shoal swarm` and `shoal bench` end to end, in sizes that fit anywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/shoal_process.h"
#include "tests/net/one_table.h"

namespace shoal::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json bench(std::vector<std::string> words) {
  std::vector<std::string> all = {SHOAL_BINARY, "bench"};
  all.insert(all.end(), words.begin(), words.end());
  for (const char* word : {"--duration", "1s", "-o", "json"}) all.emplace_back(word);
  const Result result = run(all);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out, nullptr, false);
}

TEST(BenchTest, Agents) {
  const json out = bench({"agents", "--agents", "50"});
  EXPECT_EQ(out["bench"], "agents");
  EXPECT_EQ(out["registered"], 50);
  EXPECT_EQ(out["false_losses"], 0);
  EXPECT_EQ(out["errors"], 0);
  EXPECT_GT(out["master_rss_bytes"], 0);
  EXPECT_TRUE(out["launches_per_s"].is_null());
}

TEST(BenchTest, LaunchWithAReport) {
  const TempFolder folder;
  const json out = bench({"launch", "--agents", "20", "--warm-up", "0", "--batch", "4",
                          "--frameworks", "3", "--report", folder.path() + "/report"});
  EXPECT_GT(out["launches_per_s"], 0);
  EXPECT_GT(out["samples"], 0);
  EXPECT_EQ(out["errors"], 0);
  EXPECT_LE(out["launch_to_running_us"]["p50"], out["launch_to_running_us"]["p99"]);
  EXPECT_LE(out["launch_to_running_us"]["p99"], out["launch_to_running_us"]["max"]);
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/report/launch.html"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/report/launch.json"));
}

TEST(BenchTest, OfferLatency) {
  const json out = bench({"offer-latency", "--agents", "20", "--rate", "100", "--warm-up", "0"});
  EXPECT_GT(out["samples"], 0);
  EXPECT_GT(out["offer_latency_us"]["p50"], 0);
  EXPECT_EQ(out["errors"], 0);
}

TEST(BenchTest, TheStateIsReadWhileTasksAreLaunched) {
  const json out =
      bench({"state", "--agents", "20", "--tasks", "100", "--rate", "100", "--reads", "3"});
  EXPECT_EQ(out["bench"], "state");
  EXPECT_EQ(out["reads"], 3);
  EXPECT_EQ(out["errors"], 0);
  EXPECT_GT(out["tasks"], 50);  // about 100 run at any time, some have just ended
  EXPECT_GT(out["read_records"], 50);
  EXPECT_GT(out["read_bytes"], out["read_records"]);
  EXPECT_GT(out["read_s"], 0);
  EXPECT_LE(out["read_s"], out["read_max_s"]);
  EXPECT_GT(out["launch_to_running_us"]["samples"], 0);
  EXPECT_LE(out["longest_turn_before_s"], out["longest_turn_after_s"]);
}

TEST(BenchTest, EventsReachEverySubscriber) {
  const json out = bench({"events", "--agents", "20", "--subscribers", "3", "--rate", "200"});
  EXPECT_EQ(out["bench"], "events");
  EXPECT_EQ(out["subscribers"], 3);
  EXPECT_GT(out["events_per_s_each"], 0);
  EXPECT_EQ(out["events_missed"], 0);
  EXPECT_EQ(out["cut_off"], 0);
  EXPECT_GT(out["launches_per_s_without"], 0);
  EXPECT_GT(out["launches_per_s"], 0);
  EXPECT_EQ(out["errors"], 0);
}

TEST(BenchTest, FailoverOfOneMasterThatIsStartedAgain) {
  const Result result = run({SHOAL_BINARY, "bench", "failover", "--agents", "20",
                             "--tasks-per-agent", "3", "--registry", "embedded", "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json out = json::parse(result.out, nullptr, false);
  EXPECT_EQ(out["bench"], "failover");
  EXPECT_EQ(out["masters"], 1);
  EXPECT_EQ(out["tasks_before"], 60);
  EXPECT_EQ(out["tasks_after"], 60);
  EXPECT_EQ(out["tasks_lost"], 0);
  EXPECT_EQ(out["offers_used_twice"], 0);
  EXPECT_EQ(out["registered"], 20);
  for (const char* moment : {"detect_s", "elected_s", "agents_back_s", "first_launch_s"}) {
    EXPECT_GE(out[moment], 0) << moment;
  }
}

TEST(BenchTest, ARunningClusterIsMeasuredToo) {
  Cluster cluster({"--agents", "0"});
  ASSERT_TRUE(cluster.is_ready());
  const json out = bench({"agents", "--agents", "10", "--attach", cluster.master()});
  EXPECT_EQ(out["registered"], 10);
  EXPECT_TRUE(out["master_rss_bytes"].is_null());
}

TEST(BenchTest, CtrlCLeavesNothing) {
  Process bench({SHOAL_BINARY, "bench", "agents", "--agents", "10", "--duration", "1h"});
  ASSERT_TRUE(eventually([&] { return children_of(bench.pid()).size() == 2; }));
  const std::vector<pid_t> children = children_of(bench.pid());
  bench.signal(SIGINT);
  EXPECT_EQ(bench.wait().exit_code, 130);
  for (const pid_t child : children) EXPECT_EQ(command_line_of(child), "");
}

TEST(BenchTest, AMasterThatCannotStartIsExplained) {
  const Result result =
      run({SHOAL_BINARY, "bench", "agents", "--agents", "1", "--master-arg=--no-such-flag"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("unknown flag '--no-such-flag'"));
}

TEST(BenchTest, CompareOfTheSameProgramAndOfNone) {
  const Result same =
      run({SHOAL_BINARY, "bench", "compare", "--runs", "1", "--figure", "registered", "-o", "json",
           SHOAL_BINARY, SHOAL_BINARY, "--", "agents", "--agents", "5", "--duration", "1s"});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  const json rows = json::parse(same.out, nullptr, false);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1]["ratio"], 1);
  const Result none =
      run({SHOAL_BINARY, "bench", "compare", "--runs", "1", "/nonexistent/shoal", SHOAL_BINARY});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("the bench failed"));
}

TEST(SwarmTest, RegistersTellsAndStops) {
  Cluster cluster({"--agents", "0"});
  ASSERT_TRUE(cluster.is_ready());
  const TempFolder folder;
  const std::string ready = folder.path() + "/ready";
  // Each of its reactors has a descriptor table of its own.
  const char* reactors = net::testing::kOneTableOnly ? "1" : "2";
  auto swarm =
      cluster.start_shoal({"swarm", "--agents", "30", "--reactors", reactors, "--ready-file", ready,
                           "--disconnect", "100%/min", "--fail", "100%/min", "-o", "json"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
  const Result run = cluster.shoal({"run", "--cpus", "8", "--", "anything"});
  EXPECT_EQ(run.exit_code, 0) << run.err;  // it only pretends
  swarm->signal(SIGTERM);
  const Result result = swarm->wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json out = json::parse(result.out, nullptr, false);
  EXPECT_GE(out["registrations"], 30);
  EXPECT_EQ(out["gave_up"], 0);
  EXPECT_GE(out["tasks_started"], 1);
}

}  // namespace
}  // namespace shoal::test
