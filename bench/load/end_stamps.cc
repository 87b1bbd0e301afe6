#include "bench/load/end_stamps.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/status.h"
#include "core/text.h"

namespace shoal::load {
namespace {

constexpr std::size_t kBytes = EndStamps::kPlaces * sizeof(std::atomic<std::int64_t>);

}  // namespace

absl::StatusOr<std::unique_ptr<EndStamps>> EndStamps::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::InternalError(fmt::format("cannot make {}: {}", path, std::strerror(errno)));
  }
  if (::ftruncate(fd, static_cast<off_t>(kBytes)) != 0) {
    const int error = errno;
    ::close(fd);
    return absl::InternalError(fmt::format("cannot make {}: {}", path, std::strerror(error)));
  }
  return map(fd, path);
}

absl::StatusOr<std::unique_ptr<EndStamps>> EndStamps::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return absl::NotFoundError(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  struct stat info {};
  if (::fstat(fd, &info) != 0 || info.st_size != static_cast<off_t>(kBytes)) {
    ::close(fd);
    return core::invalid("{} is no file of end stamps: it must have {} bytes", path, kBytes);
  }
  return map(fd, path);
}

absl::StatusOr<std::unique_ptr<EndStamps>> EndStamps::map(int fd, const std::string& path) {
  void* places = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int error = errno;
  ::close(fd);
  if (places == MAP_FAILED) {
    return absl::InternalError(fmt::format("cannot map {}: {}", path, std::strerror(error)));
  }
  return std::unique_ptr<EndStamps>(new EndStamps(static_cast<std::atomic<std::int64_t>*>(places)));
}

EndStamps::~EndStamps() { ::munmap(places_, kBytes); }

void EndStamps::set(std::string_view task, core::TimePoint ended) {
  std::uint64_t number = 0;
  if (!core::parse_int(task, &number)) return;
  places_[number % kPlaces].store(ended.time_since_epoch().count(), std::memory_order_relaxed);
}

core::TimePoint EndStamps::get(std::uint64_t task) const {
  return core::TimePoint(core::Duration(places_[task % kPlaces].load(std::memory_order_relaxed)));
}

void EndStamps::clear(std::uint64_t task) {
  places_[task % kPlaces].store(0, std::memory_order_relaxed);
}

}  // namespace shoal::load
