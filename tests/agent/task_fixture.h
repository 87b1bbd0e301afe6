// A folder of its own for each test, and short ways to start a task and wait for it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "agent/checkpoint.h"
#include "agent/process.h"
#include "agent/spawner.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

inline constexpr int kPatienceMs = 20'000;  // only a broken test waits this long

// Until the descriptor is readable; a pidfd is when its process has ended.
inline bool wait_readable(int fd, int timeout_ms = kPatienceMs) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, timeout_ms) == 1;
}

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "shoal_agent_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) abort();
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

  std::string write(const std::string& name, const std::string& text, int mode = 0644) const {
    std::string file = path_ + "/" + name;
    std::ofstream(file) << text;
    ::chmod(file.c_str(), static_cast<mode_t>(mode));
    return file;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path_ + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

inline std::string supervisor_program() { return SHOAL_BINARY_DIR "/shoal-supervisor"; }

// A task under its supervisor.
struct StartedTask {
  Supervised supervised;
  pid_t leader = -1;
  std::string run_folder;
  const UniqueFd& supervisor() const { return supervised.process.pidfd; }
  void signal(int signo) const { EXPECT_TRUE(send_signal(supervisor(), signo)); }
};

class TaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto spawner = Spawner::create(supervisor_program());
    ASSERT_TRUE(spawner.ok()) << spawner.status();
    spawner_.emplace(*std::move(spawner));
    out_ = UniqueFd(::open((folder_.path() + "/stdout").c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    err_ = UniqueFd(::open((folder_.path() + "/stderr").c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }

  // What a test has not waited for is no child of the next.
  void TearDown() override {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }

  SpawnRequest request(std::vector<std::string> arguments, bool shell = false) {
    SpawnRequest wanted;
    wanted.arguments = std::move(arguments);
    wanted.shell = shell;
    wanted.working_directory = folder_.path();
    wanted.stdout_fd = out_.get();
    wanted.stderr_fd = err_.get();
    wanted.run_folder = runs_.path() + "/" + std::to_string(++run_count_);
    std::filesystem::create_directory(wanted.run_folder);
    wanted.boot_id = read_boot_id();
    return wanted;
  }

  StartedTask start(const SpawnRequest& wanted) {
    SpawnResult result = spawner_->spawn(wanted);
    EXPECT_TRUE(result.ok()) << result.error.message;
    if (!result.ok()) return {};
    StartedTask task{*std::move(result.supervised), -1, wanted.run_folder};
    EXPECT_TRUE(wait_readable(task.supervised.report.get()));
    const StartResult started = read_start(task.supervised);
    EXPECT_EQ(started.outcome, StartResult::Outcome::kStarted) << started.error.message;
    task.leader = started.leader;
    task.supervised.report.reset();
    return task;
  }
  StartedTask start_shell(const std::string& line) { return start(request({line}, true)); }

  // Why it does not start, at whichever stage; no process is left of it.
  SpawnError failure(const SpawnRequest& wanted) {
    const SpawnResult result = spawner_->spawn(wanted);
    if (!result.ok()) return result.error;
    EXPECT_TRUE(wait_readable(result.supervised->report.get()));
    const StartResult started = read_start(*result.supervised);
    EXPECT_EQ(started.outcome, StartResult::Outcome::kFailed);
    EXPECT_TRUE(wait_readable(result.supervised->process.pidfd.get()));
    EXPECT_TRUE(wait_exited(result.supervised->process.pidfd)->has_value());
    return started.error;
  }

  // What the supervisor has written when it has ended.
  static absl::StatusOr<ExitRecord> read_exit_file(const std::string& run_folder) {
    std::ifstream in(run_folder + "/exit", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    return decode_exit_record(
        wire::Bytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  }
  static ExitStatus wait(const StartedTask& task) {
    EXPECT_TRUE(wait_readable(task.supervisor().get()));
    const auto status = wait_exited(task.supervisor());
    EXPECT_TRUE(status.ok()) << status.status();
    const auto record = read_exit_file(task.run_folder);
    EXPECT_TRUE(record.ok()) << record.status();
    return record.ok() ? record->exit : ExitStatus{true, -1, false};
  }

  ExitStatus run(const SpawnRequest& wanted) { return wait(start(wanted)); }
  ExitStatus run_shell(const std::string& line) { return wait(start_shell(line)); }

  // Blocks until a task has made the fifo readable: it writes one line to it.
  void make_fifo(const std::string& name) {
    ASSERT_EQ(::mkfifo((folder_.path() + "/" + name).c_str(), 0600), 0);
  }
  std::string wait_for_line(const std::string& fifo) {
    std::ifstream in(folder_.path() + "/" + fifo);
    std::string line;
    std::getline(in, line);
    return line;
  }
  static bool is_alive(pid_t pid) {
    const auto stat = read_proc_stat(pid);
    return stat.has_value() && !stat->ended();
  }

  TempFolder folder_;
  TempFolder runs_;
  int run_count_ = 0;
  std::optional<Spawner> spawner_;
  UniqueFd out_;
  UniqueFd err_;
};

}  // namespace shoal::agent
