// How this agent holds its tasks: what the operator wants, what the machine and the agent's rights
// allow, and what follows for one task. What is possible is found out by doing it: at the start a
// process that does nothing is held as a task would be.
//
// Threads: the reactor's; apply_wishes() from any, as it looks at files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/cgroup.h"
#include "agent/spawner.h"
#include "agent/task_user.h"
#include "agent/unique_fd.h"
#include "core/resources.h"
#include "wire/task_description.h"

namespace shoal::agent {

struct IsolationSwitches {
  bool cgroup = false;        // limits, and a kill that nothing escapes
  bool namespaces = false;    // pid, mount, IPC, UTS, cgroup
  bool seccomp = false;       // agent/seccomp_filter.h
  bool capabilities = false;  // all but kKeptCapabilities are dropped, for good
  bool devices = false;       // IsolationOptions::devices alone may be opened; needs cgroup
  bool private_tmp = false;   // an empty /tmp of its own, in memory; needs namespaces
  bool user = false;          // a user namespace with nobody but the task's own user
  bool is_auto = false;       // the first five, where they are possible

  bool any() const { return cgroup || namespaces || seccomp || capabilities || user; }
};

// "auto", "none", or names joined by commas: cgroup, namespaces, seccomp, capabilities, devices,
// tmp, user; the last two may follow auto. Errors: INVALID_ARGUMENT.
absl::StatusOr<IsolationSwitches> parse_isolation(std::string_view text);

// chown, dac_override, fowner, fsetid, kill, setgid, setuid, net_bind_service: what a command of
// root's takes for granted on its own files and ports. Other users have none.
inline constexpr std::uint64_t kKeptCapabilities = 0x4fb;

struct IsolationOptions {
  IsolationSwitches switches;
  CgroupOptions cgroups;
  std::string data_dir;    // absolute, and there
  std::string supervisor;  // path of the program
  std::string task_user;   // name or uid; empty: the agent's own
  std::string devices;     // beside default_devices(): parse_devices()
};

class TaskIsolation {
 public:
  // Blocks for some milliseconds. Errors: INVALID_ARGUMENT (an option, named), NOT_FOUND (the user,
  // the supervisor), FAILED_PRECONDITION (what was asked for by name is not possible here).
  static absl::StatusOr<std::unique_ptr<TaskIsolation>> open(const IsolationOptions& options);
  TaskIsolation(const TaskIsolation&) = delete;
  TaskIsolation& operator=(const TaskIsolation&) = delete;

  // Who runs a task that says `wanted` (empty: nothing). nullptr: the agent's own user.
  // INVALID_ARGUMENT, NOT_FOUND: there is none of that name. FAILED_PRECONDITION: the agent cannot
  // become another user. PERMISSION_DENIED: root, where the operator has said --task-user.
  absl::StatusOr<const TaskUser*> user_of(const std::string& wanted);

  // Into the request: how a run with these resources is held. `user` may be null.
  void apply(std::string_view run_uuid, const core::Resources& resources, const TaskUser* user,
             SpawnRequest* request) const;

  // The same of what the task itself asks for: read-only paths, no network. What is `writable`
  // (folders: its sandbox, its volumes) stays so. FAILED_PRECONDITION: it cannot be had here, so
  // the task must not run. Errors of errno_status: a path, named.
  absl::Status apply_wishes(const wire::TaskDescription& task,
                            const std::vector<std::string>& writable, SpawnRequest* request) const;

  // nullptr: not by cgroups.
  const Cgroups* cgroups() const { return cgroups_.has_value() ? &*cgroups_ : nullptr; }
  // "cgroup v1: cpu, memory, pids; killed by cgroup.kill; namespaces; …"
  std::string to_string() const;
  // "not enforced: seccomp (…)"; empty: everything is.
  std::string missing() const;

 private:
  explicit TaskIsolation(IsolationOptions options) : options_(std::move(options)) {}
  absl::Status open_cgroups();
  absl::Status open_filter();
  absl::Status open_user();
  absl::Status try_out();
  absl::Status give_up(StartStage stage, std::string_view why);
  void apply_switches(SpawnRequest* request) const;

  IsolationOptions options_;
  IsolationSwitches on_;  // what is wanted and possible
  std::optional<Cgroups> cgroups_;
  UniqueFd filter_;
  bool has_private_shm_ = false;
  std::optional<TaskUser> task_user_;
  std::map<std::string, TaskUser> users_;  // of tasks, as they were found first
  std::vector<std::string> missing_;
};

}  // namespace shoal::agent
