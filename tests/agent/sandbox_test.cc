#include "agent/sandbox.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777u : 0;
}

TEST(CheckIdTest, TakesNamesAndNothingElse) {
  for (const char* good : {"a", "A-1_b.c", "...", "-", "latest"}) {
    EXPECT_TRUE(check_id("task id", good).ok()) << good;
  }
  EXPECT_TRUE(check_id("task id", std::string(128, 'x')).ok());
  const std::vector<std::string> bad = {"",         ".",
                                        "..",       "a/b",
                                        "/",        "a b",
                                        "a\n",      std::string("a\0", 2),
                                        "\xc3\xa4", "a:b",
                                        "~",        "*",
                                        "<script>", std::string(129, 'x')};
  for (const std::string& id : bad) EXPECT_FALSE(check_id("task id", id).ok()) << id;
  EXPECT_EQ(check_id("task id", "a\nb").message().find('\n'), std::string::npos);
}

TEST(SandboxTest, HasItsFilesModesAndLatest) {
  const TempFolder data;
  const mode_t before = ::umask(0777);
  auto first = create_sandbox(data.path(), {"f-1", "task", "run-1"});
  ::umask(before);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->path, data.path() + "/sandboxes/f-1/task/run-1");
  EXPECT_EQ(mode_of(data.path() + "/sandboxes"), 0711u);
  EXPECT_EQ(mode_of(data.path() + "/sandboxes/f-1/task"), 0711u);
  EXPECT_EQ(mode_of(first->path), 0700u);
  EXPECT_EQ(mode_of(first->path + "/stdout"), 0600u);
  EXPECT_EQ(mode_of(first->path + "/stderr"), 0600u);
  ASSERT_EQ(::write(first->stdout_file.get(), "x", 1), 1);
  EXPECT_EQ(fs::file_size(first->path + "/stdout"), 1u);
  EXPECT_EQ(*latest_run(data.path(), "f-1", "task"), "run-1");
  ASSERT_TRUE(create_sandbox(data.path(), {"f-1", "task", "run-2"}).ok());
  EXPECT_EQ(*latest_run(data.path(), "f-1", "task"), "run-2");
  EXPECT_TRUE(open_sandbox(data.path(), {"f-1", "task", "run-1"}).ok());
}

TEST(SandboxTest, ARunHasOneSandbox) {
  const TempFolder data;
  ASSERT_TRUE(create_sandbox(data.path(), {"f", "t", "r"}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(create_sandbox(data.path(), {"f", "t", "r"}).status()));
  EXPECT_TRUE(fs::exists(data.path() + "/sandboxes/f/t/r/stdout")) << "the first one was harmed";
}

TEST(SandboxTest, BadIdsReachNoFile) {
  const TempFolder data;
  for (const SandboxId& id : std::vector<SandboxId>{{"..", "t", "r"},
                                                    {"f", "../..", "r"},
                                                    {"f", "t", "/etc"},
                                                    {"f", "t", ""},
                                                    {"f", "t", "latest"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(create_sandbox(data.path(), id).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(open_sandbox(data.path(), id).status()));
  }
  EXPECT_TRUE(fs::is_empty(data.path()));
}

TEST(SandboxTest, NoLinkIsFollowedAtAnyLevel) {
  const TempFolder data;
  const TempFolder elsewhere;
  const std::vector<std::string> levels = {"sandboxes", "sandboxes/f", "sandboxes/f/t"};
  for (const std::string& level : levels) {
    fs::create_directories(fs::path(data.path() + "/" + level).parent_path());
    fs::create_directory_symlink(elsewhere.path(), data.path() + "/" + level);
    const auto made = create_sandbox(data.path(), {"f", "t", "r"});
    EXPECT_TRUE(absl::IsFailedPrecondition(made.status())) << made.status();
    EXPECT_NE(made.status().message().find("symbolic link"), std::string::npos);
    EXPECT_TRUE(absl::IsFailedPrecondition(open_sandbox(data.path(), {"f", "t", "r"}).status()));
    fs::remove(data.path() + "/" + level);
  }
  EXPECT_TRUE(fs::is_empty(elsewhere.path()));
}

TEST(SandboxTest, LatestIsOnlyEverAName) {
  const TempFolder data;
  EXPECT_TRUE(absl::IsNotFound(latest_run(data.path(), "f", "t").status()));
  fs::create_directories(data.path() + "/sandboxes/f/t");
  EXPECT_TRUE(absl::IsNotFound(latest_run(data.path(), "f", "t").status()));
  const std::string latest = data.path() + "/sandboxes/f/t/latest";
  for (const std::string& target :
       {std::string("/etc"), std::string("../x"), std::string(500, 'x')}) {
    fs::remove(latest);
    fs::create_symlink(target, latest);
    EXPECT_TRUE(absl::IsInvalidArgument(latest_run(data.path(), "f", "t").status())) << target;
  }
}

TEST(SandboxTest, AMissingDataFolderIsNamed) {
  const auto made = create_sandbox("/no/such/data", {"f", "t", "r"});
  EXPECT_TRUE(absl::IsNotFound(made.status()));
  EXPECT_NE(made.status().message().find("/no/such/data"), std::string::npos);
}

// A file system of 64 KiB and few inodes, as long as the test lives.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    mounted_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64k,nr_inodes=6") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  bool make_read_only() const {
    return ::mount(nullptr, path_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  std::string path_;
  bool mounted_;
};

TEST(SandboxTest, FullAndReadOnlyDisksAreToldApart) {
  const TempFolder data;
  const SmallDisk disk(data.path());
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
  // Inodes: the top, sandboxes, f, t, r, and one for stdout; none for stderr.
  const auto full = create_sandbox(data.path(), {"f", "t", "r"});
  EXPECT_TRUE(absl::IsResourceExhausted(full.status())) << full.status();
  EXPECT_NE(full.status().message().find("disk is full"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(data.path() + "/sandboxes/f/t")) << "half a sandbox was left";
  ASSERT_TRUE(disk.make_read_only());
  const auto read_only = create_sandbox(data.path(), {"f", "t", "r"});
  EXPECT_TRUE(absl::IsFailedPrecondition(read_only.status())) << read_only.status();
  EXPECT_NE(read_only.status().message().find("read-only"), std::string::npos);
}

}  // namespace
}  // namespace shoal::agent
