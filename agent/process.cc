#include "agent/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

absl::StatusOr<std::optional<ExitStatus>> wait_exited(const UniqueFd& pidfd) {
  siginfo_t info;
  for (;;) {
    std::memset(&info, 0, sizeof(info));  // stays zero when nothing has ended
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) == 0) break;
    if (errno == EINTR) continue;
    return errno_status(errno, "waiting for a process");
  }
  if (info.si_pid == 0) return std::optional<ExitStatus>();
  ExitStatus status;
  status.signaled = info.si_code != CLD_EXITED;
  status.core_dumped = info.si_code == CLD_DUMPED;
  status.code_or_signal = info.si_status;
  return std::optional<ExitStatus>(status);
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

std::chrono::milliseconds age_of(std::uint64_t start_time) {
  constexpr std::int64_t kMaxSeconds = std::int64_t{1} << 32;  // keeps what follows in range
  const std::string uptime = read_whole("/proc/uptime");       // "12345.67 54321.00"
  const std::size_t point = uptime.find('.');
  const long ticks = ::sysconf(_SC_CLK_TCK);
  std::int64_t seconds = 0;
  std::int64_t hundredths = 0;
  if (point == std::string::npos || ticks <= 0 ||
      !to_number(std::string_view(uptime).substr(0, point), &seconds) ||
      !to_number(std::string_view(uptime).substr(point + 1, 2), &hundredths) ||
      seconds > kMaxSeconds || start_time / static_cast<std::uint64_t>(ticks) > kMaxSeconds) {
    return {};
  }
  const std::int64_t began = static_cast<std::int64_t>(start_time) * 1000 / ticks;
  return std::chrono::milliseconds(
      std::max<std::int64_t>(0, seconds * 1000 + hundredths * 10 - began));
}

ProcessEnvironment::ProcessEnvironment(pid_t pid)
    : text_(read_whole(absl::StrCat("/proc/", pid, "/environ"))) {}

std::string_view ProcessEnvironment::get(std::string_view name) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    const std::string_view entry = rest.substr(0, end);
    if (entry.size() > name.size() && entry.substr(0, name.size()) == name &&
        entry[name.size()] == '=') {
      return entry.substr(name.size() + 1);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
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
