#include "bench/load/end_stamps.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace shoal::load {
namespace {

class EndStampsTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/shoal-stamps-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/ends"; }
  std::string folder_;
};

TEST_F(EndStampsTest, WhatOneProcessNotesAnotherReads) {
  const auto writer = EndStamps::create(path());
  ASSERT_TRUE(writer.ok()) << writer.status();
  const auto reader = EndStamps::open(path());
  ASSERT_TRUE(reader.ok()) << reader.status();
  const core::TimePoint ended(std::chrono::milliseconds(1234));
  (*writer)->set("42", ended);
  EXPECT_EQ((*reader)->get(42), ended);
  EXPECT_EQ((*reader)->get(43), core::TimePoint{});
  (*reader)->clear(42);
  EXPECT_EQ((*writer)->get(42), core::TimePoint{});
}

TEST_F(EndStampsTest, IdsThatAreNoNumbersAreIgnored) {
  const auto stamps = EndStamps::create(path());
  ASSERT_TRUE(stamps.ok());
  (*stamps)->set("job-7", core::TimePoint(std::chrono::seconds(1)));
  (*stamps)->set("", core::TimePoint(std::chrono::seconds(1)));
  EXPECT_EQ((*stamps)->get(0), core::TimePoint{});
  EXPECT_EQ((*stamps)->get(7), core::TimePoint{});
}

TEST_F(EndStampsTest, OtherFilesAreRefused) {
  EXPECT_TRUE(absl::IsNotFound(EndStamps::open(path()).status()));
  std::ofstream(path()) << "short";
  EXPECT_TRUE(absl::IsInvalidArgument(EndStamps::open(path()).status()));
  EXPECT_FALSE(EndStamps::create(path()).ok());  // it is there
}

}  // namespace
}  // namespace shoal::load
