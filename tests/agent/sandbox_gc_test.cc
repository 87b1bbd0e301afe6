#include "agent/sandbox_gc.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "tests/agent/loop.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

constexpr std::int64_t kHourMs = 3'600'000;

class SandboxGcTest : public testing::Test {
 protected:
  void add(const std::string& run, std::int64_t ended_ms) {
    const SandboxId id{"f", "task-" + run, run};
    ASSERT_TRUE(create_sandbox(folder_.path(), id).ok());
    const timespec times[2] = {{ended_ms / 1000, 0}, {ended_ms / 1000, 0}};
    for (const char* name : {"/stdout", "/stderr", ""}) {
      ASSERT_EQ(::utimensat(AT_FDCWD, (sandbox_path(folder_.path(), id) + name).c_str(), times, 0),
                0);
    }
  }
  bool is_there(const std::string& run) const {
    return fs::exists(sandbox_path(folder_.path(), {"f", "task-" + run, run}));
  }
  // One look, with all that follows from it.
  void look() {
    SandboxGcOptions options;
    options.data_dir = folder_.path();
    options.rule = {hours(100), 0.1};
    options.interval = hours(1);
    options.in_use = [this] { return in_use_; };
    options.is_in_use = [this](const SandboxId& id) {
      return in_use_.contains(id.run_uuid) || begun_meanwhile_.contains(id.run_uuid);
    };
    options.log = [this](std::string_view line) { logged_.emplace_back(line); };
    // Called on the pool, one at a time, and never while the test looks at it.
    options.usage = [this](const std::string& path) -> absl::StatusOr<double> {
      if (!is_disk_well_) return absl::InternalError("no disk");
      std::size_t sandboxes = 0;
      if (fs::exists(path + "/sandboxes/f")) {
        sandboxes = static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path + "/sandboxes/f"), {}));
      }
      return usage_ + usage_of_one_ * static_cast<double>(sandboxes);
    };
    options.wall_now_ms = [this] { return now_ms_; };
    gc_.emplace(loop_.reactor(), std::move(options));
    gc_->start();
    ASSERT_TRUE(loop_.run_until([&] { return gc_->counters().looks > 0 && gc_->is_idle(); }));
  }

  TempFolder folder_;
  Loop loop_;
  std::int64_t now_ms_ = 1'700'000'000'000;
  double usage_ = 0;
  double usage_of_one_ = 0;
  bool is_disk_well_ = true;
  absl::flat_hash_set<std::string> in_use_;
  absl::flat_hash_set<std::string> begun_meanwhile_;
  std::vector<std::string> logged_;
  std::optional<SandboxGc> gc_;
};

TEST_F(SandboxGcTest, RemovesWhatWasKeptLongEnough) {
  add("old", now_ms_ - 91 * kHourMs);
  add("young", now_ms_ - 89 * kHourMs);
  look();
  EXPECT_FALSE(is_there("old"));
  EXPECT_FALSE(fs::exists(folder_.path() + "/sandboxes/f/task-old"));
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/expired"));
  EXPECT_TRUE(is_there("young"));
  EXPECT_EQ(gc_->counters().removed, 1u);
  EXPECT_EQ(gc_->counters().kept, 1u);
  EXPECT_EQ(gc_->counters().max_age, hours(90));
  now_ms_ += 2 * kHourMs;
  look();  // by another agent, which knows nothing but the folders
  EXPECT_FALSE(is_there("young"));
}

TEST_F(SandboxGcTest, AnotherRuleHoldsAtOnce) {
  add("young", now_ms_ - 89 * kHourMs);
  look();
  EXPECT_TRUE(is_there("young"));
  gc_->keep({hours(10), 0.1}, hours(1));
  ASSERT_TRUE(loop_.run_until([&] { return gc_->counters().looks > 1 && gc_->is_idle(); }));
  EXPECT_FALSE(is_there("young"));
}

TEST_F(SandboxGcTest, NeverWhatIsInUse) {
  add("running", now_ms_ - 999 * kHourMs);
  add("ended", now_ms_ - 999 * kHourMs);
  add("begun", now_ms_ - 999 * kHourMs);
  in_use_ = {"running"};
  begun_meanwhile_ = {"begun"};
  usage_ = 1;
  look();
  EXPECT_TRUE(is_there("running"));
  EXPECT_TRUE(is_there("begun"));
  EXPECT_FALSE(is_there("ended"));
}

TEST_F(SandboxGcTest, AFullDiskTakesTheOldestUntilThereIsRoom) {
  // 100 sandboxes take 95 % of the disk: the rule is satisfied by 88 % for those of 2 hours.
  for (int i = 0; i < 100; ++i) add(fmt::format("r{:03}", i), now_ms_ - (200 - i) * kHourMs / 50);
  usage_of_one_ = 0.0095;
  look();
  EXPECT_FALSE(is_there("r000"));
  EXPECT_TRUE(is_there("r099"));
  EXPECT_EQ(gc_->counters().removed, SandboxGc::kBatch);
  EXPECT_EQ(gc_->counters().kept, 100 - SandboxGc::kBatch);
}

TEST_F(SandboxGcTest, ManyGoInBatches) {
  for (int i = 0; i < 100; ++i) add(fmt::format("r{:03}", i), now_ms_ - 999 * kHourMs);
  look();
  EXPECT_EQ(gc_->counters().removed, 100u);
  EXPECT_EQ(gc_->counters().failed, 0u);
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/sandboxes"));
}

TEST_F(SandboxGcTest, WhatAnAgentLeftHalfDeletedGoes) {
  fs::create_directories(folder_.path() + "/expired/17/a/b");
  look();
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/expired"));
}

TEST_F(SandboxGcTest, ADiskThatCannotBeAskedLeavesTheAge) {
  is_disk_well_ = false;
  add("old", now_ms_ - 91 * kHourMs);
  add("young", now_ms_ - 89 * kHourMs);
  look();
  EXPECT_FALSE(is_there("old"));
  EXPECT_TRUE(is_there("young"));
  EXPECT_THAT(logged_, testing::ElementsAre("old sandboxes stay: no disk"));
}

}  // namespace
}  // namespace shoal::agent
