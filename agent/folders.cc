#include "agent/folders.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/errno_status.h"

namespace shoal::agent {

absl::StatusOr<UniqueFd> open_base(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return errno_status(errno, fmt::format("opening folder {}", path));
  return fd;
}

absl::StatusOr<UniqueFd> open_folder(int parent, const std::string& name) {
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.valid()) return fd;
  // With O_DIRECTORY a link is ENOTDIR; the user should read what it is.
  struct stat info {};
  const int err = errno;
  const bool link = err == ENOTDIR &&
                    ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISLNK(info.st_mode);
  return errno_status(link ? ELOOP : err, fmt::format("opening folder {}", quoted(name)));
}

absl::StatusOr<UniqueFd> make_folder(int parent, const std::string& name, mode_t mode,
                                     bool may_exist) {
  const bool made = ::mkdirat(parent, name.c_str(), 0700) == 0;
  if (!made && !(errno == EEXIST && may_exist)) {
    return errno_status(errno, fmt::format("making folder {}", quoted(name)));
  }
  auto folder = open_folder(parent, name);
  // mkdir's mode is cut by the umask, which may be anything: set it again.
  if (folder.ok() && made && ::fchmod(folder->get(), mode) != 0) {
    folder = errno_status(errno, fmt::format("setting the mode of folder {}", quoted(name)));
  }
  if (!folder.ok() && made) ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
  return folder;
}

}  // namespace shoal::agent
