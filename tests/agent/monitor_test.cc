// Use of machine and tasks: reading it, when it is read, and how it is written.
#include "agent/monitor.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "agent/machine_usage.h"
#include "agent/proc_usage.h"
#include "agent/usage_pages.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;

// A line of /proc/PID/stat.
std::string stat_line(int pid, int parent, int ticks, int rss, char state = 'S') {
  return fmt::format(
      "{} (a) b) (c) {} {} 1 1 0 -1 0 0 0 0 0 {} {} {} {} 20 0 2 0 99 4096 {} 18446744073709551615 "
      "1 1\n",
      pid, state, parent, ticks, ticks + 1, ticks + 2, ticks + 3, rss);
}

TEST(ProcUsage, ReadsOneLine) {
  const auto usage = parse_process_usage(stat_line(42, 7, 100, 5));
  ASSERT_TRUE(usage.has_value());
  EXPECT_EQ(usage->pid, 42);
  EXPECT_EQ(usage->parent, 7);
  EXPECT_EQ(usage->state, 'S');
  EXPECT_EQ(usage->user_ticks, 100u);
  EXPECT_EQ(usage->system_ticks, 101u);
  EXPECT_EQ(usage->children_user_ticks, 102u);
  EXPECT_EQ(usage->children_system_ticks, 103u);
  EXPECT_EQ(usage->threads, 2u);
  EXPECT_EQ(usage->rss_pages, 5u);
  for (const char* bad :
       {"", "1", "1 (a)", "1 (a) S", "x (a) S 1 2 3", ") (", "1 (a) S 1 1 1 0 -1"}) {
    EXPECT_FALSE(parse_process_usage(bad).has_value()) << bad;
  }
}

TEST(ProcUsage, ReadsIo) {
  EXPECT_EQ(parse_process_io("rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n"),
            (std::pair<std::uint64_t, std::uint64_t>(4096, 8192)));
  EXPECT_EQ(parse_process_io("read_bytes: x\nnonsense"),
            (std::pair<std::uint64_t, std::uint64_t>(0, 0)));
}

TEST(ProcUsage, SumsUpTheFamilyOfASupervisor) {
  TempFolder proc;
  const auto add = [&](int pid, const std::string& stat) {
    std::filesystem::create_directories(proc.path() + "/" + std::to_string(pid));
    proc.write(std::to_string(pid) + "/stat", stat);
    proc.write(std::to_string(pid) + "/io", "read_bytes: 10\nwrite_bytes: 20\n");
  };
  add(100, stat_line(100, 1, 0, 50));         // a supervisor
  add(101, stat_line(101, 100, 10, 7));       // its leader
  add(102, stat_line(102, 101, 20, 8));       // a child of it
  add(103, stat_line(103, 100, 30, 9));       // an orphan, which came to the supervisor
  add(104, stat_line(104, 101, 40, 0, 'Z'));  // ended, not waited for
  add(200, stat_line(200, 1, 5, 50));         // another task
  add(201, stat_line(201, 200, 50, 1));
  add(999, stat_line(999, 1, 9999, 999));  // a stranger
  std::filesystem::create_directories(proc.path() + "/self");
  ProcTaskUsage usage(proc.path());
  const auto read = usage.read({{kFramework, {"f", "a", "r1"}, 100},
                                {kFramework, {"f", "b", "r2"}, 200},
                                {kFramework, {"f", "c", "r3"}, 300}});
  ASSERT_EQ(read.size(), 3u);
  ASSERT_TRUE(read[0].has_value());
  const auto tick = static_cast<std::uint64_t>(1'000'000 / ::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // Each has used `ticks`, and its children that were waited for `ticks` + 2.
  EXPECT_EQ(read[0]->cpu_user_us, (2 + 22 + 42 + 62 + 82) * tick);
  EXPECT_EQ(read[0]->cpu_system_us, (4 + 24 + 44 + 64 + 84) * tick);
  EXPECT_EQ(read[0]->rss_bytes, (7 + 8 + 9) * page);
  EXPECT_EQ(read[0]->processes, 3u);
  EXPECT_EQ(read[0]->threads, 6u);
  EXPECT_EQ(read[0]->read_bytes, 50u);
  EXPECT_EQ(read[0]->written_bytes, 100u);
  EXPECT_EQ(read[1]->processes, 1u);
  EXPECT_FALSE(read[2].has_value());
}

TEST(MachineUsage, ReadsTheKernelsFiles) {
  MachineUsage usage;
  parse_cpu_times("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1\ncpu1 1 1\nintr 9\n", 10'000, &usage);
  EXPECT_EQ(usage.cpus, 2u);
  EXPECT_EQ(usage.cpu_us[0], 10'000u);
  EXPECT_EQ(usage.cpu_us[7], 80'000u);
  parse_meminfo("MemTotal:  100 kB\nMemFree: 10 kB\nMemAvailable: 50 kB\nSwapFree: 1 kB\n", &usage);
  EXPECT_EQ(usage.memory_bytes, 102'400u);
  EXPECT_EQ(usage.memory_available_bytes, 51'200u);
  parse_loadavg("0.50 1.25 2.00 1/2 3\n", &usage);
  EXPECT_EQ(usage.load5, 1.25);
  const auto pressure = parse_pressure(
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=7000000\n"
      "full avg10=0.50 avg60=0.00 avg300=0.00 total=3\n");
  ASSERT_TRUE(pressure.has_value());
  EXPECT_EQ(pressure->some_avg10, 1.5);
  EXPECT_EQ(pressure->full_avg10, 0.5);
  EXPECT_EQ(pressure->some_us, 7'000'000u);
  EXPECT_EQ(pressure->full_us, 3u);
  EXPECT_FALSE(parse_pressure("").has_value());
  EXPECT_FALSE(parse_pressure("nonsense avg10=1").has_value());
}

TEST(MachineUsage, ReadsThisMachine) {
  const TempFolder folder;
  const MachineUsage usage = read_machine_usage(folder.path());
  EXPECT_GT(usage.cpus, 0u);
  EXPECT_GT(usage.cpu_us[0], 0u);
  EXPECT_GT(usage.memory_bytes, usage.memory_available_bytes);
  EXPECT_GT(usage.disk_bytes, 0u);
  const SelfUsage self = read_self_usage();
  EXPECT_GT(self.rss_bytes, 0u);
  EXPECT_GE(self.descriptors, 3u);
}

// What each look finds, in turn.
class FakeUsage final : public TaskUsage {
 public:
  std::vector<std::optional<UsageOfTask>> read(const std::vector<SupervisedTask>& tasks) override {
    std::vector<std::optional<UsageOfTask>> found(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i].id.task_id == "gone") continue;
      found[i] = UsageOfTask{cpu_us, cpu_us / 2, 1, 2, 4096, 3, 4};
    }
    ++looks;
    return found;
  }
  std::uint64_t cpu_us = 0;
  int looks = 0;
};

class MonitorTest : public testing::Test {
 protected:
  void start(core::Duration freshness) {
    MonitorOptions options;
    options.data_dir = folder_.path();
    auto usage = std::make_unique<FakeUsage>();
    usage_ = usage.get();
    options.usage = std::move(usage);
    options.tasks = [] {
      return std::vector<SupervisedTask>{
          {kFramework, {core::to_string(kFramework), "a", "run-a"}, 10},
          {kFramework, {core::to_string(kFramework), "gone", "run-b"}, 11}};
    };
    options.freshness = freshness;
    monitor_.emplace(loop_.reactor(), std::move(options));
  }
  UsageSample ask() {
    std::optional<UsageSample> sample;
    monitor_->ask([&](const UsageSample& found) { sample = found; });
    EXPECT_TRUE(loop_.run_until([&] { return sample.has_value(); }));
    return sample.value_or(UsageSample{});
  }

  TempFolder folder_;
  Loop loop_;
  FakeUsage* usage_ = nullptr;
  std::optional<Monitor> monitor_;
};

TEST_F(MonitorTest, LooksOnceForAllWhoAsk) {
  start(std::chrono::hours(1));
  EXPECT_EQ(monitor_->samples(), 0u);
  int answered = 0;
  for (int i = 0; i < 5; ++i) monitor_->ask([&](const UsageSample&) { ++answered; });
  EXPECT_EQ(answered, 0);
  ASSERT_TRUE(loop_.run_until([&] { return answered == 5; }));
  EXPECT_EQ(usage_->looks, 1);
  monitor_->ask([&](const UsageSample& sample) {
    ++answered;
    ASSERT_EQ(sample.tasks.size(), 1u);  // the other one is gone
    EXPECT_EQ(sample.tasks[0].task.id.task_id, "a");
  });
  EXPECT_EQ(answered, 6);  // fresh enough
  EXPECT_EQ(usage_->looks, 1);
}

TEST_F(MonitorTest, WhatWasUsedNeverGoesDown) {
  start(core::Duration::zero());
  usage_->cpu_us = 500;
  EXPECT_EQ(ask().tasks[0].usage.cpu_user_us, 500u);
  usage_->cpu_us = 200;
  const UsageSample sample = ask();
  EXPECT_EQ(sample.tasks[0].usage.cpu_user_us, 500u);
  EXPECT_EQ(sample.tasks[0].usage.cpu_system_us, 250u);
  EXPECT_EQ(sample.tasks[0].usage.rss_bytes, 4096u);
  EXPECT_EQ(usage_->looks, 2);
}

UsageSample some_sample() {
  UsageSample sample;
  sample.machine.cpus = 2;
  sample.machine.memory_bytes = 1000;
  sample.machine.cpu_pressure = Pressure{1.5, 0, 0, 0, 2'500'000, 0};
  sample.machine.gpus = {{"card0", "Model \"X\"", 25, 1000, 400}, {"card1", "Y", {}, 0, 0}};
  sample.tasks.push_back({{kFramework, {"f-1", "t", "run"}, 9},
                          {1'500'000, 250'000, 10, 20, 4096, 3, 4, 750'000, 99}});
  return sample;
}

std::string metrics_of(const UsageSample& sample) {
  core::MetricsText out;
  append_usage_metrics(out, {}, sample, {}, {});
  append_launch_metrics(out, {});
  return out.take();
}

TEST(UsagePages, MetricsAreWellFormed) {
  const std::string text = metrics_of(some_sample());
  EXPECT_THAT(text, HasSubstr("\nshoal_task_cpu_seconds_total{framework=\"f-1\",task=\"t\","
                              "mode=\"user\"} 1.5\n"));
  EXPECT_THAT(text,
              HasSubstr("\nshoal_task_memory_rss_bytes{framework=\"f-1\",task=\"t\"} 4096\n"));
  EXPECT_THAT(text, HasSubstr("\nshoal_task_cpu_throttled_seconds_total{framework=\"f-1\","
                              "task=\"t\"} 0.75\n"));
  EXPECT_THAT(text, HasSubstr("\nshoal_task_memory_bytes{framework=\"f-1\",task=\"t\"} 99\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("\nshoal_task_memory_peak_bytes{")));
  EXPECT_THAT(text,
              HasSubstr("\nshoal_machine_pressure_waiting_seconds_total{resource=\"cpu\"} 2.5\n"));
  EXPECT_THAT(text, HasSubstr("\nshoal_machine_memory_bytes 1000\n"));
  EXPECT_THAT(
      text,
      HasSubstr("\nshoal_machine_gpu_busy_ratio{gpu=\"card0\",model=\"Model \\\"X\\\"\"} 0.25\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("busy_ratio{gpu=\"card1\"")));
  EXPECT_THAT(text, HasSubstr("\nshoal_machine_gpu_memory_bytes{gpu=\"card1\",model=\"Y\"} 0\n"));
  // Each sample has its type said before, once.
  std::set<std::string> typed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(typed.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
    } else if (!line.starts_with("#")) {
      const std::string name = line.substr(0, line.find_first_of(" {"));
      const std::size_t part = name.rfind('_');  // of a histogram
      EXPECT_TRUE(typed.contains(name) || typed.contains(name.substr(0, part))) << line;
    }
  }
  EXPECT_EQ(text.back(), '\n');
}

TEST(UsagePages, ManyTasksAreLeftOutAndCounted) {
  UsageSample sample = some_sample();
  sample.tasks.resize(kMaxTaskSeries + 7, sample.tasks.front());
  EXPECT_THAT(metrics_of(sample), HasSubstr("shoal_task_series_left_out 7\n"));
}

TEST(UsagePages, JsonHoldsTheSame) {
  AgentFacts facts;
  facts.id = "a-1";
  facts.hostname = "host";
  const auto json = nlohmann::json::parse(usage_json(facts, some_sample(), {}, {}));
  EXPECT_EQ(json["agent"], "a-1");
  EXPECT_EQ(json["machine"]["cpus"], 2);
  EXPECT_EQ(json["machine"]["pressure"]["cpu"]["some_avg10"], 1.5);
  EXPECT_TRUE(json["machine"]["pressure"]["io"].is_null());
  EXPECT_EQ(json["machine"]["gpus"][0]["busy_percent"], 25);
  EXPECT_EQ(json["machine"]["gpus"][0]["memory_used_bytes"], 400);
  EXPECT_TRUE(json["machine"]["gpus"][1]["busy_percent"].is_null());
  ASSERT_EQ(json["tasks"].size(), 1u);
  EXPECT_EQ(json["tasks"][0]["cpu_user_seconds"], 1.5);
  EXPECT_EQ(json["tasks"][0]["threads"], 4);
  EXPECT_EQ(json["tasks"][0]["cpu_throttled_seconds"], 0.75);
  EXPECT_EQ(json["tasks"][0]["memory_bytes"], 99);
  EXPECT_TRUE(json["tasks"][0]["memory_peak_bytes"].is_null());
}

}  // namespace
}  // namespace shoal::agent
