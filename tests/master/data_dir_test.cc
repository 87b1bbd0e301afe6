#include "master/data_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/status.h"

namespace shoal::master {
namespace {

class DataDirTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-data-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(root + "/" + name) << text;
  }
  std::string root;
};

TEST_F(DataDirTest, TheClusterIdIsDrawnOnce) {
  {
    auto dir = DataDir::open(root + "/a/b");
    ASSERT_TRUE(dir.ok()) << dir.status();
    EXPECT_EQ(dir->cluster_id(0x1234).value(), 0x1234u);
  }
  auto dir = DataDir::open(root + "/a/b");
  ASSERT_TRUE(dir.ok());
  EXPECT_EQ(dir->cluster_id(0x9999).value(), 0x1234u);
}

TEST_F(DataDirTest, ASecondMasterIsToldWhoHasIt) {
  auto first = DataDir::open(root);
  ASSERT_TRUE(first.ok());
  auto second = DataDir::open(root);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(core::message_of(second.status()).find(std::to_string(::getpid())),
            std::string_view::npos)
      << second.status();
}

TEST_F(DataDirTest, ADamagedClusterIdIsNamedNotReplaced) {
  for (const char* text : {"", "xyz", "0000000000000000", "123", "12345678901234567"}) {
    write("cluster_id", text);
    auto dir = DataDir::open(root);
    ASSERT_TRUE(dir.ok());
    const auto id = dir->cluster_id(7);
    ASSERT_FALSE(id.ok()) << text;
    EXPECT_NE(core::message_of(id.status()).find("cluster_id"), std::string_view::npos);
  }
}

TEST_F(DataDirTest, AFileWhereTheFolderShouldBeIsNamed) {
  write("file", "x");
  const auto dir = DataDir::open(root + "/file/sub");
  ASSERT_FALSE(dir.ok());
  EXPECT_NE(core::message_of(dir.status()).find(root + "/file"), std::string_view::npos);
  EXPECT_FALSE(DataDir::open("").ok());
}

}  // namespace
}  // namespace shoal::master
