// What is encoded comes back unchanged.
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/status.h"
#include "flatbuffers/flatbuffers.h"
#include "tests/wire/samples.h"

namespace shoal::wire {
namespace {

TEST(RoundTrip, EveryFieldOfEveryMessage) {
  const Samples samples;
  int messages = 0;
  samples.each([&](MessageKind kind, const auto& message) {
    SCOPED_TRACE(name_of(kind));
    const ByteVector frame = encoded(message, 0x01020304);
    FrameView view;
    ASSERT_EQ(*next_frame(frame, core::kMaxFrameBytes, &view), FrameProgress::kFrame);
    EXPECT_EQ(view.header.kind, static_cast<std::uint16_t>(kind));
    EXPECT_EQ(view.header.flags, 0);
    EXPECT_EQ(view.header.correlation, 0x01020304u);
    EXPECT_EQ(view.total_bytes(), frame.size());
    EXPECT_EQ(frame.size() % core::kFrameAlignment, 0u);
    const auto back = decode<std::decay_t<decltype(message)>>(view.payload);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_TRUE(same(*back, message));
    EXPECT_FALSE(name_of(kind).empty());
    ++messages;
  });
  EXPECT_EQ(messages, 42);
}

TEST(RoundTrip, FramesAreAppended) {
  ByteVector out;
  encode(core::Heartbeat{7}, 1, out);
  const std::size_t first = out.size();
  encode(core::Heartbeat{8}, 2, out);
  FrameView view;
  ASSERT_EQ(*next_frame(Bytes(out).subspan(first), core::kMaxFrameBytes, &view),
            FrameProgress::kFrame);
  EXPECT_EQ(decode<core::Heartbeat>(view.payload)->sequence, 8u);
}

TEST(RoundTrip, UnknownKindHasNoName) {
  EXPECT_EQ(name_of(static_cast<MessageKind>(0)), "");
  EXPECT_EQ(name_of(static_cast<MessageKind>(5)), "");
  EXPECT_EQ(name_of(static_cast<MessageKind>(0xffff)), "");
}

TEST(RoundTrip, ExtremesOfNumbers) {
  core::Heartbeat heartbeat{std::numeric_limits<std::uint64_t>::max()};
  EXPECT_TRUE(same(*decode<core::Heartbeat>(payload_of(encoded(heartbeat))), heartbeat));

  core::RegisterAgent agent;
  agent.incarnation = 1;
  agent.hostname = "h";
  agent.resources.cpus = core::kMaxScalarMilli;
  agent.resources.ports = *core::PortSet::from_ranges({{0, 65535}});
  const ByteVector frame = encoded(agent);
  EXPECT_TRUE(same(*decode<core::RegisterAgent>(payload_of(frame)), agent));
}

TEST(RoundTrip, NegativeDurationsMeanTheDefault) {
  core::Decline decline;
  decline.refuse_ms = -77;
  EXPECT_EQ(decode<core::Decline>(payload_of(encoded(decline)))->refuse_ms, -1);
}

TEST(RoundTrip, ExitCodeZeroIsAnExit) {
  core::TaskStatus status = Samples().status;
  status.exit_signal = 0;
  status.exit_code = 0;
  const ByteVector frame = encoded(status);
  const auto back = decode<core::TaskStatus>(payload_of(frame));
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->has_exit);
  EXPECT_EQ(back->exit_code, 0);
  status.has_exit = false;
  EXPECT_FALSE(decode<core::TaskStatus>(payload_of(encoded(status)))->has_exit);
}

// Who does not know limits reads COMMAND_FAILED.
TEST(RoundTrip, ALimitStandsBesideTheReason) {
  core::TaskStatus status = Samples().status;
  for (const core::TaskReason limit :
       {core::TaskReason::kDiskLimit, core::TaskReason::kMaxCompletionTime}) {
    status.reason = limit;
    EXPECT_EQ(decode<core::TaskStatus>(payload_of(encoded(status)))->reason, limit);
  }
  status.reason = core::TaskReason::kMemoryLimit;
  ByteVector frame = encoded(status);
  EXPECT_EQ(decode<core::TaskStatus>(payload_of(frame))->reason, core::TaskReason::kMemoryLimit);
  const auto* table = flatbuffers::GetRoot<flatbuffers::Table>(payload_of(frame).data());
  EXPECT_EQ(table->GetField<std::uint8_t>(flatbuffers::FieldIndexToOffset(4), 0), 1);
  const flatbuffers::voffset_t limit = flatbuffers::FieldIndexToOffset(11);
  EXPECT_EQ(table->GetField<std::uint8_t>(limit, 0), 1);
  ASSERT_TRUE(const_cast<flatbuffers::Table*>(table)->SetField<std::uint8_t>(limit, 9, 0));
  EXPECT_EQ(decode<core::TaskStatus>(payload_of(frame))->reason, core::TaskReason::kCommandFailed)
      << "a limit of a newer peer";

  core::ClusterView view;
  view.tasks.emplace_back().id = "t";
  view.tasks.back().framework = core::FrameworkId{1};
  view.tasks.back().reason = core::TaskReason::kMemoryLimit;
  frame = encoded(view);
  const auto back = decode<core::ClusterView>(payload_of(frame));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->tasks[0].reason, core::TaskReason::kMemoryLimit);
}

TEST(RoundTrip, DescriptionIsAligned) {
  for (std::size_t name = 0; name < 9; ++name) {
    core::RunTask run = Samples().run_task;
    const std::string text(name, 'n');
    run.task.name = text;
    const ByteVector bytes(13, 0xab);
    run.task.description = bytes;
    const ByteVector frame = encoded(run);
    const auto back = decode<core::RunTask>(payload_of(frame));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(back->task.description.data()) % 8, 0u);
    EXPECT_EQ(back->task.description, core::BytesView(bytes));
  }
}

TEST(RoundTrip, LargestRegistrationFits) {
  core::RegisterAgent agent;
  agent.incarnation = 1;
  agent.hostname = "h";
  const std::string id(core::kMaxIdBytes, 'i');
  const std::string name(core::kMaxTaskNameBytes, 'n');
  const std::string value(core::kMaxAttributesBytes / core::kMaxAttributes - 8, 'v');
  for (std::size_t i = 0; i < core::kMaxAttributes; ++i) agent.attributes.push_back({"a", value});
  for (std::uint32_t i = 0; i < core::kMaxTaskReports; ++i) {
    core::TaskReport report{{1}, id, name, {}, core::TaskState::kRunning, "*"};
    report.resources.cpus = 1;
    report.resources.mem = 2;
    report.resources.disk = 3;
    report.resources.gpus = 1000;
    report.resources.ports = *core::PortSet::from_ranges({{i * 2, i * 2}});
    agent.tasks.push_back(report);
  }
  const ByteVector frame = encoded(agent);
  EXPECT_LE(frame.size() - core::kFrameHeaderBytes, core::kMaxFrameBytes);
  const auto back = decode<core::RegisterAgent>(payload_of(frame));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(same(*back, agent));
}

// Every frame of `bytes`, decoded and handed to `add`; gives the number of frames.
template <typename T, typename Add>
int decode_parts(const ByteVector& bytes, Add&& add) {
  int parts = 0;
  for (Bytes rest = bytes; !rest.empty(); ++parts) {
    FrameView frame;
    EXPECT_EQ(*next_frame(rest, core::kMaxFrameBytes, &frame), FrameProgress::kFrame);
    rest.remove_prefix(frame.total_bytes());
    EXPECT_EQ((frame.header.flags & kFlagMore) != 0, add.expect_more && !rest.empty());
    EXPECT_EQ(frame.header.correlation, 9u);
    EXPECT_LE(frame.payload.size(), 400u * 1024);
    const auto part = decode<T>(frame.payload);
    EXPECT_TRUE(part.ok()) << part.status();
    if (!part.ok()) return -1;
    add(*part);
  }
  return parts;
}

struct GatherView {
  static constexpr bool expect_more = true;
  core::ClusterView* all;
  void operator()(const core::ClusterView& part) {
    if (all->cluster.version.empty()) all->cluster = part.cluster;
    all->agents.insert(all->agents.end(), part.agents.begin(), part.agents.end());
    all->frameworks.insert(all->frameworks.end(), part.frameworks.begin(), part.frameworks.end());
    all->tasks.insert(all->tasks.end(), part.tasks.begin(), part.tasks.end());
    all->offers.insert(all->offers.end(), part.offers.begin(), part.offers.end());
    all->roles.insert(all->roles.end(), part.roles.begin(), part.roles.end());
  }
};

TEST(Parts, LargeAnswerIsCut) {
  core::ClusterView view = Samples().view;
  for (std::uint64_t i = 2; i < 5000; ++i) {
    view.agents.push_back(view.agents.front());
    view.agents.back().id = {i};
    view.frameworks.push_back(view.frameworks.front());
    view.frameworks.back().id = {i};
    view.tasks.push_back(view.tasks.front());
    view.tasks.back().id = fmt::format("task-{}", i);
    view.offers.push_back(view.offers.front());
    view.offers.back().age_ms = static_cast<std::int64_t>(i);
    view.roles.push_back(view.roles.front());
    view.roles.back().name = fmt::format("role/{}", i);
  }
  ByteVector bytes;
  encode(view, 9, bytes);
  core::ClusterView all;
  EXPECT_GT(decode_parts<core::ClusterView>(bytes, GatherView{&all}), 10);
  EXPECT_TRUE(same(all, view));
}

TEST(Parts, RecordsWithManyAttributesStayWithinTheTables) {
  core::ClusterView view = Samples().view;
  view.agents.front().attributes.assign(core::kMaxAttributes, {"a", "b"});
  view.agents.resize(100, view.agents.front());
  ByteVector bytes;
  encode(view, 9, bytes);
  core::ClusterView all;
  EXPECT_GT(decode_parts<core::ClusterView>(bytes, GatherView{&all}), 5);
  EXPECT_TRUE(same(all, view));
}

TEST(Parts, RecordsWithManyLotsStayWithinTheTables) {
  core::ClusterView view;
  view.cluster.version = "x";
  core::AgentSummary agent = Samples().view.agents.front();
  core::Amounts amounts;
  amounts.cpus = 1;
  for (std::size_t i = 0; i < core::kMaxLots; ++i) {
    core::LotTags tags;
    tags.reservations = {{fmt::format("role-{}", i), true, "alice", {{"a", "b"}, {"c", "d"}}}};
    agent.total.lots.add(std::make_shared<const core::LotTags>(tags), amounts);
  }
  agent.used = agent.offered = agent.total;
  agent.attributes.assign(core::kMaxAttributes, {"a", "b"});
  view.agents.assign(10, agent);
  ByteVector bytes;
  encode(view, 9, bytes);
  core::ClusterView all;
  EXPECT_EQ(decode_parts<core::ClusterView>(bytes, GatherView{&all}), 10);
  EXPECT_TRUE(same(all, view));
}

struct GatherOffers {
  static constexpr bool expect_more = false;
  std::size_t* count;
  void operator()(const core::Offers& part) { *count += part.offers.size(); }
};

TEST(Parts, ManyOffersTravelInSeveralMessages) {
  core::Offers offers = Samples().offers;
  offers.offers.resize(10'000, offers.offers.front());
  ByteVector bytes;
  encode(offers, 9, bytes);
  std::size_t count = 0;
  EXPECT_GT(decode_parts<core::Offers>(bytes, GatherOffers{&count}), 5);
  EXPECT_EQ(count, 10'000u);
}

TEST(Parts, EmptyAnswerIsOneFrame) {
  ByteVector bytes;
  encode(core::ClusterView{}, 9, bytes);
  core::ClusterView all;
  EXPECT_EQ(decode_parts<core::ClusterView>(bytes, GatherView{&all}), 1);
}

}  // namespace
}  // namespace shoal::wire
