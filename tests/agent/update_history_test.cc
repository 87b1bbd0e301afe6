#include "agent/update_history.h"

#include <gtest/gtest.h>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::TaskState;

// What the log of a test agent leads to.
ReadHistory reread(const TestAgent& a) { return read_history(a.fx.history); }

const RememberedTask* find(const UpdateHistory& history, const std::string& task,
                           core::FrameworkId framework = kFramework) {
  const auto it = history.tasks().find({framework, task});
  return it == history.tasks().end() ? nullptr : &it->second;
}

TEST(UpdateHistoryTest, RemembersWhatIsNotAcknowledged) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.exit("t", {false, 3, false});
  ReadHistory read = reread(a);
  EXPECT_EQ(read.records, 2u);
  EXPECT_EQ(read.lost_bytes, 0u);
  const RememberedTask* task = find(read.history, "t");
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->state, TaskState::kFailed);
  ASSERT_EQ(task->updates.size(), 2u);
  const StatusUpdate& last = task->updates.pending()[1];
  EXPECT_EQ(last.uuid, a.fx.statuses[1].uuid);
  EXPECT_EQ(last.message, "exited with 3");
  EXPECT_TRUE(last.has_exit);
  EXPECT_EQ(last.exit_code, 3);
  EXPECT_EQ(last.timestamp_ms, a.fx.statuses[1].timestamp_ms);

  a.acknowledge(a.fx.statuses[0]);
  read = reread(a);
  EXPECT_EQ(find(read.history, "t")->updates.size(), 1u);
  a.acknowledge(a.fx.statuses[1]);
  read = reread(a);
  EXPECT_EQ(find(read.history, "t"), nullptr);
}

TEST(UpdateHistoryTest, AKillIsRememberedAfterItsAcknowledgement) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.kill("t");
  a.acknowledge(a.fx.statuses.back());
  ReadHistory read = reread(a);
  const RememberedTask* task = find(read.history, "t");
  ASSERT_NE(task, nullptr);
  EXPECT_TRUE(task->is_kill_asked);
  EXPECT_EQ(task->state, TaskState::kKilling);
  EXPECT_TRUE(task->updates.empty());
}

TEST(UpdateHistoryTest, ARemovedFrameworkLeavesNothingButItsName) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.start("other", "cpus:1", -1, kOtherFramework);
  on_remove_framework(a.state, a.fx, {kFramework}, a.now);
  ReadHistory read = reread(a);
  EXPECT_EQ(find(read.history, "t"), nullptr);
  EXPECT_NE(find(read.history, "other", kOtherFramework), nullptr);
  EXPECT_TRUE(read.history.is_removed(kFramework));
  a.start("again");  // it has subscribed anew
  read = reread(a);
  EXPECT_FALSE(read.history.is_removed(kFramework));
}

TEST(UpdateHistoryTest, AnotherRunOfTheSameNameStartsAnew) {
  TestAgent a;
  a.connect();
  a.start("t");
  a.exit("t");
  a.acknowledge(a.fx.statuses.back());
  a.start("t");
  ReadHistory read = reread(a);
  EXPECT_EQ(find(read.history, "t")->state, TaskState::kRunning);
  EXPECT_EQ(find(read.history, "t")->updates.size(), 1u);
}

// What history_of() writes leads to the same as all that was ever written.
TEST(UpdateHistoryTest, TheShortFormSaysTheSame) {
  TestAgent a;
  a.connect();
  for (const char* task : {"acknowledged", "pending", "killing", "ended"}) {
    a.start(task, "cpus:0.1");
  }
  a.acknowledge(a.fx.statuses[0]);
  a.kill("killing");
  a.acknowledge(a.fx.statuses.back());
  a.exit("ended", {true, 9, false});
  a.start("orphan", "cpus:1", -1, kOtherFramework);
  on_remove_framework(a.state, a.fx, {kOtherFramework}, a.now);
  ReadHistory whole = reread(a);
  ReadHistory brief = read_history(history_of(a.state));
  EXPECT_EQ(brief.lost_bytes, 0u);
  EXPECT_TRUE(brief.history.is_removed(kOtherFramework));
  ASSERT_EQ(brief.history.tasks().size(), 4u);
  ASSERT_EQ(whole.history.tasks().size(), 4u);
  for (const auto& [key, task] : whole.history.tasks()) {
    const RememberedTask* same = find(brief.history, key.second);
    ASSERT_NE(same, nullptr) << key.second;
    EXPECT_EQ(same->state, task.state);
    EXPECT_EQ(same->is_kill_asked, task.is_kill_asked);
    ASSERT_EQ(same->updates.size(), task.updates.size());
    for (std::size_t i = 0; i < task.updates.size(); ++i) {
      EXPECT_EQ(same->updates.pending()[i].uuid, task.updates.pending()[i].uuid);
    }
  }
}

TEST(UpdateHistoryTest, AnyTruncationLosesTheLastOnly) {
  TestAgent a;
  a.connect();
  a.start("one");
  const std::size_t first = a.fx.history.size();
  a.start("two");
  for (std::size_t size = 0; size <= a.fx.history.size(); ++size) {
    ReadHistory read = read_history(wire::Bytes(a.fx.history).first(size));
    EXPECT_EQ(find(read.history, "one") != nullptr, size >= first) << size;
    EXPECT_EQ(find(read.history, "two") != nullptr, size == a.fx.history.size()) << size;
    EXPECT_EQ(read.lost_bytes, size < first ? size : size < a.fx.history.size() ? size - first : 0);
  }
}

TEST(UpdateHistoryTest, AnyFlippedBitLosesOneRecord) {
  TestAgent a;
  a.connect();
  a.start("one");
  const std::size_t first = a.fx.history.size();
  a.start("two");
  const std::size_t second = a.fx.history.size();
  a.start("three");
  wire::ByteVector bytes = a.fx.history;
  for (std::size_t bit = first * 8; bit < second * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ mask);
    ReadHistory read = read_history(bytes);
    EXPECT_EQ(read.records, 2u) << bit;
    EXPECT_EQ(read.lost_bytes, second - first);
    EXPECT_NE(find(read.history, "one"), nullptr);
    EXPECT_EQ(find(read.history, "two"), nullptr);
    EXPECT_NE(find(read.history, "three"), nullptr);
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ mask);
  }
}

}  // namespace
}  // namespace shoal::agent
