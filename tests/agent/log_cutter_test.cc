#include "agent/log_cutter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "agent/log_reader.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

constexpr std::uint64_t kMost = 64 * 1024;
constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

class LogCutterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = create_sandbox(folder_.path(), id_);
    ASSERT_TRUE(made.ok()) << made.status();
    sandbox_ = *std::move(made);
  }
  // Lines of 64 bytes, each with its number: "0000000…".
  void write_lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("{:063}\n", lines_++);
    ASSERT_EQ(::write(sandbox_.stdout_file.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  CutResult cut(std::uint64_t held_from = kNobody) {
    const auto result = cut_log(sandbox_.directory.get(), "stdout", kMost, held_from);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(CutResult{});
  }
  std::uint64_t disk_bytes() const {
    struct stat info {};
    EXPECT_EQ(::fstat(sandbox_.stdout_file.get(), &info), 0);
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
  LogChunk read(std::uint64_t offset) {
    const auto chunk = read_log(sandbox_.directory.get(), "stdout", offset, 65536, Head::kMayBeCut);
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    return *chunk;
  }

  TempFolder folder_;
  const SandboxId id_{core::to_string(kFramework), "t", "run-1"};
  Sandbox sandbox_;
  int lines_ = 0;
};

TEST_F(LogCutterTest, KeepsTheNewestAndTheOffsets) {
  write_lines(2047);  // just below twice the bound
  EXPECT_EQ(cut().cut, 0u);
  write_lines(1025);  // 192 KiB
  const CutResult result = cut();
  EXPECT_EQ(result.size, 3u * 65536);
  EXPECT_EQ(result.cut, 2u * 65536);
  EXPECT_EQ(result.head, 2u * 65536);
  EXPECT_LE(disk_bytes(), 65536u + 4096);
  EXPECT_EQ(cut().cut, 0u);  // nothing more to do

  const LogChunk whole = read(0);
  EXPECT_EQ(whole.offset, 2u * 65536);
  EXPECT_EQ(whole.size, 3u * 65536);
  EXPECT_EQ(whole.data.size(), 65536u);
  EXPECT_EQ(whole.data.substr(0, 64), fmt::format("{:063}\n", 2048));
  EXPECT_EQ(read(3 * 65536 - 64).data, fmt::format("{:063}\n", 3071));
  write_lines(1);  // by the same descriptor as before: where the file ends
  EXPECT_EQ(read(3 * 65536).data, fmt::format("{:063}\n", 3072));
}

TEST_F(LogCutterTest, WaitsForWhoHasNotComeSoFar) {
  write_lines(3 * 1024);
  EXPECT_EQ(cut(8192 + 5).head, 8192u);  // whole blocks
  EXPECT_EQ(cut(8192 + 5).cut, 0u);
  write_lines(1300);  // over four times the bound: no longer
  const CutResult result = cut(8192 + 5);
  EXPECT_GE(result.head, result.size - kMost - 4096);
}

TEST_F(LogCutterTest, ALinkedOrReplacedFileIsLeftAlone) {
  write_lines(3 * 1024);
  const std::string log = sandbox_.path + "/stdout";
  std::filesystem::create_hard_link(log, folder_.path() + "/victim");
  EXPECT_TRUE(absl::IsFailedPrecondition(
      cut_log(sandbox_.directory.get(), "stdout", kMost, kNobody).status()));
  std::filesystem::remove(log);
  std::filesystem::create_symlink(folder_.path() + "/victim", log);
  EXPECT_FALSE(cut_log(sandbox_.directory.get(), "stdout", kMost, kNobody).ok());
  std::filesystem::remove(log);
  ASSERT_EQ(::mkfifo(log.c_str(), 0600), 0);
  EXPECT_FALSE(cut_log(sandbox_.directory.get(), "stdout", kMost, kNobody).ok());
  std::filesystem::remove(log);
  EXPECT_TRUE(
      absl::IsNotFound(cut_log(sandbox_.directory.get(), "stdout", kMost, kNobody).status()));
  EXPECT_EQ(disk_bytes(), 3u * 65536);
}

TEST_F(LogCutterTest, LooksAtTheTasksThatRun) {
  Loop loop;
  write_lines(4 * 1024);
  LogCutterOptions options;
  options.data_dir = folder_.path();
  options.max_bytes = kMost;
  options.tasks = [this] {
    return std::vector<SupervisedTask>{{kFramework, id_, 1}, {kFramework, {"f", "gone", "r"}, 2}};
  };
  std::vector<std::string> asked;
  options.followed = [&](const SupervisedTask&, std::string_view name) {
    asked.emplace_back(name);
    return std::optional<std::uint64_t>();
  };
  options.log = [](std::string_view line) { ADD_FAILURE() << line; };
  LogCutter cutter(loop.reactor(), std::move(options));
  cutter.start();
  ASSERT_TRUE(loop.run_until([&] { return cutter.looks() == 2; }));  // the second one follows soon
  EXPECT_EQ(cutter.counters().cuts, 1u);
  EXPECT_EQ(cutter.counters().cut_bytes, 3u * 65536);
  EXPECT_EQ(cutter.counters().failed, 0u);
  EXPECT_EQ(asked.size(), 8u);
}

}  // namespace
}  // namespace shoal::agent
