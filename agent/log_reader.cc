#include "agent/log_reader.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "core/limits.h"

namespace shoal::agent {

namespace {

int open_beneath(int folder, const char* path) {
  open_how how{};
  // O_NONBLOCK: opening a fifo must not wait for its writer.
  how.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, folder, path, &how, sizeof(how));
    // EAGAIN: something was renamed meanwhile and the kernel could not be sure.
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return static_cast<int>(fd);
  }
}

}  // namespace

absl::StatusOr<UniqueFd> open_sandbox_file(int sandbox, const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("file name ", quoted(path), " is not a path relative to the sandbox"));
  }
  UniqueFd file(open_beneath(sandbox, path.c_str()));
  if (!file.valid()) {
    // ENXIO: a socket. ENODEV: a device without driver.
    const int err = errno;
    if (err == ENXIO || err == ENODEV) {
      return absl::FailedPreconditionError(absl::StrCat(quoted(path), " is not a regular file"));
    }
    return errno_status(err, absl::StrCat("opening ", quoted(path)));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) {
    return errno_status(errno, absl::StrCat("looking at ", quoted(path)));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(quoted(path), " is not a regular file"));
  }
  return file;
}

absl::StatusOr<LogChunk> read_file_chunk(const UniqueFd& file, std::uint64_t offset,
                                         std::size_t max_bytes) {
  constexpr auto kMaxOffset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  if (offset > kMaxOffset) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset ", offset, " is negative or larger than any file"));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_status(errno, "looking at a log file");
  LogChunk chunk;
  chunk.size = static_cast<std::uint64_t>(info.st_size);
  if (offset >= chunk.size) return chunk;
  const std::uint64_t wanted =
      std::min<std::uint64_t>({max_bytes, core::kMaxLogChunkBytes, chunk.size - offset});
  chunk.data.resize(wanted);
  std::size_t filled = 0;
  while (filled < chunk.data.size()) {
    const ssize_t got = ::pread(file.get(), chunk.data.data() + filled, chunk.data.size() - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_status(errno, "reading a log file");
    if (got == 0) break;  // truncated meanwhile
    filled += static_cast<std::size_t>(got);
  }
  chunk.data.resize(filled);
  return chunk;
}

absl::StatusOr<LogChunk> read_log(int sandbox, const std::string& path, std::uint64_t offset,
                                  std::size_t max_bytes) {
  const auto file = open_sandbox_file(sandbox, path);
  if (!file.ok()) return file.status();
  return read_file_chunk(*file, offset, max_bytes);
}

}  // namespace shoal::agent
