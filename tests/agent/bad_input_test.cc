// Tasks that cannot be started, disks that cannot be written and clocks that jump, as the agent
// meets them: the status says why, and other tasks do not notice.
#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "net/clock.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/stepped_clock.h"

namespace shoal::agent {
namespace {

using core::TaskState;
using testing::HasSubstr;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(all, std::filesystem::directory_iterator{}));
}

class BadInputTest : public AgentTest {
 protected:
  void run(const std::string& task, const wire::TaskDescription& description) {
    const auto bytes = wire::encode_task_description(description);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    core::RunTask message;
    message.framework = kFramework;
    message.task = {task, task, resources_of("cpus:0.1;mem:1"), *bytes, {}};
    send_message(*master_.agent(), message);
  }
  // One that says a line for each line that it is sent.
  void start_healthy() {
    ASSERT_EQ(::mkfifo((folder_.path() + "/ask").c_str(), 0600), 0);
    master_.run("healthy", "exec cat < " + folder_.path() + "/ask");
    ask_ = UniqueFd(::open((folder_.path() + "/ask").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("healthy"); }));
  }
  void expect_healthy(const std::string& word) {
    const std::string line = word + "\n";
    ASSERT_EQ(::write(ask_.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    EXPECT_TRUE(loop_.run_until([&] {
      loop_.reactor().run_again();
      return output("healthy").find(word) != std::string::npos;
    }));
    EXPECT_TRUE(master_.is_running("healthy"));
  }

  UniqueFd ask_;  // also its other end: opening it waits for nobody
};

struct BadTask {
  const char* name;
  std::function<void(wire::TaskDescription&)> spoil;
  const char* why;
};

std::vector<BadTask> bad_tasks() {
  using Task = wire::TaskDescription;
  return {
      {"no-program", [](Task& task) { task.command = "/no/such/program"; }, "/no/such/program"},
      {"long-argument", [](Task& task) { task.arguments = {std::string(200'000, 'x')}; },
       "too long"},
      {"missing-folder", [](Task& task) { task.working_directory = "/no/such/folder"; },
       "/no/such/folder"},
      {"file-for-folder", [](Task& task) { task.working_directory = "/bin/sh"; }, "/bin/sh"},
      {"unknown-user", [](Task& task) { task.user = "no-such-user-here"; }, "no-such-user-here"},
      {"missing-path", [](Task& task) { task.read_only_paths = {"/no/such/path"}; }, "read-only"},
  };
}

TEST_F(BadInputTest, EachBadTaskSaysWhyAndNobodyElseNotices) {
  start_and_wait();
  start_healthy();
  const std::size_t descriptors = open_descriptors();
  for (const BadTask& bad : bad_tasks()) {
    SCOPED_TRACE(bad.name);
    wire::TaskDescription task;
    task.command = "/bin/true";
    bad.spoil(task);
    run(bad.name, task);
    ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended(bad.name); }));
    EXPECT_EQ(master_.states[bad.name].back(), TaskState::kFailed);
    EXPECT_THAT(master_.texts[bad.name], HasSubstr(bad.why));
    EXPECT_LT(master_.texts[bad.name].size(), 1100u);
    expect_healthy(bad.name);
  }
  EXPECT_TRUE(loop_.run_until([&] { return runs_on_disk() == 1; })) << "records are left";
  EXPECT_TRUE(loop_.run_until([&] { return open_descriptors() <= descriptors; }));
}

TEST_F(BadInputTest, ManyArgumentsReachTheTask) {
  start_and_wait();
  wire::TaskDescription task;
  task.command = "sh";
  task.arguments = {"-c", "echo $#; echo ${#1}", "sh"};
  task.arguments.insert(task.arguments.end(), 20, std::string(10'000, 'x'));
  run("t", task);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kFinished) << master_.texts["t"];
  EXPECT_EQ(output("t"), "20\n10000\n");
}

// A file system of its own for the data folder, as long as it lives.
class Disk {
 public:
  Disk(const std::string& path, const char* options) : path_(path) {
    std::filesystem::create_directories(path);
    mounted_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, options) == 0;
  }
  ~Disk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(BadInputTest, OnAFullDiskNewTasksFailAndTheOthersEndTruly) {
  const Disk disk(options().data_dir, "size=4m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
  AgentOptions on_it = options();
  on_it.isolation = "none";
  start_and_wait(on_it);
  start_healthy();
  ASSERT_EQ(::mkfifo((folder_.path() + "/ask2").c_str(), 0600), 0);
  UniqueFd ask2(::open((folder_.path() + "/ask2").c_str(), O_RDWR | O_CLOEXEC));
  master_.run("ends", "read x < " + folder_.path() + "/ask2; exit 7");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("ends"); }));
  {
    std::ofstream fill(data("fill"), std::ios::binary);
    const std::string block(4096, 'x');
    while (fill.write(block.data(), 4096).flush()) {
    }
  }
  master_.run("new", "exit 0");
  // The update waits for room too: the agent's log says so. It is not told before it is on disk.
  ASSERT_EQ(::write(ask2.get(), "go\n", 3), 3);
  int heartbeats = master_.heartbeats;
  ASSERT_TRUE(loop_.run_until([&] { return master_.heartbeats > heartbeats + 10; }));
  std::filesystem::remove(data("fill"));
  ASSERT_TRUE(
      loop_.run_until([&] { return master_.has_ended("new") && master_.has_ended("ends"); }));
  EXPECT_EQ(master_.texts["ends"], "exited with 7");
  EXPECT_EQ(master_.states["new"].back(), TaskState::kFailed);
  EXPECT_THAT(master_.texts["new"], HasSubstr("disk is full"));
  expect_healthy("after");
  agent_->shutdown();
  ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
  agent_.reset();
}

TEST_F(BadInputTest, OnAReadOnlyDiskNewTasksFailAndTheOthersRunOn) {
  start_and_wait();
  start_healthy();
  {
    // Over the folder of sandboxes only: the kernel makes no disk read-only under open files.
    const Disk disk(data("sandboxes"), "size=1m,ro");
    if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
    master_.run("new", "exit 0");
    ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("new"); }));
    EXPECT_EQ(master_.states["new"].back(), TaskState::kFailed);
    EXPECT_THAT(master_.texts["new"], HasSubstr("read-only"));
  }
  expect_healthy("after");
}

TEST_F(BadInputTest, AnAgentDoesNotStartOnAReadOnlyDisk) {
  const Disk disk(options().data_dir, "size=1m,ro");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
  EXPECT_THAT(std::string(create_error(options()).message()),
              testing::AllOf(HasSubstr(options().data_dir), HasSubstr("read-only")));
}

TEST_F(BadInputTest, AClockThatJumpsChangesNothing) {
  start_and_wait();
  start_healthy();
  const std::int64_t before = net::wall_now_ms();
  SteppedClock clock;
  constexpr std::chrono::hours kYear{24 * 365};
  int jumps = 0;
  for (const std::chrono::seconds by : {std::chrono::seconds(kYear), std::chrono::seconds(-kYear),
                                        std::chrono::seconds(1), std::chrono::seconds(0)}) {
    clock.step(by);
    ASSERT_NEAR(static_cast<double>(net::wall_now_ms() - before),
                static_cast<double>(by.count()) * 1000, 60'000);
    const int heartbeats = master_.heartbeats;
    ASSERT_TRUE(loop_.run_until([&] { return master_.heartbeats > heartbeats + 3; }));
    const std::string name = fmt::format("t{}", jumps++);
    master_.max_completion_ms = 60'000;
    master_.run(name, "trap '' TERM; echo up; while :; do sleep 0.01; done", "cpus:0.1", 100);
    ASSERT_TRUE(loop_.run_until([&] {
      loop_.reactor().run_again();
      return output(name) == "up\n" && master_.is_running(name);
    }));
    const auto asked = std::chrono::steady_clock::now();
    send_message(*master_.agent(), core::KillTask{kFramework, {}, name, -1});
    ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended(name); }));
    EXPECT_GE(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(100));
    EXPECT_EQ(master_.states[name].back(), TaskState::kKilled) << master_.texts[name];
    expect_healthy(name);
  }
  EXPECT_EQ(master_.registrations, 1) << "the session has gone on";
  EXPECT_TRUE(std::filesystem::exists(data("sandboxes/" + core::to_string(kFramework) + "/t0")));
}

}  // namespace
}  // namespace shoal::agent
