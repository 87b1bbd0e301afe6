#include "agent/disk_use.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string_view>

namespace shoal::agent {

namespace {

constexpr std::uint64_t kBlockBytes = 512;  // of st_blocks, whatever the file system has

}  // namespace

DiskWalk::DiskWalk(UniqueFd folder) {
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0) return;
  device_ = info.st_dev;
  enter(std::move(folder));
}

bool DiskWalk::enter(UniqueFd folder) {
  Dir dir(folder.valid() ? ::fdopendir(folder.get()) : nullptr);
  if (dir == nullptr) return false;
  (void)folder.release();
  open_.push_back(std::move(dir));
  return true;
}

std::size_t DiskWalk::step(std::size_t entries) {
  std::size_t count = 0;
  while (count < entries && !open_.empty()) {
    DIR* dir = open_.back().get();
    const dirent* entry = ::readdir(dir);
    if (entry == nullptr) {
      open_.pop_back();
      continue;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    ++count;
    look_at(::dirfd(dir), entry->d_name);
  }
  return count;
}

void DiskWalk::look_at(int folder, const char* name) {
  struct stat info {};
  if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || info.st_dev != device_) return;
  const bool is_folder = S_ISDIR(info.st_mode);
  if (!is_folder && info.st_nlink > 1 && !seen_.insert(info.st_ino).second) return;
  bytes_ += static_cast<std::uint64_t>(info.st_blocks) * kBlockBytes;
  if (!is_folder) return;
  if (open_.size() >= kMaxDepth) {
    is_too_deep_ = true;
    return;
  }
  enter(UniqueFd(::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
}

}  // namespace shoal::agent
