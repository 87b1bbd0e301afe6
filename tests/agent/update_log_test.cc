#include "agent/update_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

class UpdateLogTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(find_runs(folder_.path()).ok()); }
  void open(const wire::ByteVector& history = {}) {
    UpdateLog::Hooks hooks;
    hooks.on_durable = [this](std::uint64_t ticket) { durable_ = ticket; };
    hooks.on_failed = [this](const absl::Status& why) { failed_ = why; };
    hooks.on_full = [this](const absl::Status& why) { full_ = why; };
    hooks.history = [this] {
      ++histories_;
      return history_;
    };
    auto made = UpdateLog::create(loop_.reactor(), folder_.path(), history, std::move(hooks));
    ASSERT_TRUE(made.ok()) << made.status();
    log_ = *std::move(made);
  }
  static core::TaskStatus status(std::string_view task,
                                 core::TaskState state = core::TaskState::kRunning) {
    core::TaskStatus update;
    update.framework = kFramework;
    update.agent = core::AgentId{0xa1};
    update.task = task;
    update.state = state;
    update.source = core::TaskSource::kAgent;
    update.has_uuid = true;
    update.uuid = {1, static_cast<std::uint8_t>(state)};
    return update;
  }
  bool wait_durable(std::uint64_t ticket) {
    return loop_.run_until([&] { return durable_ >= ticket; });
  }
  std::size_t records() { return read_update_log(folder_.path())->records; }

  TempFolder folder_;
  Loop loop_;
  wire::ByteVector history_;
  int histories_ = 0;
  std::uint64_t durable_ = 0;
  absl::Status failed_;
  absl::Status full_;
  std::unique_ptr<UpdateLog> log_;
};

TEST_F(UpdateLogTest, WhatIsDurableIsThere) {
  open();
  EXPECT_EQ(records(), 0u);
  EXPECT_EQ(log_->append(status("a")), 1u);
  EXPECT_EQ(log_->append(status("b")), 2u);
  EXPECT_EQ(durable_, 0u) << "not before it is synced";
  EXPECT_FALSE(log_->is_idle());
  ASSERT_TRUE(wait_durable(2));
  EXPECT_EQ(records(), 2u);
  EXPECT_TRUE(log_->is_idle());
  log_->append(core::AcknowledgeUpdate{kFramework, core::AgentId{0xa1}, "a", status("a").uuid});
  ASSERT_TRUE(loop_.run_until([&] { return log_->is_idle(); }));
  EXPECT_EQ(read_update_log(folder_.path())->history.tasks().size(), 2u);
  EXPECT_EQ(records(), 3u);
  EXPECT_EQ(log_->size(), std::filesystem::file_size(update_log_path(folder_.path())));
}

TEST_F(UpdateLogTest, ManyInOneCommit) {
  open();
  for (int i = 0; i < 5000; ++i) log_->append(status("t" + std::to_string(i)));
  ASSERT_TRUE(wait_durable(5000));
  EXPECT_EQ(records(), 5000u);
}

TEST_F(UpdateLogTest, TheNextOneBeginsWithWhatCounts) {
  open();
  log_->append(status("a"));
  ASSERT_TRUE(wait_durable(1));
  log_.reset();
  wire::ByteVector begin;
  append_record(status("kept"), begin);
  durable_ = 0;
  open(begin);
  EXPECT_EQ(records(), 1u);
  EXPECT_EQ(log_->append(status("more")), 1u);
  ASSERT_TRUE(wait_durable(1));
  const auto read = read_update_log(folder_.path());
  EXPECT_TRUE(read->history.tasks().contains({kFramework, "kept"}));
  EXPECT_TRUE(read->history.tasks().contains({kFramework, "more"}));
}

TEST_F(UpdateLogTest, ABloatedFileIsReplaced) {
  append_record(status("all"), history_);
  open(history_);
  std::uint64_t last = 0;
  for (int round = 0; round < 10 && histories_ == 0; ++round) {
    for (int i = 0; i < 2000; ++i) last = log_->append(status("t"));
    ASSERT_TRUE(wait_durable(last));
  }
  EXPECT_EQ(histories_, 1);
  EXPECT_EQ(log_->size(), history_.size());
  log_->append(status("after"));
  ASSERT_TRUE(wait_durable(last + 1));
  EXPECT_EQ(records(), 2u);
}

TEST_F(UpdateLogTest, ItsEndWaitsForTheCommit) {
  open();
  log_->append(status("a"));
  loop_.run_until([&] { return !log_->is_idle(); });
  log_.reset();
  EXPECT_LE(records(), 1u);
  EXPECT_EQ(read_update_log(folder_.path())->lost_bytes, 0u);
}

TEST_F(UpdateLogTest, CheckpointsAreSyncedBefore) {
  open();
  wire::ByteVector bytes = {1, 2, 3};
  const RunId id{core::to_string(kFramework), "t", "r"};
  auto files = write_checkpoint(folder_.path(), id, bytes);
  ASSERT_TRUE(files.ok()) << files.status();
  log_->sync_too(*std::move(files));
  log_->append(status("t"));
  ASSERT_TRUE(wait_durable(1));
}

TEST_F(UpdateLogTest, ADiskThatCannotSyncIsAnEnd) {
  open();
  CheckpointFiles broken;  // no descriptors: syncing them fails
  log_->sync_too(std::move(broken));
  log_->append(status("t"));
  ASSERT_TRUE(loop_.run_until([&] { return !failed_.ok(); }));
  EXPECT_EQ(durable_, 0u);
  EXPECT_EQ(records(), 0u);
}

// RLIMIT_FSIZE stands for a full disk: the write is cut or refused, and what was there stays whole.
TEST_F(UpdateLogTest, AFullDiskIsWaitedFor) {
  std::signal(SIGXFSZ, SIG_IGN);
  open();
  log_->append(status("before"));
  ASSERT_TRUE(wait_durable(1));
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit tight{log_->size() + 20, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  log_->append(status("later"));
  EXPECT_TRUE(loop_.run_until([&] { return !full_.ok(); })) << failed_;
  EXPECT_EQ(durable_, 1u);
  EXPECT_EQ(records(), 1u);
  EXPECT_EQ(read_update_log(folder_.path())->lost_bytes, 0u);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ASSERT_TRUE(wait_durable(2));
  EXPECT_EQ(records(), 2u);
}

}  // namespace
}  // namespace shoal::agent
