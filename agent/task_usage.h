// What tasks use, as the kernel counts it. Where the figures come from is the implementation's:
// agent/proc_usage.h finds the processes of each, agent/cgroup_usage.h asks their cgroups.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/sandbox.h"
#include "core/ids.h"

namespace shoal::agent {

// A task that runs here, as its supervisor.
struct SupervisedTask {
  core::FrameworkId framework;
  SandboxId id;
  pid_t supervisor = -1;
};

struct UsageOfTask {
  // Since its start.
  std::uint64_t cpu_user_us = 0;
  std::uint64_t cpu_system_us = 0;
  std::uint64_t read_bytes = 0;  // from and to disks
  std::uint64_t written_bytes = 0;
  // Now.
  std::uint64_t rss_bytes = 0;  // pages that processes share are counted for each
  std::uint32_t processes = 0;
  std::uint32_t threads = 0;
  // Where a cgroup counts it. Since its start, how long its quota held it; now, with what it has
  // cached of files; the most of that so far.
  std::optional<std::uint64_t> throttled_us = std::nullopt;
  std::optional<std::uint64_t> memory_bytes = std::nullopt;
  std::optional<std::uint64_t> memory_peak_bytes = std::nullopt;
};

class TaskUsage {
 public:
  virtual ~TaskUsage() = default;

  // In the order of `tasks`; nullopt: it is gone. Blocks: called away from the loop, never twice at
  // a time.
  virtual std::vector<std::optional<UsageOfTask>> read(
      const std::vector<SupervisedTask>& tasks) = 0;
};

}  // namespace shoal::agent
