#include "agent/log_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>

#include <filesystem>
#include <fstream>

#include "agent/sandbox.h"
#include "net/listener.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;
using wire::MessageKind;

class LogServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = LogServer::create(
        loop_.reactor(), {.data_dir = folder_.path(),
                          .is_live = [this](core::FrameworkId, std::string_view) { return live_; },
                          .cluster_id = [] { return kCluster; }});
    ASSERT_TRUE(made.ok()) << made.status();
    server_ = *std::move(made);
    net::ListenerOptions options;
    options.frames = server_.get();
    auto listening = net::Listener::create(loop_.reactor(), "127.0.0.1:0", options);
    ASSERT_TRUE(listening.ok()) << listening.status();
    listener_ = *std::move(listening);
    peer_ = std::make_unique<TestPeer>(loop_.reactor(), listener_->bound_address().to_string());
    ASSERT_TRUE(loop_.run_until([&] { return peer_->is_connected(); }));
  }

  void greet() {
    peer_->hello(core::PeerKind::kLogReader);
    ASSERT_TRUE(loop_.run_until([&] { return peer_->frames.size() == 1; }));
    ASSERT_EQ(peer_->frames[0].kind, MessageKind::kWelcome);
    EXPECT_EQ(peer_->frames[0].as<core::Welcome>()->cluster_id, kCluster);
    peer_->frames.clear();
  }
  // A task's sandbox; its files are written through the handles.
  Sandbox make_sandbox(const std::string& task, const std::string& run = "run-1") {
    auto made = create_sandbox(folder_.path(), {core::to_string(kFramework), task, run});
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  static void write(const UniqueFd& file, std::string_view text) {
    ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void ask(const std::string& task, bool follow, std::uint32_t correlation = 7,
           core::LogStream stream = core::LogStream::kStdout, std::uint64_t offset = 0) {
    peer_->send(core::ReadLog{kFramework, task, stream, offset, follow}, correlation);
  }
  // What has come of one read, and whether it has ended. Checks that the offsets join.
  std::string received(bool* ended, std::uint32_t correlation = 7, std::uint64_t offset = 0) {
    std::string text;
    *ended = false;
    for (const KeptFrame& frame : peer_->frames) {
      if (frame.kind != MessageKind::kLogChunk || frame.correlation != correlation) continue;
      const auto chunk = frame.as<core::LogChunk>();
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      EXPECT_EQ(chunk->offset, offset + text.size());
      EXPECT_LE(chunk->data.size(), core::kMaxLogChunkBytes);
      text.append(chunk->data.begin(), chunk->data.end());
      *ended = chunk->end;
    }
    return text;
  }
  std::string wait_end(std::uint32_t correlation = 7, std::uint64_t offset = 0) {
    bool ended = false;
    EXPECT_TRUE(loop_.run_until([&] {
      if (peer_->frames.empty()) return false;
      const KeptFrame& last = peer_->frames.back();
      return last.kind == MessageKind::kLogChunk && last.correlation == correlation &&
             last.as<core::LogChunk>()->end;
    }));
    return received(&ended, correlation, offset);
  }
  core::Refusal wait_refusal() {
    EXPECT_TRUE(loop_.run_until([&] {
      return !peer_->frames.empty() && peer_->frames.back().kind == MessageKind::kRefusal;
    }));
    return *peer_->frames.back().as<core::Refusal>();
  }

  TempFolder folder_;
  Loop loop_;
  bool live_ = true;
  std::unique_ptr<LogServer> server_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<TestPeer> peer_;
};

TEST_F(LogServerTest, ReadsAnEndedTask) {
  const Sandbox sandbox = make_sandbox("t");
  write(sandbox.stdout_file, "hello\n");
  write(sandbox.stderr_file, "oops\n");
  live_ = false;
  greet();
  ask("t", false);
  EXPECT_EQ(wait_end(), "hello\n");
  ask("t", true, 8, core::LogStream::kStderr);  // following what has ended: the same
  EXPECT_EQ(wait_end(8), "oops\n");
  ask("t", false, 9, core::LogStream::kStdout, 3);
  EXPECT_EQ(wait_end(9, 3), "lo\n");
  ask("t", false, 10, core::LogStream::kStdout, 1000);
  EXPECT_EQ(wait_end(10, 1000), "");
  EXPECT_EQ(server_->reads(), 0u);
}

TEST_F(LogServerTest, BeginsBehindTheHeadThatWasCutOffWithALine) {
  const Sandbox sandbox = make_sandbox("t");
  std::string text;
  for (int i = 0; i < 2000; ++i) text += fmt::format("line {}\n", i);
  write(sandbox.stdout_file, text);
  ASSERT_EQ(
      ::fallocate(sandbox.stdout_file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192),
      0);
  live_ = false;
  greet();
  ask("t", false);
  const std::size_t begin = text.find('\n', 8192) + 1;
  EXPECT_EQ(wait_end(7, begin), text.substr(begin));
  peer_->frames.clear();
  ask("t", false, 8, core::LogStream::kStdout, 8191);  // a byte before the end of the hole
  EXPECT_EQ(wait_end(8, begin), text.substr(begin));
  peer_->frames.clear();
  ask("t", false, 9, core::LogStream::kStdout, 8192);
  EXPECT_EQ(wait_end(9, 8192), text.substr(8192));
}

TEST_F(LogServerTest, KnowsWhatNobodyHasBeenSentYet) {
  const Sandbox sandbox = make_sandbox("t");
  write(sandbox.stdout_file, "hello\n");
  greet();
  EXPECT_EQ(server_->unread_from(kFramework, "t", "stdout"), std::nullopt);
  ask("t", true);
  ASSERT_TRUE(loop_.run_until([&] { return !peer_->frames.empty(); }));
  EXPECT_EQ(server_->unread_from(kFramework, "t", "stdout"), 6u);
  EXPECT_EQ(server_->unread_from(kFramework, "t", "stderr"), std::nullopt);
  EXPECT_EQ(server_->unread_from(kFramework, "other", "stdout"), std::nullopt);
}

TEST_F(LogServerTest, FollowsUntilTheTaskEnds) {
  const Sandbox sandbox = make_sandbox("t");
  greet();
  ask("t", true);
  ASSERT_TRUE(loop_.run_until([&] { return server_->reads() == 1; }));
  bool ended = false;
  std::string expected;
  for (const char* line : {"one\n", "two\n", "three\n"}) {
    write(sandbox.stdout_file, line);
    expected += line;
    ASSERT_TRUE(loop_.run_until([&] { return received(&ended) == expected; }));
    EXPECT_FALSE(ended);
  }
  write(sandbox.stdout_file, "last\n");
  live_ = false;
  server_->on_task_ended(kFramework, "t");
  EXPECT_EQ(wait_end(), expected + "last\n");
  EXPECT_EQ(server_->reads(), 0u);
}

TEST_F(LogServerTest, ALargeLogGoesThroughABoundedOutput) {
  const Sandbox sandbox = make_sandbox("t");
  std::string text;
  while (text.size() < 8 * 1024 * 1024) text += std::to_string(text.size()) + "\n";
  write(sandbox.stdout_file, text);
  greet();
  ask("t", false);
  ASSERT_TRUE(loop_.run_until([&] { return server_->reads() == 1; }));
  EXPECT_EQ(wait_end(), text);  // 8 MiB through 1 MiB of output, by on_drained()
}

TEST_F(LogServerTest, TwoReadsAtOnceKeepApart) {
  const Sandbox sandbox = make_sandbox("t");
  greet();
  ask("t", true, 1, core::LogStream::kStdout);
  ask("t", true, 2, core::LogStream::kStderr);
  ASSERT_TRUE(loop_.run_until([&] { return server_->reads() == 2; }));
  write(sandbox.stdout_file, "out");
  write(sandbox.stderr_file, "err");
  live_ = false;
  server_->on_task_ended(kFramework, "t");
  bool first = false;
  bool second = false;
  ASSERT_TRUE(loop_.run_until([&] {
    received(&first, 1);
    received(&second, 2);
    return first && second;
  }));
  EXPECT_EQ(received(&first, 1), "out");
  EXPECT_EQ(received(&second, 2), "err");
}

TEST_F(LogServerTest, UnknownTasksAreRefusedAndTheSessionGoesOn) {
  const Sandbox sandbox = make_sandbox("t");
  write(sandbox.stdout_file, "x");
  greet();
  ask("nobody", false, 5);
  const core::Refusal refusal = wait_refusal();
  EXPECT_EQ(refusal.code, core::RefusalCode::kNotFound);
  EXPECT_THAT(std::string(refusal.message), HasSubstr("nobody"));
  EXPECT_EQ(peer_->frames.back().correlation, 5u);
  live_ = false;
  ask("t", false);
  EXPECT_EQ(wait_end(), "x");
}

TEST_F(LogServerTest, TheNumberOfReadsIsBounded) {
  const Sandbox sandbox = make_sandbox("t");
  greet();
  for (std::uint32_t i = 0; i <= LogServer::kMaxReadsPerConnection; ++i) ask("t", true, i + 1);
  EXPECT_EQ(wait_refusal().code, core::RefusalCode::kOverloaded);
  EXPECT_EQ(server_->reads(), LogServer::kMaxReadsPerConnection);
  peer_.reset();  // gone: nothing is kept for it
  EXPECT_TRUE(loop_.run_until([&] { return server_->reads() == 0; }));
}

TEST_F(LogServerTest, OnlyLogReadersGetIn) {
  peer_->hello(core::PeerKind::kFramework);
  const core::Refusal refusal = wait_refusal();
  EXPECT_EQ(refusal.code, core::RefusalCode::kNotExpected);
  EXPECT_THAT(std::string(refusal.message), HasSubstr("master"));
  EXPECT_TRUE(loop_.run_until([&] { return peer_->closes > 0; }));
}

TEST_F(LogServerTest, ReadingBeforeHelloIsRefused) {
  ask("t", false);
  EXPECT_EQ(wait_refusal().code, core::RefusalCode::kNotExpected);
  EXPECT_TRUE(loop_.run_until([&] { return peer_->closes > 0; }));
}

TEST_F(LogServerTest, CommandsAreNotForThisPort) {
  greet();
  peer_->send(core::Teardown{}, 3);
  EXPECT_EQ(wait_refusal().code, core::RefusalCode::kNotExpected);
  EXPECT_TRUE(loop_.run_until([&] { return peer_->closes > 0; }));
}

TEST_F(LogServerTest, ALinkInPlaceOfTheLogIsNotFollowed) {
  const Sandbox sandbox = make_sandbox("t");
  std::filesystem::remove(sandbox.path + "/stdout");
  std::filesystem::create_symlink("/etc/passwd", sandbox.path + "/stdout");
  greet();
  ask("t", false);
  EXPECT_EQ(wait_refusal().code, core::RefusalCode::kInvalid);
}

TEST_F(LogServerTest, ATruncatedLogIsReadFromItsStart) {
  const Sandbox sandbox = make_sandbox("t");
  write(sandbox.stdout_file, "old text\n");
  greet();
  ask("t", true);
  ASSERT_TRUE(loop_.run_until([&] { return !peer_->frames.empty(); }));
  peer_->frames.clear();
  ASSERT_EQ(::ftruncate(sandbox.stdout_file.get(), 0), 0);
  bool ended = false;
  loop_.run_until([&] { return true; });
  write(sandbox.stdout_file, "new\n");
  ASSERT_TRUE(loop_.run_until([&] { return received(&ended) == "new\n"; }));
}

}  // namespace
}  // namespace shoal::agent
