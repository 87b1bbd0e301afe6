#include "master/held_reports.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shoal::master {
namespace {

class HeldReportsTest : public testing::Test {
 protected:
  // The payload of a TaskReports with `count` tasks; their ids begin with `prefix`.
  static wire::ByteVector part(const std::string& prefix, std::size_t count) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(prefix + std::to_string(i));
    core::TaskReports reports;
    for (const std::string& id : ids) {
      reports.tasks.push_back({core::FrameworkId{7}, id, "", {}, core::TaskState::kRunning, "eng"});
    }
    wire::ByteVector frame;
    wire::encode(reports, 0, frame);
    return {frame.begin() + core::kFrameHeaderBytes, frame.end()};
  }

  core::SharedTables tables{1, 0};
  core::Shard shard{core::ShardConfig{}, tables, 1};
};

TEST_F(HeldReportsTest, AllPartsAreJoinedInOrder) {
  HeldReports held(shard);
  // The bytes that came are gone when the parts are joined.
  {
    const wire::ByteVector first = part("a", 2);
    ASSERT_TRUE(held.hold(first).ok());
  }
  ASSERT_TRUE(held.hold(part("b", 1)).ok());
  core::RegisterAgent message;
  message.tasks.push_back({core::FrameworkId{7}, "own", "", {}, core::TaskState::kRunning, ""});
  ASSERT_TRUE(held.append_to(message).ok());
  ASSERT_EQ(message.tasks.size(), 4u);
  EXPECT_EQ(message.tasks[0].id, "own");
  EXPECT_EQ(message.tasks[1].id, "a0");
  EXPECT_EQ(message.tasks[2].id, "a1");
  EXPECT_EQ(message.tasks[3].id, "b0");
  EXPECT_EQ(message.tasks[3].role, "eng");
}

TEST_F(HeldReportsTest, WhatIsNoTaskReportsIsRefused) {
  HeldReports held(shard);
  const std::vector<std::uint64_t> garbage(4, 0xffffffffffffffffu);
  const wire::Bytes bytes(reinterpret_cast<const std::uint8_t*>(garbage.data()), 32);
  EXPECT_TRUE(absl::IsInvalidArgument(held.hold(bytes)));
  EXPECT_EQ(shard.held_report_bytes, 0u);
}

TEST_F(HeldReportsTest, AnAgentHasNoMoreTasksThanItMay) {
  HeldReports held(shard);
  const std::size_t whole = core::kMaxTasksPerAgent / core::kMaxTaskReports;
  for (std::size_t i = 0; i < whole; ++i) {
    ASSERT_TRUE(held.hold(part(std::to_string(i) + "-", core::kMaxTaskReports)).ok());
  }
  const std::size_t rest = core::kMaxTasksPerAgent - whole * core::kMaxTaskReports;
  ASSERT_TRUE(held.hold(part("x", rest)).ok());
  core::RegisterAgent message;
  ASSERT_TRUE(held.append_to(message).ok());
  EXPECT_EQ(message.tasks.size(), core::kMaxTasksPerAgent);
  core::RegisterAgent more;
  more.tasks.resize(1);
  EXPECT_TRUE(absl::IsInvalidArgument(held.append_to(more)));
  const absl::Status refused = held.hold(part("y", 1));
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_NE(refused.message().find("more than 8192 tasks"), std::string_view::npos);
}

TEST_F(HeldReportsTest, PartsAreBounded) {
  HeldReports held(shard);
  for (std::size_t i = 0; i < core::kMaxTaskReportParts; ++i) {
    ASSERT_TRUE(held.hold(part(std::to_string(i), 1)).ok());
  }
  EXPECT_TRUE(absl::IsInvalidArgument(held.hold(part("z", 1))));
}

// Who greets and never registers must not fill the memory: all of them together have a bound.
TEST_F(HeldReportsTest, AllAgentsTogetherAreBounded) {
  const wire::ByteVector bytes = part("t", 100);
  {
    HeldReports first(shard);
    ASSERT_TRUE(first.hold(bytes).ok());
    EXPECT_EQ(shard.held_report_bytes, bytes.size());
    shard.held_report_bytes += core::kMaxHeldReportBytes - 2 * bytes.size();
    HeldReports second(shard);
    ASSERT_TRUE(second.hold(bytes).ok());
    EXPECT_TRUE(absl::IsResourceExhausted(second.hold(bytes)));
    shard.held_report_bytes -= core::kMaxHeldReportBytes - 2 * bytes.size();
  }
  EXPECT_EQ(shard.held_report_bytes, 0u) << "what is over counts no more";
}

}  // namespace
}  // namespace shoal::master
