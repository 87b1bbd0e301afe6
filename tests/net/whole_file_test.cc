#include "net/whole_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace shoal::net {
namespace {

class WholeFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shoal-file-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  std::string root;
};

TEST_F(WholeFileTest, WritesReplaceAndLeaveNothingBehind) {
  ASSERT_TRUE(write_file_atomically(root + "/f", "one").ok());
  ASSERT_TRUE(write_file_atomically(root + "/f", "two").ok());
  EXPECT_EQ(read_whole_file(root + "/f", 3).value(), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root), {}), 1);
  EXPECT_FALSE(write_file_atomically(root + "/missing/f", "x").ok());
}

TEST_F(WholeFileTest, ReadsOnlySmallRegularFiles) {
  EXPECT_TRUE(absl::IsNotFound(read_whole_file(root + "/none", 10).status()));
  ASSERT_TRUE(write_file_atomically(root + "/f", "12345").ok());
  EXPECT_FALSE(read_whole_file(root + "/f", 4).ok());
  EXPECT_FALSE(read_whole_file(root, 10).ok());
  ASSERT_EQ(::mkfifo((root + "/fifo").c_str(), 0600), 0);
  EXPECT_FALSE(read_whole_file(root + "/fifo", 10).ok());
}

TEST_F(WholeFileTest, MemoryFollowsTheFileNotTheLimit) {
  ASSERT_TRUE(write_file_atomically(root + "/f", "12345").ok());
  const absl::StatusOr<std::string> small = read_whole_file(root + "/f", std::size_t{1} << 28);
  EXPECT_EQ(small.value(), "12345");
  EXPECT_LT(small->capacity(), 100'000u);
  const std::string large(300'000, 'x');
  ASSERT_TRUE(write_file_atomically(root + "/f", large).ok());
  EXPECT_EQ(read_whole_file(root + "/f", large.size()).value(), large);
  EXPECT_FALSE(read_whole_file(root + "/f", large.size() - 1).ok());
  EXPECT_GT(read_whole_file("/proc/self/status", 100'000).value().size(), 100u) << "has no size";
}

}  // namespace
}  // namespace shoal::net
