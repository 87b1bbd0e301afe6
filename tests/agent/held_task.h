// Tasks that are held as an agent would, on machines where that is possible.
#pragma once

#include <fmt/core.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "agent/isolation.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {

class HeldTaskTest : public TaskTest {
 protected:
  void TearDown() override {
    TaskTest::TearDown();
    if (isolation_ == nullptr || isolation_->cgroups() == nullptr) return;
    isolation_->cgroups()->end_all_but({});
    isolation_->cgroups()->close();
  }

  // False, with the reason in why_not_: not on this machine, or not by this user.
  bool hold(const std::string& switches, std::uint32_t max_pids = 0, bool cpu_quota = false,
            const std::string& task_user = "") {
    IsolationOptions options;
    options.switches = *parse_isolation(switches);
    options.data_dir = data_.path();
    options.supervisor = supervisor_program();
    options.task_user = task_user;
    options.devices = devices_;
    options.cgroups.root = "shoal-test";
    options.cgroups.data_dir = data_.path();
    options.cgroups.cpus = 1000;
    options.cgroups.max_pids = max_pids;
    options.cgroups.cpu_quota = cpu_quota;
    auto opened = TaskIsolation::open(options);
    if (!opened.ok()) {
      why_not_ = std::string(opened.status().message());
      return false;
    }
    isolation_ = *std::move(opened);
    return true;
  }

  SpawnRequest held(std::vector<std::string> arguments, bool shell = false,
                    std::string_view resources = "cpus:1", const TaskUser* user = nullptr) {
    SpawnRequest wanted = request(std::move(arguments), shell);
    run_ = fmt::format("run-{}", run_count_);
    isolation_->apply(run_, resources_of(resources), user, &wanted);
    return wanted;
  }
  ExitStatus run_held(const std::string& line, std::string_view resources = "cpus:1") {
    return run(held({line}, true, resources));
  }
  // What a line of shell prints.
  std::string output_of(const std::string& line) {
    out_ = UniqueFd(::open((folder_.path() + "/stdout").c_str(),
                           O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
    run_held(line);
    return folder_.read("stdout");
  }
  // The same, of a task that asks for more; its working directory stays writable.
  std::string output_with(const wire::TaskDescription& task, const std::string& line) {
    out_ = UniqueFd(::open((folder_.path() + "/stdout").c_str(),
                           O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
    SpawnRequest wanted = held({line}, true);
    const absl::Status applied = isolation_->apply_wishes(task, {folder_.path()}, &wanted);
    EXPECT_TRUE(applied.ok()) << applied;
    run(wanted);
    return folder_.read("stdout");
  }
  CgroupUsage usage() const { return isolation_->cgroups()->usage(run_); }

  TempFolder data_;
  std::string devices_;  // that hold() lets tasks have, beside the usual ones
  std::unique_ptr<TaskIsolation> isolation_;
  std::string why_not_;
  std::string run_;  // of the last request
};

// How many processes have this word among their arguments.
inline int count_processes(const std::string& word) {
  int count = 0;
  for (const pid_t pid : all_processes()) {
    std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(in)), {});
    if (line.find(word) != std::string::npos) ++count;
  }
  return count;
}

}  // namespace shoal::agent
