#include "agent/sandbox_sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using testing::ElementsAre;

constexpr std::int64_t kNow = 1'800'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;

TEST(KeepRule, IsTheLessTheFullerTheDiskIs) {
  const KeepRule rule{hours(100), 0.1};
  EXPECT_EQ(rule.max_age(0.0), hours(90));
  EXPECT_NEAR(std::chrono::duration<double>(rule.max_age(0.5)).count(), 40 * 3600.0, 1);
  EXPECT_EQ(rule.max_age(0.9), hours(0));
  EXPECT_EQ(rule.max_age(1.0), hours(0));
  EXPECT_EQ((KeepRule{hours(100), 0}).max_age(0.0), hours(100));
}

TEST(DiskUsage, IsAPart) {
  const TempFolder folder;
  const auto usage = disk_usage(folder.path());
  ASSERT_TRUE(usage.ok());
  EXPECT_GE(*usage, 0);
  EXPECT_LE(*usage, 1);
  EXPECT_TRUE(absl::IsNotFound(disk_usage(folder.path() + "/none").status()));
}

class SandboxSweepTest : public testing::Test {
 protected:
  void add(const std::string& task, const std::string& run, std::int64_t ended_ms) {
    ASSERT_TRUE(create_sandbox(folder_.path(), {"f", task, run}).ok());
    set_time(path(task, run) + "/stdout", ended_ms);
    set_time(path(task, run) + "/stderr", ended_ms);
    mark_sandbox_ended(folder_.path(), {"f", task, run}, ended_ms);
  }
  static void set_time(const std::string& file, std::int64_t ms) {
    const timespec times[2] = {{ms / 1000, 0}, {ms / 1000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  }
  std::string path(const std::string& task, const std::string& run) const {
    return sandbox_path(folder_.path(), {"f", task, run});
  }
  std::vector<std::string> old(std::int64_t until_ms, std::size_t most = 100) {
    const auto scan = scan_sandboxes(folder_.path(), until_ms, kNow, in_use_, most);
    EXPECT_TRUE(scan.ok()) << scan.status();
    std::vector<std::string> runs;
    for (const EndedSandbox& sandbox : scan->old) runs.push_back(sandbox.id.run_uuid);
    kept_ = scan->kept;
    has_more_ = scan->has_more;
    return runs;
  }

  TempFolder folder_;
  absl::flat_hash_set<std::string> in_use_;
  std::size_t kept_ = 0;
  bool has_more_ = false;
};

TEST_F(SandboxSweepTest, FindsWhatIsOldTheOldestFirst) {
  EXPECT_THAT(old(kNow), ElementsAre());  // not even a folder
  add("a", "r1", kNow - 1 * kHourMs);
  add("a", "r2", kNow - 3 * kHourMs);
  add("b", "r3", kNow - 2 * kHourMs);
  EXPECT_THAT(old(kNow), ElementsAre("r2", "r3", "r1"));
  EXPECT_THAT(old(kNow - 2 * kHourMs), ElementsAre("r2", "r3"));
  EXPECT_EQ(kept_, 3u);
  EXPECT_FALSE(has_more_);
  EXPECT_THAT(old(kNow, 2), ElementsAre("r2", "r3"));
  EXPECT_TRUE(has_more_);
  in_use_ = {"r2"};
  EXPECT_THAT(old(kNow), ElementsAre("r3", "r1"));
  EXPECT_EQ(kept_, 2u);
}

TEST_F(SandboxSweepTest, OutputThatIsNewerThanTheFolderCounts) {
  add("a", "r1", kNow - 9 * kHourMs);
  set_time(path("a", "r1") + "/stderr", kNow - kHourMs);
  EXPECT_THAT(old(kNow - 2 * kHourMs), ElementsAre());
}

TEST_F(SandboxSweepTest, ATimeInTheFutureIsSetToNow) {
  add("a", "r1", kNow + 9999 * kHourMs);
  EXPECT_THAT(old(kNow - 1), ElementsAre());
  const auto later = scan_sandboxes(folder_.path(), kNow + kHourMs, kNow + 2 * kHourMs, {}, 9);
  ASSERT_EQ(later->old.size(), 1u);
  EXPECT_EQ(later->old[0].ended_ms, kNow);
}

TEST_F(SandboxSweepTest, LinksAndStrayFilesAreNoSandboxes) {
  fs::create_directories(folder_.path() + "/elsewhere/run");
  add("a", "r1", kNow - kHourMs);
  fs::create_symlink(folder_.path() + "/elsewhere", folder_.path() + "/sandboxes/f/link");
  fs::create_symlink(folder_.path() + "/elsewhere/run", folder_.path() + "/sandboxes/f/a/r9");
  folder_.write("sandboxes/stray", "x");
  EXPECT_THAT(old(kNow), ElementsAre("r1"));
}

TEST_F(SandboxSweepTest, RemovesWithoutFollowingLinks) {
  fs::create_directories(folder_.path() + "/volumes/ads/v1");
  folder_.write("volumes/ads/v1/precious", "data");
  add("a", "r1", kNow - kHourMs);
  fs::create_directory_symlink(folder_.path() + "/volumes/ads/v1", path("a", "r1") + "/data");
  fs::create_directories(path("a", "r1") + "/x/y/z");
  SandboxRemover remover(folder_.path());
  ASSERT_TRUE(remover.take({"f", "a", "r1"}).ok());
  EXPECT_FALSE(fs::exists(path("a", "r1")));
  EXPECT_TRUE(remover.take({"f", "a", "r1"}).ok());  // again: nothing to do
  EXPECT_TRUE(remover.take({"f", "none", "r1"}).ok());
  while (remover.purge_some(10)) {
  }
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/expired"));
  EXPECT_EQ(folder_.read("volumes/ads/v1/precious"), "data");
}

TEST_F(SandboxSweepTest, TidiesTheFoldersOfTheTask) {
  add("a", "r1", kNow - 2 * kHourMs);
  add("a", "r2", kNow - 1 * kHourMs);  // `latest`
  SandboxRemover remover(folder_.path());
  ASSERT_TRUE(remover.take({"f", "a", "r1"}).ok());
  tidy_after(folder_.path(), {"f", "a", "r1"});
  EXPECT_EQ(*latest_run(folder_.path(), "f", "a"), "r2");
  ASSERT_TRUE(remover.take({"f", "a", "r2"}).ok());
  tidy_after(folder_.path(), {"f", "a", "r2"});
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/sandboxes"));
}

}  // namespace
}  // namespace shoal::agent
