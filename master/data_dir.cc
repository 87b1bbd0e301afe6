#include "master/data_dir.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::master {
namespace {

constexpr std::size_t kMaxIdFileBytes = 64;

absl::Status system_error(const std::string& path, std::string_view what) {
  return absl::FailedPreconditionError(
      fmt::format("{}: cannot {}: {}", path, what, std::strerror(errno)));
}

absl::Status make_folders(const std::string& path) {
  for (std::size_t i = 1; i <= path.size(); ++i) {
    if (i < path.size() && path[i] != '/') continue;
    const std::string part = path.substr(0, i);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return system_error(part, "make the folder");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DataDir> DataDir::open(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the data folder has no name");
  if (absl::Status made = make_folders(path); !made.ok()) return made;
  const std::string lock_path = path + "/master.lock";
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return system_error(lock_path, "open");
  DataDir dir(path, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
      return system_error(lock_path, "write");
    }
    return dir;
  }
  char holder[32] = {};
  const ssize_t length = ::pread(fd, holder, sizeof(holder) - 1, 0);
  const std::string_view pid(holder, length > 0 ? static_cast<std::size_t>(length) : 0);
  return absl::FailedPreconditionError(
      fmt::format("{} is in use by another master (pid {}); stop it or choose another --data", path,
                  core::strip(pid)));
}

DataDir::DataDir(DataDir&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDir::~DataDir() {
  if (lock_fd_ < 0) return;
  // A reactor's own descriptor table has a copy, which may outlive its thread for a moment.
  ::flock(lock_fd_, LOCK_UN);
  ::close(lock_fd_);
}

absl::StatusOr<std::uint64_t> DataDir::cluster_id(std::uint64_t fresh) {
  absl::StatusOr<std::uint64_t> known = known_cluster_id();
  if (!known.ok() || *known != 0) return known;
  const absl::Status written =
      net::write_file_atomically(path_ + "/cluster_id", fmt::format("{:016x}\n", fresh));
  if (!written.ok()) return written;
  return fresh;
}

absl::StatusOr<std::uint64_t> DataDir::known_cluster_id() const {
  const std::string path = path_ + "/cluster_id";
  const absl::StatusOr<std::string> text = net::read_whole_file(path, kMaxIdFileBytes);
  if (absl::IsNotFound(text.status())) return 0;
  if (!text.ok()) return text.status();
  const std::string_view digits = core::strip(*text);
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.size() != 16 ||
      id == 0) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: expected 16 hexadecimal digits, found '{}'; restore it or choose another --data", path,
        core::printable(digits)));
  }
  return id;
}

}  // namespace shoal::master
