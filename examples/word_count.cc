// Counts the words of many files on the cluster: the list on stdin is cut into groups, every group
// is a task that prints "COUNT WORD" lines, and the counts are read back from the agents and
// merged.
//
//   git ls-files | sed "s|^|$PWD/|" | word_count [GROUPS]     GROUPS: 64 unless told
//
// The agents must see the files under the same names: a cluster of one machine, or a shared disk.
// Shows: launching many tasks, retrying those that could not start, reading logs, progress.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/text.h"
#include "net/clock.h"
#include "net/timer.h"
#include "sdk/log_client.h"
#include "sdk/scheduler_driver.h"

namespace core = shoal::core;
namespace net = shoal::net;
namespace sdk = shoal::sdk;
namespace wire = shoal::wire;

namespace {

constexpr const char* kCount =
    "cat -- \"$@\" | tr -cs 'A-Za-z' '\\n' | tr 'A-Z' 'a-z' | sort | uniq -c";

struct Group {
  std::vector<std::string> files;
  std::string task;     // the id of the present attempt
  std::string address;  // of the agent that has its output
  int attempts = 0;
  bool waits = true;  // for an offer
  std::string output;
};

class WordCount : public sdk::Scheduler {
 public:
  explicit WordCount(std::vector<Group> groups) : groups_(std::move(groups)) {
    need_.cpus = 100;    // in thousandths: 0.1 cores
    need_.mem = 16'000;  // and 16 MiB
  }

  void attach(sdk::SchedulerDriver& driver) { host_ = &driver; }
  // What lives on the driver's reactor goes before it.
  void detach() {
    retries_.clear();
    logs_.clear();
  }
  bool succeeded() const { return failure_.empty() && done_ == groups_.size(); }
  const std::string& failure() const { return failure_; }
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  std::size_t agents() const { return logs_used_; }

  void offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) override {
    for (const sdk::Offer& offer : offers) {
      std::vector<sdk::TaskSpec> tasks;
      core::Resources free = offer.resources;
      for (Group& group : groups_) {
        if (!group.waits || tasks.size() == 16) continue;
        if (!free.contains(need_)) break;
        free -= need_;
        tasks.push_back(launch(group, offer));
      }
      if (tasks.empty()) {
        driver.decline({&offer, 1});
      } else if (auto status = driver.accept({&offer, 1}, tasks, core::Duration::zero());
                 !status.ok()) {
        return fail(driver, status.ToString());
      }
    }
  }

  void update(sdk::Driver& driver, const sdk::TaskStatus& status) override {
    const auto group = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const Group& each) { return each.task == status.task; });
    if (group == groups_.end() || !status.is_terminal()) return;
    if (status.state == core::TaskState::kFinished) return read_output(driver, *group);
    if (status.exit_code.has_value() || status.exit_signal.has_value() || group->attempts >= 5) {
      return fail(driver, fmt::format("{}: {} {}", status.task, core::name_of(status.state),
                                      status.message));
    }
    group->waits = true;  // it never ran: again
    driver.revive();
  }

  void refused(sdk::Driver& driver, core::RefusalCode code, std::string_view message) override {
    if (code != core::RefusalCode::kInvalidOffer) fail(driver, std::string(message));
  }

 private:
  sdk::TaskSpec launch(Group& group, const sdk::Offer& offer) {
    group.waits = false;
    group.address = offer.address;
    group.task = fmt::format("words-{}.{}", &group - groups_.data(), group.attempts++);
    sdk::TaskSpec task{.id = group.task, .name = "words", .resources = need_};
    task.description.command = "/bin/sh";
    task.description.arguments = {"-c", kCount, "sh"};
    for (const std::string& file : group.files) task.description.arguments.push_back(file);
    return task;
  }

  void read_output(sdk::Driver& driver, Group& group) {
    auto& logs = logs_[group.address];
    if (logs == nullptr) {
      const auto address = sdk::parse_log_address(group.address);
      if (!address.ok()) return fail(driver, address.status().ToString());
      logs = std::make_unique<sdk::LogClient>(host_->reactor(), *address);
      ++logs_used_;
    }
    logs->read({.framework = driver.framework_id(), .task = group.task, .follow = true},
               {.on_data =
                    [&group](wire::Bytes bytes) {
                      group.output.append(reinterpret_cast<const char*>(bytes.data()),
                                          bytes.size());
                    },
                .on_end =
                    [this, &driver, &group](const absl::Status& status) {
                      if (absl::IsResourceExhausted(status)) return read_again(driver, group);
                      if (!status.ok()) return fail(driver, status.ToString());
                      merge(group);
                      show_progress();
                      if (++done_ == groups_.size()) finish(driver);
                    }});
  }

  // The agent serves as many readers as it can: a moment later there is room.
  void read_again(sdk::Driver& driver, Group& group) {
    group.output.clear();
    retries_.push_back(std::make_unique<net::Timer>(
        host_->reactor(), [this, &driver, &group] { read_output(driver, group); }));
    retries_.back()->start(std::chrono::milliseconds(50));
  }

  void merge(Group& group) {
    for (const std::string_view line : core::split(group.output, '\n')) {
      const std::size_t blank = line.find(' ');
      std::uint64_t count = 0;
      if (blank == std::string_view::npos || !core::parse_int(line.substr(0, blank), &count)) {
        continue;
      }
      counts_[std::string(line.substr(blank + 1))] += count;
    }
    group.output.clear();
  }

  // A bar on a terminal, a line now and then elsewhere. Called before done_ counts the group.
  void show_progress() const {
    const std::size_t done = done_ + 1;
    const std::size_t all = groups_.size();
    if (::isatty(STDERR_FILENO) == 1) {
      const std::size_t width = 40 * done / all;
      fmt::print(stderr, "\r  [{:<40}] {}/{} tasks{}", std::string(width, '#'), done, all,
                 done == all ? "\n" : "");
    } else if (done * 4 / all != done_ * 4 / all) {
      fmt::print(stderr, "  {}/{} tasks\n", done, all);
    }
  }

  void fail(sdk::Driver& driver, std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
    finish(driver);
  }

  void finish(sdk::Driver& driver) { driver.teardown(); }

  std::vector<Group> groups_;
  core::Resources need_;  // of each task
  sdk::SchedulerDriver* host_ = nullptr;
  std::map<std::string, std::unique_ptr<sdk::LogClient>> logs_;  // by address
  std::vector<std::unique_ptr<net::Timer>> retries_;
  std::map<std::string, std::uint64_t> counts_;
  std::size_t logs_used_ = 0;
  std::size_t done_ = 0;
  std::string failure_;
};

std::vector<Group> read_groups(std::size_t count) {
  std::vector<std::string> files;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) files.push_back(line);
  }
  std::vector<Group> groups(std::min(count, files.size()));
  for (std::size_t i = 0; i < files.size(); ++i)
    groups[i % groups.size()].files.push_back(files[i]);
  return groups;
}

void print_result(const WordCount& job, std::size_t files, std::size_t tasks, double seconds) {
  std::uint64_t total = 0;
  std::vector<std::pair<std::uint64_t, std::string>> top;
  for (const auto& [word, count] : job.counts()) {
    total += count;
    if (word.size() > 3) top.emplace_back(count, word);
  }
  std::sort(top.rbegin(), top.rend());
  fmt::print("{} words, {} different, in {} files: {} tasks on {} agents in {:.2f} s\n", total,
             job.counts().size(), files, tasks, job.agents(), seconds);
  fmt::print("the most frequent of more than three letters:\n");
  for (std::size_t i = 0; i < std::min<std::size_t>(10, top.size()); ++i) {
    fmt::print("  {:>7}  {}\n", top[i].first, top[i].second);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 64;
  if (argc > 1 && (!core::parse_int(std::string_view(argv[1]), &count) || count == 0)) {
    fmt::print(stderr, "usage: … | word_count [GROUPS]\n");
    return 2;
  }
  std::vector<Group> groups = read_groups(count);
  if (groups.empty()) {
    fmt::print(stderr, "word_count: no file names on stdin\n");
    return 2;
  }
  std::size_t files = 0;
  for (const Group& group : groups) files += group.files.size();
  const std::size_t tasks = groups.size();
  const char* master = std::getenv("SHOAL_MASTER");
  WordCount job(std::move(groups));
  const core::TimePoint start = net::monotonic_now();
  auto driver = sdk::SchedulerDriver::create(
      {.masters = {master != nullptr ? master : "127.0.0.1:7070"},
       .info = {.name = "word count", .failover_timeout = std::chrono::seconds(5)},
       .wait_for_master = false},
      &job);
  absl::Status status = driver.status();
  if (status.ok()) {
    job.attach(**driver);
    status = (*driver)->run();
    job.detach();
  }
  if (!status.ok() || !job.succeeded()) {
    fmt::print(stderr, "word_count: {}\n",
               job.failure().empty() ? status.ToString() : job.failure());
    return 1;
  }
  const std::chrono::duration<double> took = net::monotonic_now() - start;
  print_result(job, files, tasks, took.count());
  return 0;
}
