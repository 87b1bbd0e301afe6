// A folder of its own for each test, and short ways to start a task and wait for it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

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

class TaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto spawner = Spawner::create();
    ASSERT_TRUE(spawner.ok()) << spawner.status();
    spawner_.emplace(*std::move(spawner));
    out_ = UniqueFd(::open((folder_.path() + "/stdout").c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    err_ = UniqueFd(::open((folder_.path() + "/stderr").c_str(),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  }

  SpawnRequest request(std::vector<std::string> arguments, bool shell = false) const {
    SpawnRequest wanted;
    wanted.arguments = std::move(arguments);
    wanted.shell = shell;
    wanted.working_directory = folder_.path();
    wanted.stdout_fd = out_.get();
    wanted.stderr_fd = err_.get();
    return wanted;
  }

  SpawnedProcess start(const SpawnRequest& wanted) {
    SpawnResult result = spawner_->spawn(wanted);
    EXPECT_TRUE(result.ok()) << result.error.message;
    return result.ok() ? *std::move(result.process) : SpawnedProcess{};
  }
  SpawnedProcess start_shell(const std::string& line) { return start(request({line}, true)); }

  static ExitStatus wait(const SpawnedProcess& process) {
    EXPECT_TRUE(wait_readable(process.pidfd.get()));
    const auto status = wait_exited(process.pidfd);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() && status->has_value() ? **status : ExitStatus{true, -1, false};
  }

  ExitStatus run(const SpawnRequest& wanted) { return wait(start(wanted)); }
  ExitStatus run_shell(const std::string& line) { return wait(start_shell(line)); }

  TempFolder folder_;
  std::optional<Spawner> spawner_;
  UniqueFd out_;
  UniqueFd err_;
};

}  // namespace shoal::agent
