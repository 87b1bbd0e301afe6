#include "agent/data_dir_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"

namespace shoal::agent {

namespace {

std::string holder_of(int fd) {
  char text[32];
  const ssize_t got = ::pread(fd, text, sizeof(text), 0);
  std::string pid(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  const bool digits = !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos;
  return digits ? absl::StrCat("process ", pid) : "another process";
}

}  // namespace

absl::StatusOr<DataDirLock> DataDirLock::acquire(const std::string& data_dir) {
  if (::mkdir(data_dir.c_str(), 0711) != 0 && errno != EEXIST) {
    return errno_status(errno, absl::StrCat("making data folder ", data_dir));
  }
  const std::string path = absl::StrCat(data_dir, "/agent.lock");
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_status(errno, absl::StrCat("opening ", path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_status(errno, absl::StrCat("locking ", path));
    return absl::FailedPreconditionError(
        absl::StrCat("data folder ", quoted(data_dir), " is in use by ", holder_of(fd.get()),
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
