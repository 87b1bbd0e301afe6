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

constexpr int kMaxTries = 8;

int open_beneath(int folder, const char* path, int flags, Links links) {
  open_how how{};
  // O_NONBLOCK: opening a fifo must not wait for its writer.
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  if (links == Links::kNone) how.resolve |= RESOLVE_NO_SYMLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, folder, path, &how, sizeof(how));
    // EAGAIN: something was renamed meanwhile and the kernel could not be sure.
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return static_cast<int>(fd);
  }
}

// chunk->offset says from where.
absl::Status fill(const UniqueFd& file, std::size_t max_bytes, LogChunk* chunk) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_status(errno, "looking at a log file");
  chunk->size = static_cast<std::uint64_t>(info.st_size);
  chunk->data.clear();
  if (chunk->offset >= chunk->size) return absl::OkStatus();
  chunk->data.resize(
      std::min<std::uint64_t>({max_bytes, core::kMaxLogChunkBytes, chunk->size - chunk->offset}));
  std::size_t filled = 0;
  while (filled < chunk->data.size()) {
    const ssize_t got =
        ::pread(file.get(), chunk->data.data() + filled, chunk->data.size() - filled,
                static_cast<off_t>(chunk->offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_status(errno, "reading a log file");
    if (got == 0) break;  // truncated meanwhile
    filled += static_cast<std::size_t>(got);
  }
  chunk->data.resize(filled);
  return absl::OkStatus();
}

absl::Status not_regular(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(quoted(path), " is not a regular file"));
}

}  // namespace

absl::StatusOr<UniqueFd> open_below(int sandbox, const std::string& path, int flags, Links links) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("file name ", quoted(path), " is not a path relative to the sandbox"));
  }
  UniqueFd file(open_beneath(sandbox, path.c_str(), flags, links));
  if (file.valid()) return file;
  // ENXIO: a socket. ENODEV: a device without driver.
  const int err = errno;
  if (err == ENXIO || err == ENODEV) return not_regular(path);
  return errno_status(err, absl::StrCat("opening ", quoted(path)));
}

absl::StatusOr<UniqueFd> open_regular_below(int sandbox, const std::string& path, Links links) {
  auto file = open_below(sandbox, path, O_RDONLY, links);
  if (!file.ok()) return file;
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) {
    return errno_status(errno, absl::StrCat("looking at ", quoted(path)));
  }
  if (!S_ISREG(info.st_mode)) return not_regular(path);
  return file;
}

absl::StatusOr<UniqueFd> open_sandbox_file(int sandbox, const std::string& path) {
  return open_regular_below(sandbox, path, Links::kNone);
}

std::uint64_t head_of(const UniqueFd& file) {
  const off_t first = ::lseek(file.get(), 0, SEEK_DATA);
  if (first >= 0) return static_cast<std::uint64_t>(first);
  if (errno != ENXIO) return 0;
  // Nothing but a hole.
  struct stat info {};
  return ::fstat(file.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

absl::StatusOr<LogChunk> read_file_chunk(const UniqueFd& file, std::uint64_t offset,
                                         std::size_t max_bytes, Head head) {
  constexpr auto kMaxOffset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  if (offset > kMaxOffset) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset ", offset, " is negative or larger than any file"));
  }
  LogChunk chunk;
  chunk.offset = offset;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    if (head == Head::kMayBeCut) chunk.offset = std::max(offset, head_of(file));
    if (absl::Status got = fill(file, max_bytes, &chunk); !got.ok()) return got;
    // The head may have been cut in between, and zeros read.
    const bool is_true =
        chunk.data.empty() || head == Head::kWhole || head_of(file) <= chunk.offset;
    if (is_true) return chunk;
  }
  chunk.data.clear();  // somebody plays with us: nothing for now
  return chunk;
}

absl::StatusOr<LogChunk> read_log(int sandbox, const std::string& path, std::uint64_t offset,
                                  std::size_t max_bytes, Head head) {
  const auto file = open_sandbox_file(sandbox, path);
  if (!file.ok()) return file.status();
  return read_file_chunk(*file, offset, max_bytes, head);
}

}  // namespace shoal::agent
