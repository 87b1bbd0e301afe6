// What tasks use, from /proc: the sum over the family of each task's supervisor, to which what the
// task orphans belongs. One look at every process of the machine serves all tasks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/task_usage.h"

namespace shoal::agent {

// Some fields of one /proc/PID/stat line.
struct ProcessUsage {
  pid_t pid = -1;
  pid_t parent = -1;
  char state = '?';
  std::uint64_t user_ticks = 0;  // of the clock
  std::uint64_t system_ticks = 0;
  std::uint64_t children_user_ticks = 0;  // of those that have ended and were waited for
  std::uint64_t children_system_ticks = 0;
  std::uint32_t threads = 0;
  std::uint64_t rss_pages = 0;
};
// nullopt: malformed.
std::optional<ProcessUsage> parse_process_usage(std::string_view line);

// read_bytes and write_bytes of one /proc/PID/io; 0 for what is not in it.
std::pair<std::uint64_t, std::uint64_t> parse_process_io(std::string_view text);

class ProcTaskUsage final : public TaskUsage {
 public:
  // `proc`: a folder like /proc.
  explicit ProcTaskUsage(std::string proc = "/proc") : proc_(std::move(proc)) {}

  std::vector<std::optional<UsageOfTask>> read(const std::vector<SupervisedTask>& tasks) override;

 private:
  std::string proc_;
};

}  // namespace shoal::agent
