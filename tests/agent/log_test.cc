#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <limits>

#include "agent/log_follower.h"
#include "agent/log_reader.h"
#include "core/limits.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

class LogTest : public ::testing::Test {
 protected:
  LogTest() : sandbox_(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  absl::StatusOr<LogChunk> read(const std::string& name, std::uint64_t offset = 0,
                                std::size_t max_bytes = 1000) const {
    return read_log(sandbox_.get(), name, offset, max_bytes);
  }
  void append(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::app) << text;
  }

  TempFolder folder_;
  UniqueFd sandbox_;
};

TEST_F(LogTest, ReadsFromAnOffset) {
  folder_.write("stdout", "hello world\n");
  EXPECT_EQ(read("stdout")->data, "hello world\n");
  EXPECT_EQ(read("stdout", 6, 5)->data, "world");
  EXPECT_EQ(read("stdout", 6, 5)->size, 12u);
  EXPECT_EQ(read("stdout", 0, 0)->data, "");
}

TEST_F(LogTest, BeyondTheEndThereIsNothing) {
  folder_.write("stdout", "hello");
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  for (const std::uint64_t offset : {std::uint64_t{5}, std::uint64_t{6}, kMax}) {
    const auto chunk = read("stdout", offset);
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    EXPECT_EQ(chunk->data, "");
    EXPECT_EQ(chunk->size, 5u);
  }
  // What a negative number or 2^63 looks like when it comes in.
  for (const std::uint64_t offset : {kMax + 1, ~std::uint64_t{0}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(read("stdout", offset).status()));
  }
}

TEST_F(LogTest, BinaryAndSparseFilesAreReadAsTheyAre) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  folder_.write("binary", all);
  EXPECT_EQ(read("binary")->data, all);
  folder_.write("sparse", "");
  constexpr std::uint64_t kTerabyte = std::uint64_t{1} << 40;
  ASSERT_EQ(::truncate(path("sparse").c_str(), static_cast<off_t>(kTerabyte)), 0);
  append("sparse", "end");
  const auto chunk = read("sparse", kTerabyte - 2, 100);
  EXPECT_EQ(chunk->data, std::string("\0\0end", 5));
  EXPECT_EQ(chunk->size, kTerabyte + 3);
  EXPECT_EQ(read("sparse", 0, ~std::size_t{0})->data.size(), core::kMaxLogChunkBytes);
}

TEST_F(LogTest, OnlyRegularFilesOfTheSandboxAreRead) {
  const TempFolder outside;
  outside.write("secret", "s");
  fs::create_symlink(outside.path() + "/secret", path("link"));
  fs::create_symlink("stdout", path("inner_link"));
  fs::create_symlink("loop", path("loop"));
  fs::create_directory_symlink(outside.path(), path("folder_link"));
  fs::create_directory(path("folder"));
  fs::create_symlink("/proc/self/environ", path("magic"));
  folder_.write("stdout", "x");
  folder_.write("folder/deep", "deep");
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  for (const char* name : {"link", "inner_link", "loop", "folder_link/secret", "folder", "magic",
                           "fifo", "socket", ".", "..", "../x", "folder/../../x"}) {
    const auto chunk = read(name);
    EXPECT_TRUE(absl::IsFailedPrecondition(chunk.status())) << name << ": " << chunk.status();
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(read("stdout/x").status()));
  for (const std::string& name :
       {std::string(), std::string("/etc/passwd"), std::string("a\0", 2)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(read(name).status())) << name;
  }
  EXPECT_TRUE(absl::IsNotFound(read("gone").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(read(std::string(300, 'n')).status()));
  EXPECT_EQ(read("folder/deep")->data, "deep");
  EXPECT_EQ(read("folder/../stdout")->data, "x");
  const auto status = read("bad\n<b>").status();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

class LogFollowerTest : public LogTest {
 protected:
  void SetUp() override {
    auto follower = LogFollower::create();
    ASSERT_TRUE(follower.ok()) << follower.status();
    follower_.emplace(*std::move(follower));
    folder_.write("stdout", "start\n");
    folder_.write("stderr", "");
  }

  FollowId follow(const std::string& name) {
    const auto id = follower_->follow(sandbox_.get(), name);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or(0);
  }

  // The next change of a file that follows; fails when none comes.
  LogChange next(FollowId id) {
    for (;;) {
      if (!wait_readable(follower_->fd())) {
        ADD_FAILURE() << "no change was reported";
        return LogChange::kRemoved;
      }
      for (const LogEvent& event : follower_->drain()) {
        if (event.id == id) return event.change;
      }
    }
  }
  bool is_quiet() { return !wait_readable(follower_->fd(), 0) || follower_->drain().empty(); }

  std::optional<LogFollower> follower_;
};

TEST_F(LogFollowerTest, TellsWhichFileGrew) {
  const FollowId out = follow("stdout");
  const FollowId err = follow("stderr");
  EXPECT_TRUE(is_quiet());
  append("stdout", "more\n");
  EXPECT_EQ(next(out), LogChange::kGrew);
  EXPECT_TRUE(is_quiet());
  append("stderr", "oops\n");
  EXPECT_EQ(next(err), LogChange::kGrew);
  EXPECT_TRUE(is_quiet());
}

TEST_F(LogFollowerTest, ManyWritesAreOneEvent) {
  const FollowId out = follow("stdout");
  for (int i = 0; i < 1000; ++i) append("stdout", "x");
  ASSERT_TRUE(wait_readable(follower_->fd()));
  const auto events = follower_->drain();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, out);
}

TEST_F(LogFollowerTest, OtherFilesOfTheSandboxDoNotWakeIt) {
  follow("stdout");
  folder_.write("data", "");
  follower_->drain();
  append("data", "x");
  EXPECT_FALSE(wait_readable(follower_->fd(), 0));
}

TEST_F(LogFollowerTest, SurvivesTruncation) {
  const FollowId out = follow("stdout");
  ASSERT_EQ(::truncate(path("stdout").c_str(), 0), 0);
  EXPECT_EQ(next(out), LogChange::kTruncated);
  append("stdout", "x");
  EXPECT_EQ(next(out), LogChange::kGrew);
}

TEST_F(LogFollowerTest, SurvivesRotation) {
  const FollowId out = follow("stdout");
  fs::rename(path("stdout"), path("stdout.1"));
  EXPECT_EQ(next(out), LogChange::kRemoved);
  folder_.write("stdout", "new");
  EXPECT_EQ(next(out), LogChange::kReplaced);
  follower_->drain();
  append("stdout.1", "old");
  EXPECT_TRUE(is_quiet()) << "the rotated file is nobody's any more";
  append("stdout", "x");
  EXPECT_EQ(next(out), LogChange::kGrew);
  folder_.write("next", "whole");
  fs::rename(path("next"), path("stdout"));
  EXPECT_EQ(next(out), LogChange::kReplaced);
}

TEST_F(LogFollowerTest, AFileSwappedForALinkOrFifoIsGone) {
  const FollowId out = follow("stdout");
  fs::remove(path("stdout"));
  EXPECT_EQ(next(out), LogChange::kRemoved);
  fs::create_symlink("/etc/passwd", path("stdout"));
  EXPECT_TRUE(is_quiet());
  fs::remove(path("stdout"));
  ASSERT_EQ(::mkfifo(path("stdout").c_str(), 0600), 0);
  EXPECT_TRUE(is_quiet());
  fs::remove(path("stdout"));
  folder_.write("stdout", "back");
  EXPECT_EQ(next(out), LogChange::kReplaced);
}

TEST_F(LogFollowerTest, TwoMayFollowOneFile) {
  const FollowId first = follow("stdout");
  const FollowId second = follow("stdout");
  EXPECT_NE(first, second);
  append("stdout", "x");
  ASSERT_TRUE(wait_readable(follower_->fd()));
  EXPECT_EQ(follower_->drain().size(), 2u);
  follower_->unfollow(first);
  append("stdout", "y");
  EXPECT_EQ(next(second), LogChange::kGrew);
  follower_->unfollow(second);
  append("stdout", "z");
  EXPECT_TRUE(is_quiet());
  follower_->unfollow(second);  // once too often
}

TEST_F(LogFollowerTest, ARemovedSandboxIsReported) {
  const FollowId out = follow("stdout");
  fs::remove_all(folder_.path());
  EXPECT_EQ(next(out), LogChange::kRemoved);
  follower_->drain();
  follower_->unfollow(out);
}

TEST_F(LogFollowerTest, OnlyWhatCanBeReadCanBeFollowed) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsNotFound(follower_->follow(sandbox_.get(), "gone").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(follower_->follow(sandbox_.get(), "fifo").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(follower_->follow(sandbox_.get(), "a/b").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(follower_->follow(sandbox_.get(), "").status()));
}

TEST_F(LogFollowerTest, NoDescriptorIsLeft) {
  const auto count = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = count();
  for (int i = 0; i < 100; ++i) {
    const FollowId id = follow("stdout");
    append("stdout", "x");
    follower_->drain();
    follower_->unfollow(id);
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace shoal::agent
