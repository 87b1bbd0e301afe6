#include "agent/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Encodes a message and gives it to the agent as a frame, in aligned memory.
template <typename Message>
void receive(TestAgent& a, const Message& message) {
  wire::ByteVector bytes;
  wire::encode(message, 0, bytes);
  std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(aligned.data()));
  wire::FrameView frame;
  const auto progress = wire::next_frame(
      wire::Bytes(reinterpret_cast<const std::uint8_t*>(aligned.data()), bytes.size()),
      core::kMaxFrameBytes, &frame);
  ASSERT_TRUE(progress.ok() && *progress == wire::FrameProgress::kFrame);
  on_frame(a.state, a.fx, frame, a.now);
}

TEST(AgentFrames, AWholeSession) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  receive(a, core::Welcome{1, core::kFeatures, kCluster, "shoal/test"});
  EXPECT_EQ(a.fx.registrations, 1);
  receive(a, core::AgentRegistered{core::AgentId{9}, 5000, 15'000});
  ASSERT_TRUE(a.state.is_registered());

  wire::TaskDescription description;
  description.command = "true";
  const auto bytes = wire::encode_task_description(description);
  core::RunTask run;
  run.framework = kFramework;
  run.task = {"t", "name", resources_of("cpus:1;ports:[31000-31000]"), *bytes, {}};
  receive(a, run);
  EXPECT_THAT(a.fx.commands, testing::ElementsAre("true"));
  on_process_started(a.state, a.fx, kFramework, "t", a.now);
  receive(a, core::KillTask{kFramework, a.state.id, "t", -1});
  EXPECT_EQ(a.fx.kills.size(), 1u);
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].state, core::TaskState::kKilling);
  receive(a, core::AcknowledgeUpdate{kFramework, a.state.id, "t", sent[0].uuid});
  EXPECT_EQ(a.state.tasks.find(kFramework, "t")->updates.size(), 1u);
  receive(a, core::RemoveFramework{kFramework});
  a.exit("t");
  EXPECT_TRUE(a.state.tasks.empty());
  EXPECT_THAT(a.fx.disconnects, IsEmpty());
}

TEST(AgentFrames, AnyFrameIsASignOfLife) {
  TestAgent a;
  a.connect();
  a.advance(std::chrono::milliseconds(14'000));
  receive(a, core::Heartbeat{1});
  a.advance(std::chrono::milliseconds(14'000));
  EXPECT_TRUE(a.state.is_registered());
}

TEST(AgentFrames, CommandsBeforeRegistrationEndTheSession) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  receive(a, core::RemoveFramework{kFramework});
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("REMOVE_FRAMEWORK"));
  receive(a, core::Welcome{1, core::kFeatures, kCluster, "x"});  // still in the buffer: too late
  EXPECT_EQ(a.fx.registrations, 0);
}

TEST(AgentFrames, StrangeKindsEndTheSession) {
  TestAgent a;
  a.connect();
  receive(a, core::Subscribed{kFramework, 1, 1});  // known, but not for agents
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("SUBSCRIBED"));
  a.connect();
  wire::FrameView frame;
  frame.header.kind = 9999;
  on_frame(a.state, a.fx, frame, a.now);
  ASSERT_EQ(a.fx.disconnects.size(), 2u);
  EXPECT_THAT(a.fx.disconnects[1], HasSubstr("unknown kind 9999"));
}

TEST(AgentFrames, GarbageEndsTheSession) {
  TestAgent a;
  a.connect();
  alignas(8) const std::uint8_t garbage[16] = {0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4};
  wire::FrameView frame;
  frame.header.kind = static_cast<std::uint16_t>(wire::MessageKind::kRunTask);
  frame.payload = wire::Bytes(garbage, sizeof(garbage));
  on_frame(a.state, a.fx, frame, a.now);
  EXPECT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_FALSE(a.state.is_registered());
}

TEST(AgentFrames, RefusalsAreHeard) {
  TestAgent a;
  on_connected(a.state, a.fx, a.now);
  receive(a, core::Refusal{core::RefusalCode::kWrongCluster, "this is cluster 7"});
  ASSERT_EQ(a.fx.ends.size(), 1u);
  EXPECT_THAT(a.fx.ends[0], HasSubstr("this is cluster 7"));
}

// What the agent says of itself to a new master, as that reads it: the number of tasks of each
// message, the registration last.
std::vector<std::size_t> tasks_in_registration(TestAgent& a) {
  struct Framed final : FramingEffects {
    void send_frame(wire::Bytes frame) override { frames.emplace_back(frame.begin(), frame.end()); }
    void launch(const LaunchRequest&) override {}
    void kill(core::FrameworkId, std::string_view, KillMode) override {}
    std::uint64_t record(const core::TaskStatus&) override { return 0; }
    void record(const core::AcknowledgeUpdate&) override {}
    void record(const core::RemoveFramework&) override {}
    std::optional<StoreOutcome> store(const StoreRequest&) override { return StoreOutcome{}; }
    std::optional<absl::Status> store_epoch(std::uint64_t) override { return absl::OkStatus(); }
    std::optional<absl::Status> store_id(core::AgentId) override { return absl::OkStatus(); }
    void ask_usage() override {}
    void disconnect(std::string_view) override {}
    void give_up(std::string_view) override {}
    void leave(std::string_view) override {}
    std::vector<wire::ByteVector> frames;
  } framed;
  on_connected(a.state, framed, a.now);
  framed.frames.clear();
  on_welcome(a.state, framed, core::Welcome{1, core::kFeatures, kCluster, "x"}, a.now);
  std::vector<std::size_t> tasks;
  for (const wire::ByteVector& frame : framed.frames) {
    wire::FrameView view;
    const auto progress = wire::next_frame(frame, core::kMaxFrameBytes, &view);
    EXPECT_TRUE(progress.ok() && *progress == wire::FrameProgress::kFrame);
    if (view.header.kind == static_cast<std::uint16_t>(wire::MessageKind::kTaskReports)) {
      const auto part = wire::decode<core::TaskReports>(view.payload);
      EXPECT_TRUE(part.ok()) << part.status();
      tasks.push_back(part.ok() ? part->tasks.size() : 0);
    } else {
      const auto last = wire::decode<core::RegisterAgent>(view.payload);
      EXPECT_TRUE(last.ok()) << last.status();
      tasks.push_back(last.ok() ? last->tasks.size() : 0);
    }
  }
  return tasks;
}

std::size_t sum(const std::vector<std::size_t>& tasks) {
  return std::accumulate(tasks.begin(), tasks.end(), std::size_t{0});
}

// The most tasks an agent may hold, with the longest ids and names, fit a few messages.
TEST(AgentFrames, AFullAgentCanRegister) {
  TestAgent a;
  a.state.total = resources_of("cpus:9000;mem:1000000;ports:[10000-50000]");
  a.connect();
  for (std::size_t i = 0; i < core::kMaxTasksPerAgent; ++i) {
    std::string id = std::to_string(i);
    id.insert(0, core::kMaxIdBytes - id.size(), 'x');
    a.start(id, "cpus:1;mem:10;ports:[" + std::to_string(10'000 + 4 * i) + "-" +
                    std::to_string(10'001 + 4 * i) + "]");
    a.state.tasks.find(kFramework, id)->name = std::string(core::kMaxTextBytes, 'n');
  }
  ASSERT_EQ(a.state.tasks.live(), core::kMaxTasksPerAgent);
  const auto told = tasks_in_registration(a);
  EXPECT_EQ(sum(told), core::kMaxTasksPerAgent);
  EXPECT_LE(told.size(), core::kTaskReportsOfAgent);
}

// Tasks that need more words are fewer.
TEST(AgentFrames, TasksWithLongDescriptionsFitToo) {
  TestAgent a;
  std::string all;
  for (int item = 0; item < 1000; ++item) {
    all += (item == 0 ? "" : ",") + std::string(30, 'b') + std::to_string(item);
  }
  a.state.total = resources_of("cpus:2000;bays:{" + all + "}");
  a.connect();
  a.role = std::string(core::kMaxRoleBytes, 'r');
  for (std::size_t i = 0; i < 4 * core::kMaxTaskReports; ++i) {
    std::string id = std::to_string(i);
    id.insert(0, core::kMaxIdBytes - id.size(), 'x');
    a.run(id,
          i < 1000 ? "cpus:1;bays:{" + std::string(30, 'b') + std::to_string(i) + "}" : "cpus:0.1");
  }
  const std::size_t held = a.state.tasks.size();
  EXPECT_LT(held, 4 * core::kMaxTaskReports);
  EXPECT_GT(a.fx.launches.size(), 500u);
  EXPECT_NE(a.fx.statuses.back().message.find("the most it may"), std::string::npos);
  EXPECT_EQ(a.broken(), "");
  const auto told = tasks_in_registration(a);
  EXPECT_EQ(sum(told), held);
  EXPECT_LE(told.size(), core::kMaxTaskReportParts + 1);
}

TEST(AgentFrames, TasksThatDoNotFitOneMessageComeBeforeTheRegistration) {
  TestAgent a;
  a.state.total = resources_of("cpus:4;mem:10000");
  a.connect();
  for (std::size_t i = 0; i < core::kMaxTaskReports; ++i) {
    a.run("t" + std::to_string(i), "mem:0.5");
  }
  EXPECT_THAT(tasks_in_registration(a), testing::ElementsAre(core::kMaxTaskReports));
  a.connect();
  a.run("one-more", "mem:0.5");
  EXPECT_THAT(tasks_in_registration(a), testing::ElementsAre(core::kMaxTaskReports, 1));
}

// A master that does not know TaskReports would end the session; the agent says what to do.
TEST(AgentFrames, AnOlderMasterIsNotToldOfMoreTasksThanItTakes) {
  TestAgent a;
  a.state.total = resources_of("cpus:4;mem:10000");
  a.connect();
  for (std::size_t i = 0; i <= core::kMaxTaskReports; ++i) {
    a.run("t" + std::to_string(i), "mem:0.5");
  }
  a.fx.registrations = 0;
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, 1, kCluster, "older"}, a.now);
  EXPECT_EQ(a.fx.registrations, 0);
  EXPECT_THAT(a.fx.parts, IsEmpty());
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("takes at most 1900 tasks of an agent"));
  EXPECT_EQ(a.state.session, SessionPhase::kDisconnected);
}

}  // namespace
}  // namespace shoal::agent
