#include "agent/trash.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "agent/errno_status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_dots(const char* name) {
  return std::string_view(name) == "." || std::string_view(name) == "..";
}

// A folder without write permission can be neither emptied nor moved.
bool make_accessible(int parent, const char* name) {
  const UniqueFd folder(::openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return folder.valid() &&
         ::chmod(fmt::format("/proc/self/fd/{}", folder.get()).c_str(), 0700) == 0;
}

bool remove_entry(int parent, const char* name) {
  return ::unlinkat(parent, name, 0) == 0 || ::unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

}  // namespace

absl::Status Trash::open(bool make) {
  if (fd_.valid()) return absl::OkStatus();
  if (make && ::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_status(errno, fmt::format("making folder {}", folder_));
  }
  UniqueFd fd(::open(folder_.c_str(), kOpenFolder));
  if (!fd.valid()) return errno_status(errno, fmt::format("opening folder {}", folder_));
  fd_ = std::move(fd);
  const Dir listing = list();
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    std::uint64_t number = 0;
    if (core::parse_int(entry->d_name, &number)) next_name_ = std::max(next_name_, number + 1);
  }
  return absl::OkStatus();
}

Trash::Dir Trash::list() const {
  UniqueFd fd(::openat(fd_.get(), ".", kOpenFolder));
  Dir listing(fd.valid() ? ::fdopendir(fd.get()) : nullptr);
  if (listing) fd.release();
  return listing;
}

bool Trash::move_here(int parent, const char* name) {
  const auto move = [&] {
    return ::renameat(parent, name, fd_.get(), fmt::format("{}", next_name_++).c_str()) == 0;
  };
  if (move()) return true;
  return (errno == EACCES || errno == EPERM) && make_accessible(parent, name) && move();
}

absl::Status Trash::take(int parent, const std::string& name) {
  if (absl::Status opened = open(true); !opened.ok()) return opened;
  if (move_here(parent, name.c_str())) return absl::OkStatus();
  return errno_status(errno, fmt::format("moving {} to {}", quoted(name), folder_));
}

// False: nothing is left. True: something was deleted, or current_ is open.
bool Trash::begin_next() {
  const Dir listing = list();
  while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) {
    const char* name = entry->d_name;
    if (is_dots(name) || failed_.contains(name)) continue;
    if (remove_entry(fd_.get(), name)) return true;
    make_accessible(fd_.get(), name);
    UniqueFd fd(::openat(fd_.get(), name, kOpenFolder));
    current_.reset(fd.valid() ? ::fdopendir(fd.get()) : nullptr);
    if (current_ == nullptr) {
      failed_.insert(name);
      continue;
    }
    fd.release();
    name_ = name;
    is_stuck_ = false;
    return true;
  }
  return false;
}

void Trash::delete_in_current(const char* name) {
  const int folder = ::dirfd(current_.get());
  if (remove_entry(folder, name)) return;
  const bool is_full_folder = errno == ENOTEMPTY || errno == EEXIST;
  if (!is_full_folder || !move_here(folder, name)) is_stuck_ = true;
}

void Trash::end_current() {
  current_.reset();
  // What came meanwhile is found by another round.
  const bool is_gone = ::unlinkat(fd_.get(), name_.c_str(), AT_REMOVEDIR) == 0;
  if (!is_gone && (is_stuck_ || errno != ENOTEMPTY)) failed_.insert(name_);
}

bool Trash::purge_some(std::size_t entries) {
  if (!open(false).ok()) return false;
  for (std::size_t i = 0; i < entries; ++i) {
    if (current_ == nullptr) {
      if (!begin_next()) return false;
      continue;
    }
    const dirent* entry = ::readdir(current_.get());
    if (entry == nullptr) {
      end_current();
    } else if (!is_dots(entry->d_name)) {
      delete_in_current(entry->d_name);
    }
  }
  return true;
}

}  // namespace shoal::agent
