#include "cli/tar_gz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <filesystem>

namespace shoal::cli {
namespace {

class TarGzTest : public testing::Test {
 protected:
  TarGzTest() {
    std::string name = std::filesystem::temp_directory_path() / "shoal-tar-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~TarGzTest() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/a.tar.gz"; }

  std::string unpacked() const {
    std::string out(1 << 16, '\0');
    const gzFile gz = gzopen(path().c_str(), "rb");
    const int size = gzread(gz, out.data(), static_cast<unsigned>(out.size()));
    gzclose(gz);
    out.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return out;
  }

  std::string folder_;
};

TEST_F(TarGzTest, HeadersAreThoseOfUstar) {
  const std::string header = tar_header("a/b.txt", 9, 8);
  ASSERT_EQ(header.size(), 512u);
  EXPECT_STREQ(header.data(), "a/b.txt");
  EXPECT_STREQ(header.data() + 124, "00000000011");
  EXPECT_STREQ(header.data() + 136, "00000000010");
  EXPECT_EQ(header.substr(257, 8), std::string("ustar\00000", 8));
  std::uint64_t sum = 8 * ' ';
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(header[i]);
  }
  EXPECT_EQ(std::stoull(header.substr(148, 6), nullptr, 8), sum);
}

TEST_F(TarGzTest, FilesFillWholeBlocks) {
  auto writer = TarGzWriter::create(path());
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->add("one", "hello", 0).ok());
  ASSERT_TRUE((*writer)->add("two", std::string(512, 'x'), 0).ok());
  EXPECT_FALSE((*writer)->add("", "x", 0).ok());
  EXPECT_FALSE((*writer)->add(std::string(101, 'n'), "x", 0).ok());
  ASSERT_TRUE((*writer)->finish().ok());
  const std::string tar = unpacked();
  ASSERT_EQ(tar.size(), 512u * 6);
  EXPECT_EQ(tar.substr(512, 6), std::string("hello\0", 6));
  EXPECT_STREQ(tar.data() + 1024, "two");
  EXPECT_EQ(tar.substr(2048), std::string(1024, '\0'));
  EXPECT_TRUE(absl::IsAlreadyExists(TarGzWriter::create(path()).status()));
}

TEST_F(TarGzTest, OneThatIsNotFinishedIsNoFile) {
  {
    auto writer = TarGzWriter::create(path());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->add("one", "hello", 0).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_FALSE(TarGzWriter::create(folder_ + "/no/a.tar.gz").ok());
}

}  // namespace
}  // namespace shoal::cli
