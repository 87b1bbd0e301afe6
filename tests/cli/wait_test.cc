#include "cli/wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(WaitTest, StatesAreThoseOfRecords) {
  EXPECT_THAT(states_to_wait_for(WaitVerb::Kind::kTask), Contains("gone_by_operator"));
  EXPECT_THAT(states_to_wait_for(WaitVerb::Kind::kTask), Contains("ended"));
  EXPECT_THAT(states_to_wait_for(WaitVerb::Kind::kAgent),
              ElementsAre("active", "disconnected", "unreachable", "recovered", "normal",
                          "deactivated", "draining", "drained", "removed"));
  EXPECT_THAT(states_to_wait_for(WaitVerb::Kind::kFramework),
              ElementsAre("active", "disconnected", "completed", "removed"));
  EXPECT_EQ(state_word("TASK_RUNNING"), "running");
}

TEST(WaitTest, WhatIsOverIsOver) {
  const Seen failed = seen_of(core::TaskState::kFailed);
  EXPECT_THAT(failed.words, ElementsAre("failed", "ended"));
  EXPECT_TRUE(failed.is_last);
  EXPECT_FALSE(seen_of(core::TaskState::kUnreachable).is_last);
  EXPECT_TRUE(seen_of(core::FrameworkState::kCompleted).is_last);
  EXPECT_EQ(reached(failed, {"running", "ended"}), "ended");
  EXPECT_EQ(reached(failed, {"finished"}), "");
}

TEST(WaitTest, AnAgentHasAStateAndAMode) {
  const Seen drained = seen_of(core::AgentState::kActive, core::AgentMode::kDrained);
  EXPECT_THAT(drained.words, ElementsAre("drained", "active"));
  EXPECT_FALSE(drained.is_last);
  const Seen away = seen_of(core::AgentState::kUnreachable, core::AgentMode::kDraining);
  EXPECT_THAT(away.words, ElementsAre("unreachable", "draining"));
}

TEST(WaitTest, EventsTellTheSame) {
  const Seen ended = seen_in_event(
      WaitVerb::Kind::kTask,
      R"({"type":"task","task":"t1","state":"TASK_FAILED","reason":"","message":"exited with 1"})");
  EXPECT_THAT(ended.words, ElementsAre("failed", "ended"));
  EXPECT_EQ(ended.message, "exited with 1");
  const Seen agent = seen_in_event(WaitVerb::Kind::kAgent,
                                   R"({"type":"agent","state":"active","mode":"drained"})");
  EXPECT_EQ(reached(agent, {"drained"}), "drained");
  EXPECT_TRUE(
      seen_in_event(WaitVerb::Kind::kAgent, R"({"type":"agent","state":"removed"})").is_last);
  for (const char* other :
       {"", "[1]", R"({"type":"role"})", R"({"type":"task","state":"TASK_X"})"}) {
    EXPECT_THAT(seen_in_event(WaitVerb::Kind::kTask, other).words, IsEmpty()) << other;
  }
}

}  // namespace
}  // namespace shoal::cli
