#include "cli/top.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/bytes.h"
#include "cli/files.h"

namespace shoal::cli {
namespace {

using testing::HasSubstr;

TEST(Bytes, AreReadable) {
  EXPECT_EQ(bytes_to_string(0), "0 B");
  EXPECT_EQ(bytes_to_string(1023), "1023 B");
  EXPECT_EQ(bytes_to_string(1024), "1.0 KiB");
  EXPECT_EQ(bytes_to_string(10 * 1024 * 1024), "10 MiB");
  EXPECT_EQ(bytes_to_string(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(bytes_to_string(~std::uint64_t{0}), "16 EiB");
}

std::string usage_json(std::int64_t at_ms, double cpu, double task_cpu, std::uint64_t written) {
  return fmt::format(
      R"({{"sampled_ms":{},"machine":{{"cpus":4,"cpu_seconds":{{"user":{},"idle":999,"iowait":9}},)"
      R"("load":[0.5,1,2],"memory_bytes":1048576,"memory_available_bytes":524288,)"
      R"("disk_bytes":1073741824,"disk_free_bytes":0,)"
      R"("pressure":{{"cpu":{{"some_avg10":1.5}},"memory":null}}}},)"
      R"("process":{{"cpu_user_seconds":1,"cpu_system_seconds":1,"memory_rss_bytes":7}},)"
      R"("tasks":[{{"framework":"f-0000000000000001","task":"t","run":"r","cpu_user_seconds":{},)"
      R"("cpu_throttled_seconds":{},"memory_bytes":4096,"memory_peak_bytes":null,)"
      R"("memory_rss_bytes":2048,"processes":2,"threads":3,"disk_written_bytes":{}}}]}})",
      at_ms, cpu, task_cpu, task_cpu / 2, written);
}

TEST(ParseUsage, TakesWhatIsThere) {
  const auto usage = parse_usage(usage_json(1000, 10, 2.5, 100));
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->cpus, 4u);
  EXPECT_EQ(usage->busy_seconds, 10);
  EXPECT_EQ(usage->cpu_pressure, 1.5);
  EXPECT_EQ(usage->memory_pressure, std::nullopt);
  EXPECT_EQ(usage->io_pressure, std::nullopt);
  ASSERT_EQ(usage->tasks.size(), 1u);
  EXPECT_EQ(usage->tasks.at("r").cpu_seconds, 2.5);
  EXPECT_EQ(usage->tasks.at("r").threads, 3u);
  EXPECT_EQ(usage->tasks.at("r").throttled_seconds, 1.25);
  EXPECT_EQ(usage->tasks.at("r").memory_bytes, 4096);
  EXPECT_EQ(usage->tasks.at("r").memory_peak_bytes, std::nullopt);
  for (const char* bad :
       {"", "[]", "{}", R"({"machine":{}})", R"({"machine":1,"tasks":{}})", "{"}) {
    EXPECT_FALSE(parse_usage(bad).ok()) << bad;
  }
  EXPECT_FALSE(parse_usage(std::string(1'000'000, '[')).ok());
  // Wrong types are as if it were not there.
  EXPECT_TRUE(parse_usage(R"({"machine":7,"tasks":[1,{"run":3,"processes":-1}]})").ok());
}

class TopTest : public testing::Test {
 protected:
  static TopLook look(std::int64_t at_ms, double cpu, double task_cpu, std::uint64_t written) {
    TopLook look;
    core::AgentSummary agent;
    agent.id = core::AgentId{1};
    agent.hostname = "host-1";
    agent.state = core::AgentState::kActive;
    look.agents.agents.push_back(agent);
    agent.id = core::AgentId{2};
    agent.hostname = "host-0";
    agent.state = core::AgentState::kUnreachable;
    look.agents.agents.push_back(agent);
    core::TaskSummary task;
    task.framework = core::FrameworkId{1};
    task.id = "t";
    task.resources.cpus = 500;
    task.resources.mem = 64'000;
    look.tasks.tasks.push_back(task);
    look.usage.push_back(parse_usage(usage_json(at_ms, cpu, task_cpu, written)));
    look.usage.emplace_back(absl::UnavailableError("nobody there"));
    return look;
  }
};

TEST_F(TopTest, RatesComeFromTwoLooks) {
  const TopLook before = look(1000, 10, 2, 1000);
  const TopLook now = look(3000, 13, 3, 5096);
  const auto json = nlohmann::json::parse(top_to_json(before, now));
  ASSERT_EQ(json["agents"].size(), 2u);
  EXPECT_EQ(json["agents"][0]["hostname"], "host-0");
  EXPECT_EQ(json["agents"][0]["error"], "nobody there");
  EXPECT_TRUE(json["agents"][0]["cpus_used"].is_null());
  EXPECT_EQ(json["agents"][1]["cpus_used"], 1.5);
  EXPECT_EQ(json["agents"][1]["error"], "");
  ASSERT_EQ(json["tasks"].size(), 1u);
  EXPECT_EQ(json["tasks"][0]["cpus_used"], 0.5);
  EXPECT_EQ(json["tasks"][0]["cpus_throttled"], 0.25);
  EXPECT_EQ(json["tasks"][0]["memory_bytes"], 4096);
  EXPECT_TRUE(json["tasks"][0]["memory_peak_bytes"].is_null());
  EXPECT_EQ(json["tasks"][0]["cpus"], 0.5);
  EXPECT_EQ(json["tasks"][0]["mem_mib"], 64);
  EXPECT_EQ(json["tasks"][0]["disk_written_per_second"], 2048);

  const std::string table = top_to_table(before, now, 50, Terminal{});
  EXPECT_THAT(table, HasSubstr("1.50/4"));
  EXPECT_THAT(table, HasSubstr("512 KiB/1.0 MiB"));
  EXPECT_THAT(table, HasSubstr("1.5/-/-"));
  EXPECT_THAT(table, HasSubstr("0.50/0.5"));
  EXPECT_THAT(table, HasSubstr("2.0 KiB/64 MiB"));
  EXPECT_THAT(table, testing::ContainsRegex("t +host-1 +0.50/0.5 +0.25 "));
  EXPECT_THAT(table, HasSubstr("nobody there"));
}

TEST_F(TopTest, OneLookOrATimeThatStandsStillHasNoRates) {
  const TopLook now = look(1000, 10, 2, 1000);
  const auto json = nlohmann::json::parse(top_to_json(now, now));
  EXPECT_TRUE(json["tasks"][0]["cpus_used"].is_null());
  EXPECT_TRUE(json["agents"][1]["cpus_used"].is_null());
}

TEST(Files, AreParsedAndShown) {
  const auto files = parse_files(
      R"({"folder":true,"cut":true,"files":[)"
      R"({"name":"a","kind":"file","size":2048,"disk":4096,"mode":"0600","modified_ms":1000},)"
      R"({"name":"b\u001b[31m","kind":"folder","size":9,"mode":"0755","modified_ms":0}]})");
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(files->is_cut);
  ASSERT_EQ(files->rows.size(), 2u);
  const std::string table = files_to_table(files->rows, Terminal{});
  EXPECT_THAT(table, HasSubstr("0600  2.0 KiB  1970-01-01T00:00:01.000Z  file    a\n"));
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
  EXPECT_THAT(files_to_json(files->rows, false),
              testing::StartsWith(
                  R"([{"name":"a","kind":"file","size_bytes":2048,"disk_bytes":4096,"mode":"0600",)"
                  R"("modified":"1970-01-01T00:00:01.000Z"},)"));
  EXPECT_EQ(files_to_json({}, false), "[]\n");
  EXPECT_EQ(files_to_json({}, true), "");
  for (const char* bad : {"", "[]", "{}", R"({"files":{}})", R"({"files":[1]})"}) {
    EXPECT_FALSE(parse_files(bad).ok()) << bad;
  }
}

// What agents reported needs no second look.
TEST(Top, ShowsWhatTheMasterWasTold) {
  core::AgentSummary agent;
  agent.id = core::AgentId{1};
  agent.hostname = "h";
  agent.total.cpus = 4000;
  agent.machine = {.cpus_milli = 1500,
                   .load1_milli = 250,
                   .memory_bytes = 1 << 20,
                   .memory_used_bytes = 1 << 19,
                   .disk_bytes = 1 << 30,
                   .disk_used_bytes = 1 << 29,
                   .cpu_pressure = 150,
                   .reported_ms = 1000};
  core::TaskSummary busy;
  busy.id = "busy";
  busy.framework = core::FrameworkId{1};
  busy.agent = agent.id;
  busy.use = {1250, 2048};
  core::TaskSummary unknown = busy;
  unknown.id = "unknown";
  unknown.use = {};
  TopLook look;
  look.agents.agents = {agent};
  look.tasks.tasks = {busy, unknown};
  look.usage = {reported_usage(agent, {&look.tasks.tasks[0], &look.tasks.tasks[1]})};
  ASSERT_TRUE(look.usage[0].ok()) << look.usage[0].status();
  const auto json = nlohmann::json::parse(top_to_json(look, look));
  EXPECT_EQ(json["agents"][0]["cpus"], 0) << "how many the machine has is not reported";
  EXPECT_EQ(json["agents"][0]["cpus_used"], 1.5);
  EXPECT_EQ(json["agents"][0]["memory_available_bytes"], 1 << 19);
  EXPECT_EQ(json["agents"][0]["cpu_pressure"], 1.5);
  EXPECT_EQ(json["agents"][0]["io_pressure"], nullptr);
  ASSERT_EQ(json["tasks"].size(), 1u);
  EXPECT_EQ(json["tasks"][0]["id"], "busy");
  EXPECT_EQ(json["tasks"][0]["cpus_used"], 1.25);
  EXPECT_EQ(json["tasks"][0]["memory_rss_bytes"], 2 << 20);

  agent.machine = {};
  EXPECT_TRUE(absl::IsNotFound(reported_usage(agent, {}).status()));
}

}  // namespace
}  // namespace shoal::cli
