// The cgroups of tasks: one for each run, in every hierarchy that is needed, below
//
//   <mount point>/<root>/<agent>/<run uuid>
//
// with <agent> named after the data folder's device and inode, so that agents which share a machine
// touch none but their own. Version 1, version 2, and both at once: a limit is set where the kernel
// has its controller, and a task is killed by cgroup.kill (version 2, Linux 5.14), else by the
// freezer, else process by process. The supervisor makes the folders of a run, and removes them
// (agent/supervisor/record.h, settings); it is in none of them itself.
//
// Threads: the reactor's; usage() and end() from any. Calls read and write a few small files of the
// kernel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "agent/device_rules.h"
#include "core/resources.h"

namespace shoal::agent {

// Less is raised to it: the kernel counts page tables, stacks and the files that a task reads
// first.
inline constexpr std::uint64_t kMinTaskMemory = std::uint64_t{32} << 20;
inline constexpr std::int64_t kCpuPeriodUs = 100'000;

// Where the kernel has its controllers, by /proc/self/mountinfo.
struct CgroupMounts {
  std::map<std::string, std::string> v1;  // controller -> mount point
  std::string v2;                         // mount point; empty: none
};
CgroupMounts parse_cgroup_mounts(std::string_view mountinfo);

// What a run uses now. Without a value: that controller is not there.
struct CgroupUsage {
  std::optional<std::uint64_t> cpu_ns;  // processor time so far, of processes that have ended too
  std::optional<std::uint64_t> cpu_user_ns;  // its two parts
  std::optional<std::uint64_t> cpu_system_ns;
  std::optional<std::uint64_t> throttled_ns;  // how long it was held by its quota
  std::optional<std::uint64_t> memory_bytes;  // with what it has cached of files
  std::optional<std::uint64_t> memory_peak_bytes;
  std::optional<std::uint64_t> oom_kills;
  std::optional<std::uint64_t> processes;  // and threads
  // From and to disks; version 2 alone, as version 1 does not count what is written later.
  std::optional<std::uint64_t> read_bytes;
  std::optional<std::uint64_t> written_bytes;
};

// The sum of "key=number" over the lines of io.stat.
std::uint64_t parse_io_stat(std::string_view text, std::string_view key);

struct CgroupOptions {
  std::string root = "shoal";  // below each mount point: "a/b"
  std::string data_dir;        // absolute, and there
  core::Milli cpus = 0;        // of the agent: its tasks' part of the machine
  std::uint32_t max_pids = 0;  // processes and threads of one task; 0: no limit
  bool cpu_quota = false;      // a task gets no more processor time than it has asked for
  // The device files that tasks may open; nullopt: any.
  std::optional<std::vector<DeviceRule>> devices;
};

// INVALID_ARGUMENT unless it is a path of plain names, which stays below where it begins.
absl::Status check_cgroup_root(std::string_view root);

class Cgroups {
 public:
  // Makes the folders of this agent. INVALID_ARGUMENT: the root. UNAVAILABLE: there are no cgroups,
  // or none that this user may make; one line.
  static absl::StatusOr<Cgroups> open(const CgroupMounts& mounts, const CgroupOptions& options);
  // Of this machine.
  static absl::StatusOr<Cgroups> open(const CgroupOptions& options);

  // Settings for the supervisor: the cgroups of a run that has these resources.
  std::vector<std::string> settings(std::string_view run_uuid,
                                    const core::Resources& resources) const;
  CgroupUsage usage(std::string_view run_uuid) const;

  // Kills what is in the cgroups of a run, and removes them as far as it has ended. True: they are
  // gone.
  bool end(std::string_view run_uuid) const;
  // The same for every run of this data folder that is not spared, with patience: two seconds at
  // most. How many there were. For the start.
  std::size_t end_all_but(const absl::flat_hash_set<std::string>& spared) const;
  // Removes this agent's folders if no run has any.
  void close() const;

  // "cgroup v1: cpu, cpuacct, memory, pids; killed by cgroup.kill"
  std::string to_string() const;
  // "memory", … : what is not limited, because the controller is not there or not ours to use. Of
  // devices, if they are to be limited, with the reason.
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  struct Hierarchy {
    std::string folder;  // of this agent
    bool is_v2 = false;
    std::vector<std::string> controllers;
    bool has(std::string_view controller) const;
  };

  explicit Cgroups(CgroupOptions options) : options_(std::move(options)) {}
  void add(std::string_view mount, bool is_v2, const std::vector<std::string>& controllers,
           const std::string& agent);
  void hold_devices(const CgroupMounts& mounts,
                    std::map<std::string, std::vector<std::string>>& by_mount);
  void find_missing();
  std::vector<std::string> runs() const;

  CgroupOptions options_;
  std::vector<Hierarchy> hierarchies_;  // the one to kill by first
  bool has_kill_ = false;
  std::vector<std::string> missing_;
  std::map<std::string, std::string> why_missing_;  // of a v2 controller that is not handed down
  std::string why_not_;     // of a hierarchy that cannot be used, the last one
  std::string no_devices_;  // why they are not limited
};

}  // namespace shoal::agent
