// Starts commands, each under a supervisor (agent/supervisor/main.cc) which outlives the agent.
// Costs the same with 10 and with 10,000 tasks, and with a small or a huge agent.
//
// Threads: a Spawner belongs to one thread, which must live as long as the agent: until a
// supervisor has written down who it is, it dies with the thread that started it.
//
// How: clone(CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD) on a stack of its own. No page
// table is copied; the thread is suspended until the child has exec'd the supervisor or failed. The
// descriptor table is shared until the child takes a private copy of its first few slots with
// close_range(CLOSE_RANGE_UNSHARE): copying all of it would grow with the number of tasks, since
// each holds a pidfd in the agent. The supervisor starts the command by itself, and reports over a
// pipe; the agent goes on meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
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

enum class StartStage : std::uint32_t;  // agent/supervisor/record.h

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
  std::string program;            // the file to execute; empty: spawn() looks for it
  std::string task_uuid;          // value of kTaskMarker in the task; empty: no marker
  int stdout_fd = -1;             // stays the caller's; stdin is /dev/null
  int stderr_fd = -1;
  std::string run_folder;  // absolute, empty: where the supervisor writes its records
  std::string boot_id;     // read_boot_id()
  // How the task is held: settings of agent/supervisor/record.h, in any order; TaskIsolation makes
  // them (agent/isolation.h).
  std::vector<std::string> settings;
  bool own_pids = false;  // it sees no process but its own, and none survives the supervisor
  int filter_fd = -1;     // stays the caller's: what the setting kSeccomp reads
};

// A supervisor that was started, and what is needed to understand its report.
struct Supervised {
  SpawnedProcess process;  // the supervisor
  UniqueFd report;         // readable when the task runs or could not be started
  std::string program;     // what is executed
  std::string working_directory;
};

// Exactly one of the two: a supervisor, or why there is none.
struct SpawnResult {
  std::optional<Supervised> supervised;
  SpawnError error;
  bool ok() const { return supervised.has_value(); }
};

// What a supervisor has reported. `error` says why when the task could not be started, also when
// the supervisor has gone without a word; it ends by itself then.
struct StartResult {
  enum class Outcome { kPending, kStarted, kFailed };
  Outcome outcome = Outcome::kPending;
  pid_t leader = -1;   // kStarted: leader of the task's session and group
  StartStage stage{};  // kFailed: what failed, when the supervisor has told
  SpawnError error;
};
// Does not block. To be asked until it is not kPending, and not after that.
StartResult read_start(const Supervised& supervised);

class Spawner {
 public:
  // `supervisor`: path of the program. Takes a stack and five descriptors above 4 (also when 0 to 2
  // are closed). Sets SIGCHLD back to its default when the agent was started with it ignored:
  // otherwise the kernel would throw exit codes away. Create it early, so that its descriptors are
  // low. NotFound: there is no such program.
  static absl::StatusOr<Spawner> create(std::string supervisor);

  Spawner(Spawner&&) noexcept;
  Spawner& operator=(Spawner&&) = delete;
  ~Spawner();

  // Looks for the program, and puts it into the request: what spawn() otherwise does itself, and
  // may wait for a disk for. Why there is none. From any thread.
  static std::optional<SpawnError> find_program(SpawnRequest& request);

  // The task: own session and process group, killed when its supervisor ends, no new privileges,
  // default signals, umask 022, descriptors 0 to 2 only; and what `settings` say. Returns when the
  // supervisor has begun. A failure leaves no process and no descriptor behind.
  SpawnResult spawn(const SpawnRequest& request);

 private:
  Spawner() = default;
  bool connect(const SpawnRequest& request, int report);
  void disconnect();

  std::string supervisor_;
  void* stack_ = nullptr;  // kStackBytes, guard page at its low end
  UniqueFd null_;
  UniqueFd out_slot_;  // /dev/null except during spawn()
  UniqueFd err_slot_;
  UniqueFd report_slot_;
  UniqueFd filter_slot_;
};

// The supervisor that belongs to this program: the file beside it. Errors: INTERNAL.
absl::StatusOr<std::string> supervisor_beside_this_program();

}  // namespace shoal::agent
