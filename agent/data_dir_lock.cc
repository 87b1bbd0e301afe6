#include "agent/data_dir_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/process.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr int kDeathMs = 2000;  // how long a killed agent's last child may take to follow it
constexpr int kPauseMs = 10;

// The pid in the file; 0: none.
pid_t holder_of(int fd) {
  char text[32];
  const ssize_t got = ::pread(fd, text, sizeof(text), 0);
  std::string_view pid(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.remove_suffix(1);
  pid_t holder = 0;
  return core::parse_int(pid, &holder) && holder > 0 ? holder : 0;
}

bool is_dead(pid_t pid) {
  const auto stat = read_proc_stat(pid);
  return pid > 0 && (!stat || stat->ended());
}

// An agent that is killed while it starts a supervisor shares its descriptors with that one, which
// dies a moment later: until then it seems to be there.
bool lock(int fd) {
  for (int waited = 0; ::flock(fd, LOCK_EX | LOCK_NB) != 0; waited += kPauseMs) {
    if (errno != EWOULDBLOCK) return false;
    if (waited >= kDeathMs || !is_dead(holder_of(fd))) {
      errno = EWOULDBLOCK;
      return false;
    }
    ::poll(nullptr, 0, kPauseMs);
  }
  return true;
}

}  // namespace

absl::StatusOr<DataDirLock> DataDirLock::acquire(const std::string& data_dir) {
  if (::mkdir(data_dir.c_str(), 0711) != 0 && errno != EEXIST) {
    return errno_status(errno, absl::StrCat("making data folder ", data_dir));
  }
  const std::string path = absl::StrCat(data_dir, "/agent.lock");
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_status(errno, absl::StrCat("opening ", path));
  if (!lock(fd.get())) {
    if (errno != EWOULDBLOCK) return errno_status(errno, absl::StrCat("locking ", path));
    const pid_t holder = holder_of(fd.get());
    return absl::FailedPreconditionError(
        absl::StrCat("data folder ", quoted(data_dir), " is in use by ",
                     holder > 0 ? absl::StrCat("process ", holder) : "another process",
                     "; stop that agent or choose another folder with --data"));
  }
  // The pid is for people; the lock itself is what counts.
  const std::string pid = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return errno_status(errno, absl::StrCat("writing ", path));
  }
  return DataDirLock(std::move(fd));
}

}  // namespace shoal::agent
