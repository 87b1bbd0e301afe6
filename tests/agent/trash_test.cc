#include "agent/trash.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

class TrashTest : public testing::Test {
 protected:
  TrashTest() : trash_(folder_.path() + "/removed") {
    parent_ = UniqueFd(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  std::size_t left() const {
    const fs::path removed = folder_.path() + "/removed";
    return fs::exists(removed)
               ? static_cast<std::size_t>(std::distance(fs::directory_iterator(removed), {}))
               : 0;
  }
  // How many portions it took.
  int purge(std::size_t entries = 10) {
    int portions = 1;
    while (trash_.purge_some(entries) && portions < 100'000) ++portions;
    return portions;
  }

  TempFolder folder_;
  UniqueFd parent_;
  Trash trash_;
};

TEST_F(TrashTest, NothingIsNoWork) {
  EXPECT_FALSE(trash_.purge_some(10));
  EXPECT_FALSE(fs::exists(folder_.path() + "/removed"));
}

TEST_F(TrashTest, AFolderGoesAtOnceAndItsContentsInPortions) {
  fs::create_directories(folder_.path() + "/v/a/b");
  for (int i = 0; i < 100; ++i) folder_.write("v/a/" + std::to_string(i), "x");
  ASSERT_TRUE(trash_.take(parent_.get(), "v").ok());
  EXPECT_FALSE(fs::exists(folder_.path() + "/v"));
  EXPECT_TRUE(trash_.purge_some(10));
  EXPECT_GT(left(), 0u);
  EXPECT_GT(purge(10), 8);
  EXPECT_EQ(left(), 0u);
  EXPECT_EQ(trash_.failures(), 0u);
}

TEST_F(TrashTest, LinksAreNotFollowed) {
  fs::create_directories(folder_.path() + "/keep/below");
  folder_.write("keep/file", "precious");
  fs::create_directories(folder_.path() + "/v");
  fs::create_symlink(folder_.path() + "/keep", folder_.path() + "/v/link");
  fs::create_symlink("../keep/file", folder_.path() + "/v/file");
  fs::create_hard_link(folder_.path() + "/keep/file", folder_.path() + "/v/hard");
  ASSERT_TRUE(trash_.take(parent_.get(), "v").ok());
  purge();
  EXPECT_EQ(left(), 0u);
  EXPECT_EQ(folder_.read("keep/file"), "precious");
  EXPECT_TRUE(fs::exists(folder_.path() + "/keep/below"));
}

TEST_F(TrashTest, ADeepTreeCostsNeitherDescriptorsNorStack) {
  // Deeper than any path may be long.
  UniqueFd at(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    at = UniqueFd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.valid());
  }
  ASSERT_TRUE(trash_.take(parent_.get(), "d").ok());
  purge(100);
  EXPECT_EQ(left(), 0u);
}

TEST_F(TrashTest, FoldersThatForbidEverythingAreDeletedToo) {
  fs::create_directories(folder_.path() + "/v/a/b");
  folder_.write("v/a/b/file", "x");
  for (const char* name : {"/v/a/b", "/v/a", "/v"}) ::chmod((folder_.path() + name).c_str(), 0);
  ASSERT_TRUE(trash_.take(parent_.get(), "v").ok());
  purge();
  EXPECT_EQ(left(), 0u);
}

TEST_F(TrashTest, TheNextProcessGoesOn) {
  fs::create_directories(folder_.path() + "/v/a");
  ASSERT_TRUE(trash_.take(parent_.get(), "v").ok());
  Trash next(folder_.path() + "/removed");
  fs::create_directories(folder_.path() + "/v/b");
  ASSERT_TRUE(next.take(parent_.get(), "v").ok());  // beside the first
  EXPECT_EQ(left(), 2u);
  while (next.purge_some(100)) {
  }
  EXPECT_EQ(left(), 0u);
}

TEST_F(TrashTest, WhatIsNotThereIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(trash_.take(parent_.get(), "v")));
}

}  // namespace
}  // namespace shoal::agent
