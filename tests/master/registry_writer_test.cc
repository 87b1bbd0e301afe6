#include "master/registry_writer.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <semaphore>
#include <string>

#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

// Keeps the sizes of transactions; the first one waits until it is let go.
struct Log {
  std::mutex mutex;
  std::vector<std::string> names;
  std::vector<std::size_t> sizes;
  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> go{0};
  std::atomic<bool> fails{false};
};

class GatedStore final : public RegistryStore {
 public:
  explicit GatedStore(Log& log) : log_(log) {}
  absl::StatusOr<core::RegistryContents> load() override { return core::RegistryContents(); }
  absl::Status apply(absl::Span<const core::RegistryRow> rows) override {
    log_.entered.release();
    log_.go.acquire();
    if (log_.fails) return absl::FailedPreconditionError("the disk is full");
    const std::lock_guard lock(log_.mutex);
    log_.sizes.push_back(rows.size());
    for (const core::RegistryRow& row : rows) {
      log_.names.push_back(std::get<core::RegisteredRole>(row).name);
    }
    return absl::OkStatus();
  }

 private:
  Log& log_;
};

std::vector<core::RegistryRow> rows_named(const std::vector<std::string>& names) {
  std::vector<core::RegistryRow> rows;
  for (const std::string& name : names) rows.emplace_back(a_role(name));
  return rows;
}

TEST(RegistryWriterTest, WhatWaitsGoesTogetherAndInOrder) {
  Log log;
  std::vector<std::uint64_t> stored(2);
  {
    RegistryWriter writer(
        std::make_unique<GatedStore>(log), 2,
        [&stored](std::size_t client, std::uint64_t rows) { stored[client] += rows; },
        [](const absl::Status& why) { FAIL() << why; });
    writer.put(0, rows_named({"a"}));
    log.entered.acquire();
    for (int i = 0; i < 100; ++i) {
      writer.put(0, rows_named({"b"}));
      writer.put(1, rows_named({"c", "d"}));
    }
    log.go.release(2);
    log.entered.acquire();
  }
  EXPECT_THAT(log.sizes, testing::ElementsAre(1, 300));
  EXPECT_THAT(stored, testing::ElementsAre(101, 200));
  EXPECT_EQ(log.names[1], "b");
  EXPECT_EQ(log.names[2], "c");
  EXPECT_EQ(log.names[3], "d");
}

TEST(RegistryWriterTest, TheEndStoresWhatWaits) {
  Log log;
  log.go.release(2);
  std::uint64_t stored = 0;
  {
    RegistryWriter writer(
        std::make_unique<GatedStore>(log), 1,
        [&stored](std::size_t, std::uint64_t rows) { stored += rows; },
        [](const absl::Status& why) { FAIL() << why; });
    writer.put(0, rows_named({"a"}));
    writer.put(0, rows_named({"b"}));
  }
  EXPECT_EQ(stored, 2u);
}

TEST(RegistryWriterTest, AfterAFailureNothingIsStoredOrAnswered) {
  Log log;
  log.fails = true;
  log.go.release(10);
  std::promise<std::string> failed;  // a text of its own: copies of a status share theirs
  std::atomic<int> answers{0};
  RegistryWriter writer(
      std::make_unique<GatedStore>(log), 1, [&answers](std::size_t, std::uint64_t) { ++answers; },
      [&failed](const absl::Status& why) { failed.set_value(std::string(why.message())); });
  writer.put(0, rows_named({"a"}));
  EXPECT_EQ(failed.get_future().get(), "the disk is full");
  log.fails = false;
  writer.put(0, rows_named({"b"}));
  EXPECT_EQ(answers, 0);
  EXPECT_TRUE(log.names.empty());
}

TEST(RegistryWriterTest, TheEndOfOneThatAnswersStoresWhatWaits) {
  Log log;
  log.go.release(2);
  std::uint64_t stored = 0;
  auto writer = std::make_unique<RegistryWriter>(
      std::make_unique<GatedStore>(log), 1,
      [&stored](std::size_t, std::uint64_t rows) { stored += rows; },
      [](const absl::Status& why) { FAIL() << why; });
  writer->put(0, rows_named({"a"}));
  writer->put(0, rows_named({"b"}));
  EXPECT_TRUE(RegistryWriter::end(std::move(writer), std::chrono::minutes(10)));
  EXPECT_EQ(stored, 2u);
}

// The disk answers when nobody waits any more.
TEST(RegistryWriterTest, AStoreThatHangsIsLeftAndNobodyIsToldLater) {
  auto* log = new Log;  // the thread that is left has it, as it has the writer
  std::atomic<int> told{0};
  auto writer = std::make_unique<RegistryWriter>(
      std::make_unique<GatedStore>(*log), 1, [&told](std::size_t, std::uint64_t) { ++told; },
      [&told](const absl::Status&) { ++told; });
  static RegistryWriter* left = nullptr;  // for good: no leak that nobody knows of
  left = writer.get();
  writer->put(0, rows_named({"a"}));
  log->entered.acquire();
  writer->put(0, rows_named({"b"}));
  EXPECT_FALSE(RegistryWriter::end(std::move(writer), core::Duration::zero()));
  log->go.release(2);
  left->wait_until_ended();
  EXPECT_EQ(told, 0);
  EXPECT_THAT(log->names, testing::ElementsAre("a")) << "nothing more is stored";
}

}  // namespace
}  // namespace shoal::master
