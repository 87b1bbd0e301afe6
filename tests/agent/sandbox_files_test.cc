#include "agent/sandbox_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class SandboxFilesTest : public testing::Test {
 protected:
  SandboxFilesTest() {
    fs::create_directories(folder_.path() + "/box/sub");
    fs::create_directories(folder_.path() + "/box10");
    folder_.write("secret", "secret");
    folder_.write("box10/secret", "secret");
    folder_.write("box/sub/file", "0123456789");
    folder_.write("box/stdout", "hello\n");
    box_ = UniqueFd(::open((folder_.path() + "/box").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void link(const std::string& to, const std::string& name) const {
    fs::create_symlink(to, folder_.path() + "/box/" + name);
  }
  std::vector<std::string> list(const std::string& path) {
    const auto listing = list_files(box_.get(), path);
    EXPECT_TRUE(listing.ok()) << listing.status();
    std::vector<std::string> names;
    for (const FileEntry& file : listing->entries) {
      names.push_back(file.name + ":" + std::string(name_of(file.kind)));
    }
    return names;
  }
  absl::StatusCode list_error(const std::string& path) {
    return list_files(box_.get(), path).status().code();
  }
  absl::StatusCode read_error(const std::string& path) {
    return read_file_part(box_.get(), path, 0, 100).status().code();
  }

  TempFolder folder_;
  UniqueFd box_;
};

TEST_F(SandboxFilesTest, ListsFoldersAndFiles) {
  link("sub", "inside");
  ASSERT_EQ(::mkfifo((folder_.path() + "/box/fifo").c_str(), 0600), 0);
  EXPECT_THAT(list(""), ElementsAre("fifo:other", "inside:link", "stdout:file", "sub:folder"));
  EXPECT_THAT(list("sub"), ElementsAre("file:file"));
  EXPECT_THAT(list("sub/"), ElementsAre("file:file"));
  EXPECT_THAT(list("inside"), ElementsAre("file:file"));
  EXPECT_THAT(list("sub/../sub/./"), ElementsAre("file:file"));
  EXPECT_THAT(list("sub/file"), ElementsAre("file:file"));
  const auto file = list_files(box_.get(), "sub/file");
  EXPECT_FALSE(file->is_folder);
  EXPECT_EQ(file->entries[0].size, 10u);
  EXPECT_EQ(file->entries[0].mode, 0644u);
  EXPECT_GT(file->entries[0].modified_ms, 1'500'000'000'000);
}

TEST_F(SandboxFilesTest, NothingOutsideIsReached) {
  link("/", "root");
  link("..", "up");
  link("../box10", "sibling");
  link("/proc/self/root", "magic");
  link("/proc/self/fd", "descriptors");
  link("loop", "loop");
  const char* kOutside[] = {
      "..",          "../secret", "sub/../../secret", "root",      "root/etc",      "up/secret",
      "sibling",     "../box10",  "sibling/secret",   "magic/etc", "descriptors/0", "loop",
      "loop/further"};
  for (const char* path : kOutside) {
    EXPECT_EQ(list_error(path), absl::StatusCode::kFailedPrecondition) << path;
    EXPECT_EQ(read_error(path), absl::StatusCode::kFailedPrecondition) << path;
  }
  for (const std::string& path : {std::string("/etc"), std::string("sub/\0file", 9)}) {
    EXPECT_EQ(list_error(path), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(read_error(path), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(read_error(""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(read_error("none"), absl::StatusCode::kNotFound);
  EXPECT_EQ(list_error("sub/file/x"), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(list_error(std::string(5000, 'a')), absl::StatusCode::kInvalidArgument);
}

TEST_F(SandboxFilesTest, OnlyRegularFilesAreRead) {
  ASSERT_EQ(::mkfifo((folder_.path() + "/box/fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_error("fifo"), absl::StatusCode::kFailedPrecondition);  // and does not wait
  EXPECT_EQ(read_error("sub"), absl::StatusCode::kFailedPrecondition);
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder_.path() + "/box/socket";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(read_error("socket"), absl::StatusCode::kFailedPrecondition);
  ::close(server);
}

TEST_F(SandboxFilesTest, ReadsParts) {
  link("sub/file", "inside");
  const auto part = read_file_part(box_.get(), "inside", 3, 4);
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_EQ(part->data, "3456");
  EXPECT_EQ(part->offset, 3u);
  EXPECT_EQ(part->size, 10u);
  EXPECT_EQ(read_file_part(box_.get(), "sub/file", 8, 100)->data, "89");
  EXPECT_EQ(read_file_part(box_.get(), "sub/file", 100, 100)->data, "");
  EXPECT_EQ(read_file_part(box_.get(), "sub/file", 0, 0)->data, "");
  EXPECT_TRUE(absl::IsInvalidArgument(
      read_file_part(box_.get(), "sub/file", std::uint64_t{1} << 63, 1).status()));
}

TEST_F(SandboxFilesTest, LargeAndSparseFilesAreBounded) {
  const std::string path = folder_.write("box/sparse", "head");
  ASSERT_EQ(::truncate(path.c_str(), std::int64_t{1} << 40), 0);
  const auto part = read_file_part(box_.get(), "sparse", 0, 1 << 30);
  EXPECT_EQ(part->data.size(), kMaxReadBytes);
  EXPECT_EQ(part->data.substr(0, 4), "head");
  EXPECT_EQ(part->size, std::uint64_t{1} << 40);
  // A hole is zeros in any file but a log.
  const std::string holes = folder_.write("box/holes", "");
  ASSERT_EQ(::truncate(holes.c_str(), 8192), 0);
  EXPECT_EQ(read_file_part(box_.get(), "holes", 0, 8192)->data, std::string(8192, '\0'));
}

TEST_F(SandboxFilesTest, LongListsAreCut) {
  for (std::size_t i = 0; i < kMaxListedFiles + 1; ++i) {
    ::close(::openat(box_.get(), ("sub/" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0600));
  }
  const auto listing = list_files(box_.get(), "sub");
  EXPECT_TRUE(listing->is_cut);
  EXPECT_EQ(listing->entries.size(), kMaxListedFiles);
}

}  // namespace
}  // namespace shoal::agent
