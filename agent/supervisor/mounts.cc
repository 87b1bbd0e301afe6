#include "agent/supervisor/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Not in sys/mount.h of every libc; both headers together do not compile with glibc before 2.37.
extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags,
                     const void* data) noexcept;

namespace shoal::agent {
namespace {

constexpr unsigned long kReadOnly = 1;  // MS_RDONLY, MS_NOSUID, … of sys/mount.h
constexpr unsigned long kNoSuid = 2;
constexpr unsigned long kNoDevices = 4;
constexpr unsigned long kNoExec = 8;
constexpr unsigned long kBind = 4096;
constexpr unsigned long kRecursive = 16384;
constexpr unsigned long kSlave = 1 << 19;

// What a task of the user root could change the machine with.
constexpr const char* kReadOnlyPaths[] = {"/sys",      "/proc/sys", "/proc/sysrq-trigger",
                                          "/proc/irq", "/proc/bus", "/proc/fs"};

// What it could see of the machine's memory, keys and other tasks' doings there.
constexpr const char* kHiddenPaths[] = {
    "/proc/acpi",      "/proc/asound",     "/proc/interrupts",    "/proc/kcore",
    "/proc/key-users", "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug",
    "/proc/scsi",      "/proc/timer_list", "/proc/timer_stats",   "/sys/devices/virtual/powercap",
    "/sys/firmware"};

bool set_read_only(const char* path, unsigned flags, bool is_read_only) {
  mount_attr attributes = {};
  (is_read_only ? attributes.attr_set : attributes.attr_clr) = MOUNT_ATTR_RDONLY;
  return syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof(attributes)) == 0;
}

// A file becomes empty, a folder too. What the kernel does not have needs no hiding.
bool hide(const char* path) {
  struct stat info;
  if (stat(path, &info) != 0) return errno == ENOENT;
  if (!S_ISDIR(info.st_mode)) return mount("/dev/null", path, nullptr, kBind, nullptr) == 0;
  return mount("tmpfs", path, "tmpfs", kReadOnly | kNoSuid | kNoDevices | kNoExec,
               "size=4k,mode=555") == 0;
}

bool is_there(const char* path) { return access(path, F_OK) == 0; }

}  // namespace

bool make_read_only(const char* path) {
  // Where it is no mount yet it becomes one.
  if (set_read_only(path, AT_RECURSIVE, true)) return true;
  return errno == EINVAL && mount(path, path, nullptr, kBind | kRecursive, nullptr) == 0 &&
         set_read_only(path, AT_RECURSIVE, true);
}

bool make_writable(const char* path) {
  return mount(path, path, nullptr, kBind, nullptr) == 0 && set_read_only(path, 0, false);
}

bool mount_tmpfs(const char* path) {
  return mount("tmpfs", path, "tmpfs", kNoSuid | kNoDevices, "mode=1777") == 0;
}

bool arrange_mounts() {
  const unsigned long kernels = kNoSuid | kNoDevices | kNoExec;
  if (mount(nullptr, "/", nullptr, kRecursive | kSlave, nullptr) != 0) return false;
  if (mount("proc", "/proc", "proc", kernels, nullptr) != 0) return false;
  if (is_there("/dev/mqueue") && mount("mqueue", "/dev/mqueue", "mqueue", kernels, nullptr) != 0 &&
      errno != ENODEV) {
    return false;
  }
  for (const char* path : kReadOnlyPaths) {
    if (!make_read_only(path) && errno != ENOENT) return false;
  }
  for (const char* path : kHiddenPaths) {
    if (!hide(path)) return false;
  }
  return true;
}

}  // namespace shoal::agent
