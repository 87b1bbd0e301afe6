#include "agent/disk_use.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

class DiskUseTest : public testing::Test {
 protected:
  DiskWalk walk() const {
    return DiskWalk(UniqueFd(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  }
  std::uint64_t measured() const {
    DiskWalk all = walk();
    while (all.step(3) == 3) {
    }
    EXPECT_FALSE(all.is_too_deep());
    return all.bytes();
  }
  void fill(const std::string& name, std::uint64_t bytes) const {
    folder_.write(name, std::string(bytes, 'x'));
  }
  TempFolder folder_;
};

TEST_F(DiskUseTest, BlocksOfFilesBelow) {
  EXPECT_EQ(measured(), 0u);
  std::filesystem::create_directories(folder_.path() + "/a/b");
  fill("one", kMebibyte);
  fill("a/two", kMebibyte);
  fill("a/b/three", kMebibyte);
  const std::uint64_t bytes = measured();
  EXPECT_GE(bytes, 3 * kMebibyte);
  EXPECT_LT(bytes, 3 * kMebibyte + kMebibyte / 2);
}

TEST_F(DiskUseTest, HolesLinksAndSecondNamesTakeNothing) {
  TempFolder elsewhere;
  elsewhere.write("large", std::string(kMebibyte, 'x'));
  fill("file", kMebibyte);
  std::filesystem::create_hard_link(folder_.path() + "/file", folder_.path() + "/again");
  std::filesystem::create_symlink(elsewhere.path(), folder_.path() + "/volume");
  const UniqueFd hole(::open((folder_.path() + "/hole").c_str(), O_WRONLY | O_CREAT, 0600));
  ASSERT_EQ(::ftruncate(hole.get(), off_t{100} << 20), 0);
  const std::uint64_t bytes = measured();
  EXPECT_GE(bytes, kMebibyte);
  EXPECT_LT(bytes, kMebibyte + kMebibyte / 2);
}

TEST_F(DiskUseTest, GoesOnWhereItWas) {
  for (int i = 0; i < 25; ++i) fill(fmt::format("f{}", i), 10);
  DiskWalk pieces = walk();
  EXPECT_EQ(pieces.step(10), 10u);
  EXPECT_EQ(pieces.step(10), 10u);
  EXPECT_EQ(pieces.step(10), 5u);
  EXPECT_EQ(pieces.step(10), 0u);
}

TEST_F(DiskUseTest, DepthIsBoundedAndTold) {
  std::string deep = folder_.path();
  for (std::size_t i = 0; i <= DiskWalk::kMaxDepth; ++i) deep += "/d";
  std::filesystem::create_directories(deep);
  DiskWalk all = walk();
  EXPECT_EQ(all.step(1000), DiskWalk::kMaxDepth);
  EXPECT_TRUE(all.is_too_deep());
}

TEST_F(DiskUseTest, WhatIsGoneIsEmpty) {
  DiskWalk nothing{UniqueFd()};
  EXPECT_EQ(nothing.step(10), 0u);
  EXPECT_EQ(nothing.bytes(), 0u);
}

}  // namespace
}  // namespace shoal::agent
