#include "agent/disk_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/agent/agent_fixture.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using core::TaskReason;
using core::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

TEST(DiskQuotaTest, IsTheDiskOfTheSandboxes) {
  EXPECT_EQ(disk_quota(resources_of("cpus:1;mem:64")), 0u);
  EXPECT_EQ(disk_quota(resources_of("cpus:1;disk:64")), 64 * kMebibyte);
  EXPECT_EQ(disk_quota(resources_of("disk:0.5;disk(ads):1")), kMebibyte * 3 / 2);
  EXPECT_EQ(disk_quota(resources_of("disk(ads,dynamic)[v1:data]:100;disk{path=/data1}:50")), 0u);
}

class DiskWatchTest : public testing::Test {
 protected:
  // A task's sandbox with files of so many bytes.
  QuotaOfTask task(const std::string& name, const std::vector<std::uint64_t>& files,
                   std::uint64_t quota) {
    const SandboxId id{core::to_string(kFramework), name, "run-" + name};
    EXPECT_TRUE(create_sandbox(data_.path(), id).ok());
    const std::string folder = sandbox_path(data_.path(), id);
    for (std::size_t i = 0; i < files.size(); ++i) {
      std::ofstream(folder + "/f" + std::to_string(i)) << std::string(files[i], 'x');
    }
    return {kFramework, id, quota};
  }
  // Until so many rounds are over.
  void watch(std::uint64_t rounds) {
    DiskWatchOptions options;
    options.data_dir = data_.path();
    options.interval = core::Duration::zero();
    options.tasks = [this] { return tasks_; };
    options.on_over = [this](core::FrameworkId framework, std::string_view task,
                             std::string_view why) {
      EXPECT_EQ(framework, kFramework);
      over_.emplace_back(task);
      why_ = why;
    };
    DiskWatch watch(loop_.reactor(), std::move(options));
    watch.start();
    EXPECT_TRUE(loop_.run_until([&] { return watch.rounds() >= rounds; }));
  }

  Loop loop_;
  TempFolder data_;
  std::vector<QuotaOfTask> tasks_;
  std::vector<std::string> over_;
  std::string why_;
};

TEST_F(DiskWatchTest, NamesWhoTakesTooMuch) {
  tasks_ = {task("small", {kMebibyte}, 2 * kMebibyte),
            task("large", {kMebibyte, kMebibyte + kMebibyte / 2}, 2 * kMebibyte),
            task("just", {}, kMebibyte)};
  watch(1);
  EXPECT_THAT(over_, ElementsAre("large"));
  EXPECT_THAT(why_,
              HasSubstr("its sandbox holds 3 MiB, more than the 2 MiB of disk that it asked"));
}

TEST_F(DiskWatchTest, ManyFilesTakeSeveralPortions) {
  const std::vector<std::uint64_t> files(2 * DiskWatch::kEntries + 10, 1);
  tasks_ = {task("many", files, std::uint64_t{1} << 40), task("after", {2 * kMebibyte}, kMebibyte)};
  watch(1);
  EXPECT_THAT(over_, ElementsAre("after"));
}

TEST_F(DiskWatchTest, WhoHasEndedMeanwhileIsLeftOut) {
  QuotaOfTask gone = task("gone", {}, 1);
  std::filesystem::remove_all(sandbox_path(data_.path(), gone.id));
  tasks_ = {gone};
  watch(2);
  EXPECT_TRUE(over_.empty());
}

TEST_F(DiskWatchTest, FoldersThatCannotBeMeasuredAreTooMuch) {
  const QuotaOfTask deep = task("deep", {}, std::uint64_t{1} << 40);
  std::string path = sandbox_path(data_.path(), deep.id);
  for (std::size_t i = 0; i <= DiskWalk::kMaxDepth; ++i) path += "/d";
  std::filesystem::create_directories(path);
  tasks_ = {deep};
  watch(1);
  EXPECT_THAT(over_, ElementsAre("deep"));
  EXPECT_THAT(why_, HasSubstr("folders 128 deep"));
}

TEST(DiskLimitTest, KillsAtOnceAndSaysWhy) {
  TestAgent a;
  a.connect();
  a.start("t", "cpus:1", 60'000);
  a.fx.take();
  on_disk_limit(a.state, a.fx, kFramework, "t", "its sandbox holds 65 MiB", a.now);
  EXPECT_THAT(a.fx.kills, ElementsAre(KillCall{"t", KillMode::kForce}));
  EXPECT_EQ(a.fx.take().back().state, TaskState::kKilling);
  on_disk_limit(a.state, a.fx, kFramework, "t", "again", a.now);
  a.exit("t", {.signaled = true, .code_or_signal = SIGKILL});
  const auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, TaskState::kFailed);
  EXPECT_EQ(sent[0].reason, TaskReason::kDiskLimit);
  EXPECT_EQ(sent[0].message, "killed by SIGKILL; its sandbox holds 65 MiB");
  on_disk_limit(a.state, a.fx, kFramework, "t", "late", a.now);
  EXPECT_EQ(a.fx.kills.size(), 1u);
  EXPECT_EQ(a.broken(), "");
}

using DiskQuotaAgentTest = AgentTest;

TEST_F(DiskQuotaAgentTest, ATaskThatFillsItsSandboxIsKilledAndOthersAreNot) {
  AgentOptions enforcing = options_with_disk();
  enforcing.enforce_disk_quota = true;
  enforcing.disk_quota_interval = std::chrono::milliseconds(10);
  start_and_wait(enforcing);
  const std::string line = "head -c 3000000 /dev/zero > big; exec sleep 1000";
  master_.run("fills", line, "cpus:0.1;disk:2");
  master_.run("within", line, "cpus:0.1;disk:4");
  master_.run("free", line, "cpus:0.1");
  ASSERT_TRUE(loop_.run_until([&] {
    return master_.has_ended("fills") && master_.is_running("within") && master_.is_running("free");
  }));
  EXPECT_EQ(master_.states["fills"].back(), TaskState::kFailed);
  EXPECT_EQ(master_.texts["fills"],
            "killed by SIGKILL; its sandbox holds 3 MiB, more than the 2 MiB of disk that it asked "
            "for");
}

}  // namespace
}  // namespace shoal::agent
