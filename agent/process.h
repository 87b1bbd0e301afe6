// A running process as the agent knows it: never by its pid alone, always by a pidfd, or by pid and
// start time together. Linux only; every call returns at once.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

// Environment variable which says to which run of a task a process belongs.
inline constexpr char kTaskMarker[] = "SHOAL_TASK_UUID";

struct SpawnedProcess {
  pid_t pid = -1;
  UniqueFd pidfd;  // becomes readable when the process ends
};

struct ExitStatus {
  bool signaled = false;
  int code_or_signal = 0;  // exit code 0 to 255, or the signal that ended it
  bool core_dumped = false;
  std::uint32_t oom_kills = 0;     // of its processes, for want of memory
  std::uint64_t memory_limit = 0;  // bytes; 0: it had none
  std::uint64_t memory_peak = 0;   // bytes; 0: not known
};

// How a child ended; nullopt while it runs. Reaps it. NotFound: it is no child of this process or
// was reaped.
absl::StatusOr<std::optional<ExitStatus>> wait_exited(const UniqueFd& pidfd);

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

// How long a process has run whose start time is that, suspended time counted; 0 if unknown.
std::chrono::milliseconds age_of(std::uint64_t start_time);

// The fields of one /proc/PID/stat line; nullopt when it is malformed. The command name may hold
// anything, spaces and brackets too.
std::optional<ProcStat> parse_proc_stat(std::string_view line);

// The value of a variable in the environment a process was started with.
class ProcessEnvironment {
 public:
  // Empty when it is not readable (ended, or of another user).
  explicit ProcessEnvironment(pid_t pid);
  std::string_view get(std::string_view name) const;  // empty: not there

 private:
  std::string text_;  // NAME=value, each ended by NUL
};

// Every process on the machine.
std::vector<pid_t> all_processes();

// Opens a pidfd and returns it only if the process behind it is still the one `seen` describes.
UniqueFd open_same_process(const ProcStat& seen);
bool send_signal(const UniqueFd& pidfd, int signo);

// This boot of the machine, from /proc/sys/kernel/random/boot_id; empty if unreadable.
std::string read_boot_id();

}  // namespace shoal::agent
