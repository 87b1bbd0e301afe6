// A running process as the agent knows it: never by its pid alone, always by a pidfd, or by pid and
// start time together. Linux only; every call returns at once.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

// Environment variable which says to which run of a task a process belongs.
inline constexpr char kTaskMarker[] = "SHOAL_TASK_UUID";

// A child of the agent, leader of its own session and process group (group id = session id = pid).
struct SpawnedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;                // becomes readable when the process ends
  std::uint64_t start_time = 0;  // clock ticks since boot, /proc/PID/stat field 22
};

struct ExitStatus {
  bool signaled = false;
  int code_or_signal = 0;  // exit code 0 to 255, or the signal that ended it
  bool core_dumped = false;
};

// "exited with code 3", "killed by signal 9 (Killed)".
std::string describe(const ExitStatus& status);

// How a child ended; nullopt while it runs. peek_exit leaves it a zombie, so that its pid cannot
// come round again; wait_exited reaps it. NotFound: it is no child of this process or was reaped.
absl::StatusOr<std::optional<ExitStatus>> peek_exit(const UniqueFd& pidfd);
absl::StatusOr<std::optional<ExitStatus>> wait_exited(const UniqueFd& pidfd);

// Sends `signo` to every process of the group. Works also when the leader has ended but has not
// been reaped (others of its group may live on). NotFound once the leader was reaped: from then on
// the number may belong to strangers and nothing is sent.
absl::Status signal_group(const SpawnedProcess& process, int signo);

// If the leader has ended: SIGKILL to what is left of its group, and only then reaps it. The order
// matters: the zombie keeps the group id from being given to somebody else.
absl::StatusOr<std::optional<ExitStatus>> finish_group(const SpawnedProcess& process);

// --- looking at /proc ---------------------------------------------------------------------------

struct ProcStat {
  pid_t pid = -1;
  char state = '?';  // R, S, D, T, Z, X
  pid_t parent = -1;
  pid_t group = -1;
  pid_t session = -1;
  std::uint64_t start_time = 0;
  bool ended() const { return state == 'Z' || state == 'X'; }
};

// nullopt: no such process.
std::optional<ProcStat> read_proc_stat(pid_t pid);

// The fields of one /proc/PID/stat line; nullopt when it is malformed. The command name may hold
// anything, spaces and brackets too.
std::optional<ProcStat> parse_proc_stat(std::string_view line);

// The value of kTaskMarker in the environment the process was started with; empty: none, or not
// readable (ended, or of another user).
std::string read_task_marker(pid_t pid);

// Direct children of a process, ended ones included.
std::vector<pid_t> children_of(pid_t pid);
// Every process on the machine.
std::vector<pid_t> all_processes();

// Opens a pidfd and returns it only if the process behind it is still the one `seen` describes.
UniqueFd open_same_process(const ProcStat& seen);
bool send_signal(const UniqueFd& pidfd, int signo);

// This boot of the machine, from /proc/sys/kernel/random/boot_id; empty if unreadable.
std::string read_boot_id();

}  // namespace shoal::agent
