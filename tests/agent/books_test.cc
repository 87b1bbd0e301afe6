#include "agent/books.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/epoch_store.h"
#include "agent/identity.h"
#include "agent/resource_store.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/slow_disk.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

class BooksTest : public testing::Test {
 protected:
  void SetUp() override {
    Books::Hooks hooks;
    hooks.on_stored = [this](const StoreOutcome& outcome) { outcomes_.push_back(outcome); };
    hooks.on_epoch_stored = [this](std::uint64_t epoch, const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      told_.push_back(fmt::format("epoch {}", epoch));
    };
    hooks.on_id_stored = [this](core::AgentId id, const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      told_.push_back(fmt::format("id {:x}", id.value));
    };
    hooks.log = [this](std::string_view line) { lines_.emplace_back(line); };
    books_ = std::make_unique<Books>(loop_.reactor(), folder_.path(), std::move(hooks));
  }
  std::string in(const std::string& path) const { return folder_.path() + "/" + path; }
  static std::vector<core::LotTagsPtr> tags_of(std::string_view text) {
    std::vector<core::LotTagsPtr> tags;
    const core::Resources resources = resources_of(text);
    for (const core::Lot& lot : resources.lots) tags.push_back(lot.tags);
    return tags;
  }
  // Stores `total`; what came of it.
  StoreOutcome store(std::string_view total, const std::vector<core::LotTagsPtr>& made,
                     const std::vector<core::LotTagsPtr>& removed = {}) {
    core::AgentResources record;
    record.resources = resources_of(total);
    const std::size_t before = outcomes_.size();
    EXPECT_FALSE(books_->store({record, made, removed}).has_value());
    EXPECT_TRUE(loop_.run_until([&] { return outcomes_.size() > before; }));
    return outcomes_.back();
  }
  core::Resources stored() {
    const auto found = read_stored(folder_.path());
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() && found->has_value() ? (*found)->resources : core::Resources();
  }

  TempFolder folder_;
  Loop loop_;
  std::vector<StoreOutcome> outcomes_;
  std::vector<std::string> told_;
  std::vector<std::string> lines_;
  std::unique_ptr<Books> books_;
};

constexpr std::string_view kFirst = "disk(ads,dynamic)[v1:data]:9";
constexpr std::string_view kSecond = "disk(ads,dynamic)[v2:data]:9";

TEST_F(BooksTest, VolumesComeBeforeTheRecordAndGoAfterIt) {
  EXPECT_TRUE(store(kFirst, tags_of(kFirst)).status.ok());
  EXPECT_TRUE(fs::is_directory(in("volumes/ads/v1")));
  EXPECT_EQ(stored(), resources_of(kFirst));
  folder_.write("volumes/ads/v1/file", "x");
  EXPECT_TRUE(store(kSecond, tags_of(kSecond), tags_of(kFirst)).status.ok());
  EXPECT_FALSE(fs::exists(in("volumes/ads/v1")));
  EXPECT_TRUE(fs::is_directory(in("volumes/ads/v2")));
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return fs::is_empty(in("removed"));
  }));
  EXPECT_TRUE(lines_.empty());
}

TEST_F(BooksTest, AVolumeThatCannotBeMadeLeavesEverythingAsItWas) {
  EXPECT_TRUE(store("cpus:1", {}).status.ok());
  fs::create_directories(in("volumes/ads/v2"));
  std::vector<core::LotTagsPtr> both = tags_of(kFirst);
  both.push_back(tags_of(kSecond).front());
  const StoreOutcome outcome = store("cpus:2", both);
  EXPECT_TRUE(absl::IsAlreadyExists(outcome.status));
  EXPECT_EQ(outcome.unmade, 1u);
  EXPECT_FALSE(fs::exists(in("volumes/ads/v1")));
  EXPECT_TRUE(fs::exists(in("volumes/ads/v2"))) << "it was not ours";
  EXPECT_EQ(stored(), resources_of("cpus:1"));
}

TEST_F(BooksTest, ARecordThatCannotBeWrittenUnmakesItsVolumes) {
  fs::create_directories(in("resources/in-its-place"));
  const StoreOutcome outcome = store(kFirst, tags_of(kFirst));
  EXPECT_FALSE(outcome.status.ok());
  EXPECT_FALSE(outcome.unmade.has_value());
  EXPECT_FALSE(fs::exists(in("volumes/ads/v1")));
}

TEST_F(BooksTest, WhatIsTooLargeIsRefusedAtOnce) {
  core::AgentResources record;
  const std::string text(core::kMaxFrameBytes, 'x');
  core::OperationReport& report = record.operations.emplace_back();
  report.message = text;
  const auto outcome = books_->store({record, {}, {}});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(std::string(outcome->status.message()), HasSubstr("use fewer or shorter labels"));
}

TEST_F(BooksTest, AllIsWrittenInOrderAndAwayFromTheLoop) {
  const SlowDisk disk(milliseconds(50), milliseconds(5));
  books_->store_epoch(7);
  books_->store_id(core::AgentId{0xa1});
  books_->write_file(in("ready"), "{}\n", [this](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
    told_.emplace_back("ready");
  });
  books_->then([this] { told_.emplace_back("all"); });
  EXPECT_FALSE(books_->is_idle());
  ASSERT_TRUE(loop_.run_until([&] { return books_->is_idle(); }));
  EXPECT_THAT(told_, ElementsAre("epoch 7", "id a1", "ready", "all"));
  EXPECT_EQ(*read_epoch(folder_.path()), 7u);
  EXPECT_EQ(read_identity(folder_.path())->value, 0xa1u);
  EXPECT_EQ(folder_.read("ready"), "{}\n");
  EXPECT_EQ(disk.here(), 0);
  EXPECT_GE(disk.elsewhere(), 6);
}

}  // namespace
}  // namespace shoal::agent
