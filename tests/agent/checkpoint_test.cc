#include "agent/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/supervisor/record.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const RunId kRun{"f-00000000000000f1", "t.1", "0123-run"};

wire::ByteVector sample() {
  wire::TaskDescription description;
  description.command = "sleep";
  description.arguments = {"5"};
  description.environment = {{"A", "1"}};
  description.kill_grace_ms = 1500;
  const core::Resources held = resources_of("cpus:0.5;mem:64;ports:[31000-31001]");
  return *encode_task_record(
      {kFramework, core::AgentId{0xa1}, "t.1", held, description, "job", "eng"},
      "11111111-2222-3333-4444-555555555555");
}

template <typename Payload>
wire::ByteVector file_of(RecordKind kind, const Payload& payload) {
  const RecordHeader header = header_of(kind, &payload, sizeof(payload));
  wire::ByteVector file(sizeof(header) + sizeof(payload));
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), &payload, sizeof(payload));
  return file;
}

std::string why_not(wire::Bytes file) {
  return std::string(decode_task_record(file, kRun).status().message());
}

TEST(TaskRecordTest, RoundTrips) {
  const auto record = decode_task_record(sample(), kRun);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->framework, kFramework);
  EXPECT_EQ(record->id, "t.1");
  EXPECT_EQ(record->name, "job");
  EXPECT_EQ(record->role, "eng");
  EXPECT_EQ(record->resources, resources_of("cpus:0.5;mem:64;ports:[31000-31001]"));
  EXPECT_EQ(record->kill_grace_ms, 1500);
  EXPECT_EQ(record->boot_id, "11111111-2222-3333-4444-555555555555");
}

// Data folders outlive versions: what these files hold must be read for ever. After a change that
// is meant, SHOAL_UPDATE_GOLDEN=1 writes it anew.
TEST(TaskRecordTest, BytesAreUnchanged) {
  const std::string path = std::string(SHOAL_SOURCE_DIR) + "/tests/golden/checkpoint.hex";
  SupervisorPayload supervisor{4711, 0, 99, "boot-1"};
  const ExitPayload exit{kSignaled, 9, 1, 0};
  std::string hex;
  for (const wire::ByteVector& file :
       {sample(), file_of(RecordKind::kSupervisor, supervisor), file_of(RecordKind::kExit, exit)}) {
    for (std::size_t i = 0; i < file.size(); ++i) {
      hex += fmt::format("{:02x}{}", file[i], i % 16 == 15 || i + 1 == file.size() ? "\n" : " ");
    }
    hex += "\n";
  }
  if (std::getenv("SHOAL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << hex;
  std::ifstream stream(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), hex);
}

TEST(TaskRecordTest, EveryTruncationAndEveryFlippedBitIsSeen) {
  wire::ByteVector file = sample();
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THAT(why_not(wire::Bytes(file).first(size)), HasSubstr("cut off after")) << size;
  }
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    file[bit / 8] = static_cast<std::uint8_t>(file[bit / 8] ^ mask);
    EXPECT_NE(why_not(file), "") << "bit " << bit;
    file[bit / 8] = static_cast<std::uint8_t>(file[bit / 8] ^ mask);
  }
  EXPECT_EQ(why_not(file), "");
  file.push_back(0);
  EXPECT_THAT(why_not(file), HasSubstr("1 bytes follow its end"));
}

TEST(TaskRecordTest, OfAnotherTaskOrVersion) {
  EXPECT_THAT(
      std::string(decode_task_record(sample(), {kRun.framework_id, "t.2", "r"}).status().message()),
      HasSubstr("it is of task 't.1'"));
  wire::ByteVector newer = sample();
  newer[4] = 2;
  EXPECT_THAT(why_not(newer), HasSubstr("newer version (2; this one knows 1)"));
  EXPECT_THAT(why_not(file_of(RecordKind::kExit, ExitPayload{kExited, 0, 0, 0})),
              HasSubstr("kind 3"));
  EXPECT_THAT(why_not(file_of(RecordKind::kTask, std::uint64_t{0})), HasSubstr("too short"));
}

TEST(SupervisorRecordTest, ReadsWhatASupervisorWrites) {
  const auto record =
      decode_supervisor_record(file_of(RecordKind::kSupervisor, SupervisorPayload{12, 0, 7, "b"}));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->pid, 12);
  EXPECT_EQ(record->start_time, 7u);
  EXPECT_EQ(record->boot_id, "b");
  for (const int pid : {1, 0, -1}) {
    EXPECT_FALSE(decode_supervisor_record(
                     file_of(RecordKind::kSupervisor, SupervisorPayload{pid, 0, 7, "b"}))
                     .ok());
  }
}

TEST(ExitRecordTest, ReadsEveryEnd) {
  const auto exited = decode_exit_record(file_of(RecordKind::kExit, ExitPayload{kExited, 3, 0, 1}));
  ASSERT_TRUE(exited.ok()) << exited.status();
  EXPECT_FALSE(exited->exit.signaled);
  EXPECT_EQ(exited->exit.code_or_signal, 3);
  EXPECT_TRUE(exited->has_left);
  const auto killed =
      decode_exit_record(file_of(RecordKind::kExit, ExitPayload{kSignaled, 11, 1, 0}));
  EXPECT_TRUE(killed->exit.signaled && killed->exit.core_dumped && !killed->has_left);
  ExitPayload whole{kSignaled, 9, 0, 0};
  whole.oom_kills = 2;
  whole.memory_limit = 64;
  whole.memory_peak = 63;
  const auto limited = decode_exit_record(file_of(RecordKind::kExit, whole));
  EXPECT_EQ(limited->exit.oom_kills, 2u);
  EXPECT_EQ(limited->exit.memory_limit, 64u);
  EXPECT_EQ(limited->exit.memory_peak, 63u);
  for (const ExitPayload& bad :
       {ExitPayload{0, 0, 0, 0}, ExitPayload{3, 0, 0, 0}, ExitPayload{kExited, 256, 0, 0},
        ExitPayload{kExited, -1, 0, 0}, ExitPayload{kSignaled, 65, 0, 0}}) {
    EXPECT_FALSE(decode_exit_record(file_of(RecordKind::kExit, bad)).ok());
  }
}

// As they were before they told of memory, and as they may be one day.
TEST(ExitRecordTest, ReadsShorterAndLongerOnes) {
  struct {
    std::uint32_t how = kExited;
    std::int32_t code = 3;
    std::uint32_t core_dumped = 0;
    std::uint32_t left = 1;
  } old;
  const auto before = decode_exit_record(file_of(RecordKind::kExit, old));
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->exit.code_or_signal, 3);
  EXPECT_TRUE(before->has_left);
  EXPECT_EQ(before->exit.memory_limit, 0u);
  struct {
    ExitPayload known{kExited, 4, 0, 0};
    std::uint64_t unknown = 5;
  } longer;
  EXPECT_EQ(decode_exit_record(file_of(RecordKind::kExit, longer))->exit.code_or_signal, 4);
  EXPECT_FALSE(decode_exit_record(file_of(RecordKind::kExit, std::uint64_t{1})).ok());
}

TEST(RunNameTest, OnlyWholeNames) {
  const auto id = parse_run_name("f-00000000000000f1@t.1@0123-run");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->task_id, "t.1");
  for (const char* bad : {"", "a@b", "f-00000000000000f1@t@", "f-00000000000000f1@@r", "x@t@r",
                          "f-00000000000000f1@t@r@s", "f-00000000000000f1@..@r"}) {
    EXPECT_FALSE(parse_run_name(bad).has_value()) << bad;
  }
}

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(find_runs(folder_.path()).ok()); }
  TempFolder folder_;
};

TEST_F(CheckpointTest, ComesAndGoes) {
  const auto files = write_checkpoint(folder_.path(), kRun, sample());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(files->task.valid() && files->folder.valid());
  EXPECT_EQ(fs::status(meta_folder(folder_.path())).permissions(), fs::perms::owner_all);
  const auto found = find_runs(folder_.path());
  ASSERT_EQ(found->runs.size(), 1u);
  EXPECT_EQ(found->runs[0].task->id, "t.1");
  EXPECT_TRUE(absl::IsNotFound(found->runs[0].supervisor.status()));
  EXPECT_TRUE(absl::IsNotFound(found->runs[0].exit.status()));
  EXPECT_TRUE(absl::IsAlreadyExists(write_checkpoint(folder_.path(), kRun, sample()).status()));
  EXPECT_TRUE(remove_checkpoint(folder_.path(), kRun).ok());
  EXPECT_TRUE(remove_checkpoint(folder_.path(), kRun).ok());
  EXPECT_TRUE(find_runs(folder_.path())->runs.empty());
  EXPECT_FALSE(remove_checkpoint(folder_.path(), {"..", "t", "r"}).ok());
}

TEST_F(CheckpointTest, DamageIsNamedAndCostsNobodyElse) {
  const RunId other{kRun.framework_id, "t.2", "r"};
  ASSERT_TRUE(write_checkpoint(folder_.path(), kRun, sample()).ok());
  ASSERT_TRUE(write_checkpoint(folder_.path(), other, sample()).ok());  // of t.1, in truth
  folder_.write("meta/not@one", "");
  folder_.write("meta/updates", "");
  fs::create_directory(run_folder(folder_.path(), other) + "/exit");
  const auto found = find_runs(folder_.path());
  ASSERT_EQ(found->runs.size(), 2u);
  EXPECT_TRUE(found->runs[0].task.ok());
  EXPECT_THAT(std::string(found->runs[1].task.status().message()),
              HasSubstr("@t.2@r/task: it is of task 't.1'"));
  EXPECT_TRUE(absl::IsInvalidArgument(found->runs[1].exit.status()));
  ASSERT_EQ(found->ignored.size(), 1u);
  EXPECT_THAT(found->ignored[0], HasSubstr("not@one"));
}

}  // namespace
}  // namespace shoal::agent
