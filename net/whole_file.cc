#include "net/whole_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/text.h"

namespace shoal::net {
namespace {

constexpr std::size_t kFirstRead = 16 * 1024;

absl::Status refused(std::string_view path, std::string_view what) {
  return absl::FailedPreconditionError(
      fmt::format("{}: cannot {}: {}", core::printable(path, 200), what, std::strerror(errno)));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// No more than `limit` and a byte. Limits are far above what files hold: memory follows the file.
bool read_all(int fd, std::size_t limit, std::string& text) {
  while (text.size() <= limit) {
    const std::size_t before = text.size();
    text.resize(before + std::min(limit + 1 - before, std::max(kFirstRead, before)));
    const ssize_t got = ::read(fd, text.data() + before, text.size() - before);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) return got == 0;
  }
  return true;
}

// The name is durable once its folder is.
bool sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  return is_synced;
}

}  // namespace

absl::Status write_file_atomically(const std::string& path, std::string_view text) {
  const std::string aside = fmt::format("{}.{}.tmp", path, ::getpid());
  const int fd = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return refused(aside, "open");
  const bool is_stored = write_all(fd, text) && ::fsync(fd) == 0;
  ::close(fd);
  if (is_stored && ::rename(aside.c_str(), path.c_str()) == 0) {
    return sync_folder_of(path) ? absl::OkStatus() : refused(path, "sync the folder of");
  }
  absl::Status error = refused(path, "write");
  ::unlink(aside.c_str());
  return error;
}

absl::StatusOr<std::string> read_whole_file(const std::string& path, std::size_t limit) {
  // Not blocking: a fifo in the place of the file must not hang the daemon.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT) return absl::NotFoundError(fmt::format("{}: no such file", path));
    return refused(path, "open");
  }
  struct stat info {};
  std::string text;
  const bool is_read =
      ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && read_all(fd, limit, text);
  const absl::Status error = is_read ? absl::OkStatus() : refused(path, "read as a file");
  ::close(fd);
  if (!error.ok()) return error;
  if (text.size() > limit) {
    return absl::FailedPreconditionError(
        fmt::format("{}: larger than {} bytes", core::printable(path, 200), limit));
  }
  return text;
}

}  // namespace shoal::net
