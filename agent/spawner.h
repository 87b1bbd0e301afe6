// Starts commands. Costs the same with 10 and with 10,000 tasks, and with a small or a huge agent.
//
// Threads: a Spawner belongs to one thread, which must live as long as the tasks it starts: the
// kernel's "die with the parent" watches that thread, not the process.
//
// How: clone(CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD) on a stack of its own. No page
// table is copied; the thread is suspended until the child has exec'd or failed, so a failure comes
// back as an errno in shared memory. The descriptor table is shared until the child takes a private
// copy of its first few slots with close_range(CLOSE_RANGE_UNSHARE): copying all of it would grow
// with the number of tasks, since each holds a pidfd in the agent.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/process.h"
#include "agent/spawn_error.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

inline constexpr char kDefaultTaskPath[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct SpawnRequest {
  // The command and its arguments. With `shell`, the first is a line for /bin/sh -c and the others
  // are its $1, $2, ...
  std::vector<std::string> arguments;
  bool shell = false;
  // On top of PATH=kDefaultTaskPath and HOME=working_directory; a later one of the same name wins.
  // Nothing comes from the agent's own environment.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string working_directory;  // absolute: the sandbox
  std::string task_uuid;          // value of kTaskMarker in the task; empty: no marker
  int stdout_fd = -1;             // stays the caller's; stdin is /dev/null
  int stderr_fd = -1;
};

// Exactly one of the two: a process, or why there is none.
struct SpawnResult {
  std::optional<SpawnedProcess> process;
  SpawnError error;
  bool ok() const { return process.has_value(); }
};

class Spawner {
 public:
  // Takes a stack and three descriptors above 2 (also when 0 to 2 are closed). Sets SIGCHLD back to
  // its default when the agent was started with it ignored: otherwise the kernel would throw exit
  // codes away. Create it early, so that its descriptors are low.
  static absl::StatusOr<Spawner> create();

  Spawner(Spawner&&) noexcept;
  Spawner& operator=(Spawner&&) = delete;
  ~Spawner();

  // The task: own session and process group, killed when this thread ends, no new privileges,
  // default signals, umask 022, descriptors 0 to 2 only. Returns after its execve; it has begun to
  // run then. A failure leaves no process and no descriptor behind.
  SpawnResult spawn(const SpawnRequest& request);

 private:
  Spawner() = default;
  bool connect_output(const SpawnRequest& request);
  void disconnect_output();

  void* stack_ = nullptr;  // kStackBytes, guard page at its low end
  UniqueFd null_;
  UniqueFd out_slot_;  // /dev/null except during spawn()
  UniqueFd err_slot_;
};

}  // namespace shoal::agent
