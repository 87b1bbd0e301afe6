#include "tests/agent/slow_disk.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <thread>

namespace shoal::agent {
namespace {

std::atomic<bool> is_slow = false;
std::atomic<long> sync_ms = 0;
std::atomic<long> change_ms = 0;
std::atomic<long> read_ms = 0;
std::atomic<int> calls_here = 0;
std::atomic<int> calls_elsewhere = 0;
std::thread::id maker;  // written while nothing is slow

void wait_for_disk(const std::atomic<long>& ms) {
  if (!is_slow) return;
  ++(std::this_thread::get_id() == maker ? calls_here : calls_elsewhere);
  ::poll(nullptr, 0, static_cast<int>(ms));
}

}  // namespace

SlowDisk::SlowDisk(std::chrono::milliseconds sync, std::chrono::milliseconds change,
                   std::chrono::milliseconds read) {
  sync_ms = sync.count();
  change_ms = change.count();
  read_ms = read.count();
  calls_here = calls_elsewhere = 0;
  maker = std::this_thread::get_id();
  is_slow = true;
}
SlowDisk::~SlowDisk() { is_slow = false; }
int SlowDisk::here() const { return calls_here; }
int SlowDisk::elsewhere() const { return calls_elsewhere; }

namespace {

template <typename... Arguments>
int change(long number, Arguments... arguments) {
  wait_for_disk(change_ms);
  return static_cast<int>(::syscall(number, arguments...));
}

}  // namespace
}  // namespace shoal::agent

// NOLINTBEGIN: the names and parameters are libc's
extern "C" {

int fsync(int fd) {
  shoal::agent::wait_for_disk(shoal::agent::sync_ms);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
int fdatasync(int fd) {
  shoal::agent::wait_for_disk(shoal::agent::sync_ms);
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
ssize_t pread(int fd, void* buffer, size_t count, off_t offset) {
  if (shoal::agent::read_ms > 0) shoal::agent::wait_for_disk(shoal::agent::read_ms);
  return ::syscall(SYS_pread64, fd, buffer, count, offset);
}
int openat(int folder, const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  if ((flags & O_CREAT) == 0) return static_cast<int>(::syscall(SYS_openat, folder, path, flags));
  return shoal::agent::change(SYS_openat, folder, path, flags, mode);
}
int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  return shoal::agent::change(SYS_mkdirat, folder, path, mode);
}
int mkdir(const char* path, mode_t mode) noexcept {
  return shoal::agent::change(SYS_mkdirat, AT_FDCWD, path, mode);
}
int symlinkat(const char* target, int folder, const char* path) noexcept {
  return shoal::agent::change(SYS_symlinkat, target, folder, path);
}
int renameat(int from, const char* old_path, int to, const char* new_path) noexcept {
  return shoal::agent::change(SYS_renameat2, from, old_path, to, new_path, 0);
}
int rename(const char* old_path, const char* new_path) noexcept {
  return shoal::agent::change(SYS_renameat2, AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return shoal::agent::change(SYS_unlinkat, folder, path, flags);
}
int unlink(const char* path) noexcept {
  return shoal::agent::change(SYS_unlinkat, AT_FDCWD, path, 0);
}
int rmdir(const char* path) noexcept {
  return shoal::agent::change(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
int futimens(int fd, const timespec times[2]) noexcept {
  return shoal::agent::change(SYS_utimensat, fd, nullptr, times, 0);
}

}  // extern "C"
// NOLINTEND
