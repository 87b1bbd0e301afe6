#include "agent/usage_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>

#include "core/limits.h"

namespace shoal::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class UsageReporterTest : public testing::Test {
 protected:
  UsageReporterTest() {
    sample.sampled_at = core::TimePoint(seconds(100));
    sample.machine.memory_bytes = 1000;
    sample.machine.memory_available_bytes = 300;
    sample.machine.disk_bytes = 5000;
    sample.machine.disk_free_bytes = 4000;
    sample.machine.load1 = 1.25;
  }

  void add_task(const std::string& id, std::uint64_t cpu_us, std::uint64_t rss) {
    UsageSample::OfTask task;
    task.task = {core::FrameworkId{0xf1}, {"f", id, "run-" + id}, 1};
    task.usage.cpu_user_us = cpu_us;
    task.usage.rss_bytes = rss;
    sample.tasks.push_back(task);
  }

  UsageSample sample;
  UsageReporter reporter;
};

TEST_F(UsageReporterTest, TheFirstLookTellsNothing) {
  EXPECT_FALSE(reporter.next(sample).has_value());
  EXPECT_FALSE(reporter.next(sample).has_value()) << "no time has passed";
}

TEST_F(UsageReporterTest, TellsWhatWasUsedInBetween) {
  sample.machine.cpu_us = {1'000'000, 0, 0, 7'000'000, 9'000'000, 0, 0, 0};
  add_task("a", 500'000, 64 * 1024);
  reporter.next(sample);
  sample.sampled_at += milliseconds(2000);
  sample.machine.cpu_us = {3'000'000, 500'000, 500'000, 8'000'000, 10'000'000, 0, 0, 0};
  sample.machine.io_pressure = Pressure{.some_avg10 = 12.345};
  sample.tasks[0].usage.cpu_user_us = 1'000'000;
  sample.tasks[0].usage.cpu_system_us = 500'000;
  const auto report = reporter.next(sample);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->machine.cpus_milli, 1500u) << "3 s of user, nice and system in 2 s";
  EXPECT_EQ(report->machine.load1_milli, 1250u);
  EXPECT_EQ(report->machine.memory_used_bytes, 700u);
  EXPECT_EQ(report->machine.disk_used_bytes, 1000u);
  EXPECT_EQ(report->machine.io_pressure, 1235);
  EXPECT_EQ(report->machine.cpu_pressure, core::kNoPressure);
  EXPECT_EQ(report->machine.reported_ms, 0);
  ASSERT_EQ(report->tasks.size(), 1u);
  EXPECT_EQ(report->tasks[0].task, "a");
  EXPECT_EQ(report->tasks[0].use.cpus_milli, 500u);
  EXPECT_EQ(report->tasks[0].use.memory_kib, 64u);
}

TEST_F(UsageReporterTest, MemoryIsWhatCountsAgainstTheLimitWhereThatIsKnown) {
  add_task("a", 0, 64 * 1024);
  sample.tasks[0].usage.memory_bytes = 4096;
  add_task("tiny", 0, 1);  // 0 would say that nothing is known
  reporter.next(sample);
  sample.sampled_at += seconds(1);
  const auto report = reporter.next(sample);
  ASSERT_TRUE(report.has_value());
  ASSERT_EQ(report->tasks.size(), 2u);
  EXPECT_EQ(report->tasks[0].use.memory_kib, 4u);
  EXPECT_EQ(report->tasks[1].use.memory_kib, 1u);
}

TEST_F(UsageReporterTest, ATaskIsToldOnceItHasBeenSeenTwice) {
  reporter.next(sample);
  add_task("new", 1'000'000, 4096);
  sample.sampled_at += seconds(1);
  EXPECT_THAT(reporter.next(sample)->tasks, testing::IsEmpty());
  sample.sampled_at += seconds(1);
  EXPECT_EQ(reporter.next(sample)->tasks.size(), 1u);
}

// A machine that was asleep, or counters that go back, make no absurd number.
TEST_F(UsageReporterTest, CountersThatGoBackAreNothing) {
  sample.machine.cpu_us = {5'000'000};
  add_task("a", 5'000'000, 4096);
  reporter.next(sample);
  sample.sampled_at += seconds(1);
  sample.machine.cpu_us = {1'000'000};
  sample.machine.memory_available_bytes = 2000;  // more than there is
  sample.tasks[0].usage.cpu_user_us = 1;
  const auto report = reporter.next(sample);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->machine.cpus_milli, 0u);
  EXPECT_EQ(report->machine.memory_used_bytes, 0u);
  EXPECT_EQ(report->tasks[0].use.cpus_milli, 0u);
}

TEST_F(UsageReporterTest, ManyTasksAreToldInTurn) {
  const std::size_t count = 2 * core::kMaxTaskUses + 10;
  for (std::size_t i = 0; i < count; ++i) add_task("t" + std::to_string(i), 0, 4096);
  reporter.next(sample);
  std::set<std::string> told;
  for (int turn = 0; turn < 3; ++turn) {
    sample.sampled_at += seconds(1);
    const auto report = reporter.next(sample);
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->tasks.size(), core::kMaxTaskUses);
    for (const core::TaskUseReport& task : report->tasks) told.emplace(task.task);
  }
  EXPECT_EQ(told.size(), count);
}

}  // namespace
}  // namespace shoal::agent
