#include "agent/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/errno_status.h"

namespace shoal::agent {

namespace {

constexpr std::size_t kMaxProcFileBytes = 4 * 1024 * 1024;  // an environment is 2 MiB at most

std::string read_whole(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd.valid()) return text;
  char buffer[4096];
  while (text.size() < kMaxProcFileBytes) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

template <typename Number>
bool to_number(std::string_view text, Number* out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), *out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

absl::StatusOr<std::optional<ExitStatus>> wait_on(const UniqueFd& pidfd, int extra_flags) {
  siginfo_t info;
  for (;;) {
    std::memset(&info, 0, sizeof(info));  // stays zero when nothing has ended
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG | extra_flags) ==
        0) {
      break;
    }
    if (errno == EINTR) continue;
    return errno_status(errno, "waiting for a task's process");
  }
  if (info.si_pid == 0) return std::optional<ExitStatus>();
  ExitStatus status;
  status.signaled = info.si_code != CLD_EXITED;
  status.core_dumped = info.si_code == CLD_DUMPED;
  status.code_or_signal = info.si_status;
  return std::optional<ExitStatus>(status);
}

// Entries of a /proc folder whose names are numbers.
std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> numbers;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return numbers;
  while (const dirent* entry = ::readdir(dir.get())) {
    pid_t number = 0;
    if (to_number(std::string_view(entry->d_name), &number)) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

std::string describe(const ExitStatus& status) {
  if (!status.signaled) return absl::StrCat("exited with code ", status.code_or_signal);
  const char* name = sigdescr_np(status.code_or_signal);
  return absl::StrCat("killed by signal ", status.code_or_signal, " (",
                      name == nullptr ? "unknown" : name, ")",
                      status.core_dumped ? ", core dumped" : "");
}

absl::StatusOr<std::optional<ExitStatus>> peek_exit(const UniqueFd& pidfd) {
  return wait_on(pidfd, WNOWAIT);
}

absl::StatusOr<std::optional<ExitStatus>> wait_exited(const UniqueFd& pidfd) {
  return wait_on(pidfd, 0);
}

absl::Status signal_group(const SpawnedProcess& process, int signo) {
  // While the leader is unreaped, running or zombie, its pid and so its group id are pinned; and
  // only this thread reaps it, so nothing changes between the check and the kill.
  auto leader = peek_exit(process.pidfd);
  if (!leader.ok()) return leader.status();
  if (process.pid <= 1) return absl::InternalError("a task's process group is never 0 or 1");
  if (::kill(-process.pid, signo) != 0) {
    return errno_status(errno, absl::StrCat("signalling process group ", process.pid));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ExitStatus>> finish_group(const SpawnedProcess& process) {
  auto leader = peek_exit(process.pidfd);
  if (!leader.ok() || !leader->has_value()) return leader;
  if (process.pid > 1) ::kill(-process.pid, SIGKILL);
  return wait_exited(process.pidfd);
}

std::optional<ProcStat> parse_proc_stat(std::string_view line) {
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 1 ||
      open < 2 || line.size() < close + 3) {
    return std::nullopt;
  }
  ProcStat stat;
  if (!to_number(line.substr(0, open - 1), &stat.pid)) return std::nullopt;
  // Fields from the third on, space separated: state ppid pgrp session ... starttime(22).
  const std::string_view rest = line.substr(close + 2);
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(rest.data(), rest.size()), absl::MaxSplits(' ', 20));
  if (fields.size() < 20 || fields[0].size() != 1) return std::nullopt;
  stat.state = fields[0][0];
  const auto field = [&](std::size_t i) {
    return std::string_view(fields[i].data(), fields[i].size());
  };
  if (!to_number(field(1), &stat.parent) || !to_number(field(2), &stat.group) ||
      !to_number(field(3), &stat.session) || !to_number(field(19), &stat.start_time)) {
    return std::nullopt;
  }
  return stat;
}

std::optional<ProcStat> read_proc_stat(pid_t pid) {
  const std::string path = absl::StrCat("/proc/", pid, "/stat");
  // One buffer and one read: this runs once for every task that is started.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  char buffer[1024];
  const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
  if (got <= 0) return std::nullopt;
  return parse_proc_stat(std::string_view(buffer, static_cast<std::size_t>(got)));
}

std::string read_task_marker(pid_t pid) {
  const std::string environment = read_whole(absl::StrCat("/proc/", pid, "/environ"));
  const std::string wanted = absl::StrCat(kTaskMarker, "=");
  for (const absl::string_view entry : absl::StrSplit(environment, '\0')) {
    if (entry.substr(0, wanted.size()) == wanted) return std::string(entry.substr(wanted.size()));
  }
  return {};
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  if (::access("/proc/thread-self/children", F_OK) != 0) {
    // A kernel without CONFIG_PROC_CHILDREN: look at everybody.
    for (const pid_t other : all_processes()) {
      const auto stat = read_proc_stat(other);
      if (stat && stat->parent == pid) children.push_back(other);
    }
    return children;
  }
  const std::string threads = absl::StrCat("/proc/", pid, "/task");
  for (const pid_t thread : numbers_in(threads)) {
    const std::string list = read_whole(absl::StrCat(threads, "/", thread, "/children"));
    for (const absl::string_view word : absl::StrSplit(list, ' ', absl::SkipEmpty())) {
      pid_t child = 0;
      if (to_number(std::string_view(word.data(), word.size()), &child)) children.push_back(child);
    }
  }
  return children;
}

std::vector<pid_t> all_processes() { return numbers_in("/proc"); }

UniqueFd open_same_process(const ProcStat& seen) {
  // First the handle, then the look: if pid and start time still agree, the handle is of `seen`.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, seen.pid, 0)));
  if (!pidfd.valid()) return UniqueFd();
  const auto now = read_proc_stat(seen.pid);
  if (!now || now->start_time != seen.start_time) return UniqueFd();
  return pidfd;
}

bool send_signal(const UniqueFd& pidfd, int signo) {
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signo, nullptr, 0) == 0;
}

std::string read_boot_id() {
  std::string id = read_whole("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace shoal::agent
