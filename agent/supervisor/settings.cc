#include "agent/supervisor/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/supervisor/cgroup_folder.h"
#include "agent/supervisor/mounts.h"

namespace shoal::agent {
namespace {

constexpr int kMaxSettings = 256;
constexpr int kMaxGroups = 64;
constexpr int kMaxFilter = 4096;  // BPF_MAXINSNS

alignas(4096) sock_filter filter[kMaxFilter];  // whole pages
static_assert(sizeof(filter) % 4096 == 0);
unsigned short filter_length = 0;

// What follows `prefix` in `word`; null: it is another setting.
const char* value_of(const char* word, const char* prefix) {
  const std::size_t length = strlen(prefix);
  return strncmp(word, prefix, length) == 0 ? word + length : nullptr;
}

bool has(const Settings& settings, const char* word) {
  for (int i = 0; i < settings.count; ++i) {
    if (strcmp(settings.words[i], word) == 0) return true;
  }
  return false;
}

bool is_known(const char* word) {
  for (const char* prefix : {kCgroupSetting, kWriteSetting, kTryWriteSetting, kDevicesSetting,
                             kOomSetting, kReadOnlySetting, kWritableSetting, kTmpfsSetting,
                             kRlimitSetting, kUserSetting, kCapabilitiesSetting}) {
    if (value_of(word, prefix) != nullptr) return true;
  }
  for (const char* name : {kNamespaces, kNoNetwork, kUserNamespace, kSeccomp}) {
    if (strcmp(word, name) == 0) return true;
  }
  return false;
}

// Calls act(value) for each setting of the kind, until one is not done.
template <typename Act>
bool each(const Settings& settings, const char* prefix, Act act) {
  for (int i = 0; i < settings.count; ++i) {
    const char* value = value_of(settings.words[i], prefix);
    if (value != nullptr && !act(value)) return false;
  }
  return true;
}

// "FILE=TEXT"
bool write_setting(const char* folder, const char* value) {
  char name[64];
  const char* text = strchr(value, '=');
  if (folder == nullptr || text == nullptr || text - value >= static_cast<long>(sizeof(name))) {
    errno = EINVAL;
    return false;
  }
  memcpy(name, value, static_cast<std::size_t>(text - value));
  name[text - value] = '\0';
  return write_cgroup_file(folder, name, text + 1);
}

// "RULE,RULE": nothing but these.
bool allow_devices(const char* folder, const char* rules) {
  if (folder == nullptr || !write_cgroup_file(folder, "devices.deny", "a")) return false;
  char rule[64];
  while (*rules != '\0') {
    const std::size_t length = strcspn(rules, ",");
    if (length >= sizeof(rule)) {
      errno = EINVAL;
      return false;
    }
    memcpy(rule, rules, length);
    rule[length] = '\0';
    if (!write_cgroup_file(folder, "devices.allow", rule)) return false;
    rules += length + (rules[length] == ',' ? 1 : 0);
  }
  return true;
}

// Up is all that it is: it has its addresses from the kernel.
bool start_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq loopback = {};
  strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  const bool is_up = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
  const int err = errno;
  close(fd);
  errno = err;
  return is_up;
}

StartStage enter_namespaces(const Settings& settings) {
  if (!has(settings, kNamespaces)) return StartStage::kStarted;
  if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) != 0 ||
      !arrange_mounts()) {
    return StartStage::kNamespaces;
  }
  // Before what is the task's own is mounted: that stays writable.
  if (!each(settings, kReadOnlySetting, make_read_only) ||
      !each(settings, kWritableSetting, make_writable)) {
    return StartStage::kPaths;
  }
  if (!each(settings, kTmpfsSetting, mount_tmpfs)) return StartStage::kNamespaces;
  if (!has(settings, kNoNetwork)) return StartStage::kStarted;
  const bool is_alone = unshare(CLONE_NEWNET) == 0 && start_loopback();
  return is_alone ? StartStage::kStarted : StartStage::kNetwork;
}

// "NUMBER:SOFT:HARD"
bool set_rlimit(const char* value) {
  char* end = nullptr;
  const unsigned long resource = strtoul(value, &end, 10);
  std::uint64_t limits[2] = {0, 0};
  for (std::uint64_t& limit : limits) {
    if (*end != ':') {
      errno = EINVAL;
      return false;
    }
    limit = strtoull(end + 1, &end, 10);
  }
  return syscall(SYS_prlimit64, 0, resource, limits, nullptr) == 0;
}

// "UID:GID[,GID]…"
bool become_user(const char* value) {
  char* end = nullptr;
  const auto uid = static_cast<uid_t>(strtoul(value, &end, 10));
  gid_t groups[kMaxGroups];
  int count = 0;
  while (*end == (count == 0 ? ':' : ',') && count < kMaxGroups) {
    groups[count++] = static_cast<gid_t>(strtoul(end + 1, &end, 10));
  }
  if (*end != '\0' || count == 0) {
    errno = EINVAL;
    return false;
  }
  // Not libc's functions: those would tell every thread of the supervisor, whose memory this is.
  return syscall(SYS_setgroups, count, groups) == 0 &&
         syscall(SYS_setresgid, groups[0], groups[0], groups[0]) == 0 &&
         syscall(SYS_setresuid, uid, uid, uid) == 0;
}

bool write_text(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool is_written = write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
  const int err = errno;
  close(fd);
  errno = err;
  return is_written;
}

// "ID ID 1": the id means itself, and no other means anybody.
bool map_only(const char* file, std::uint32_t id) {
  char text[32];
  char* to = text;
  for (int copy = 0; copy < 2; ++copy) {
    char digits[10];
    int count = 0;
    std::uint32_t rest = id;
    do {
      digits[count++] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest > 0);
    while (count > 0) *to++ = digits[--count];
    *to++ = ' ';
  }
  *to++ = '1';
  *to = '\0';
  return write_text(file, text);
}

// What a root of the task's could do it can do to itself only. user_namespaces(7): who maps nobody
// but itself needs no rights, but must have given up setgroups(2).
bool enter_user_namespace() {
  const auto uid = static_cast<std::uint32_t>(syscall(SYS_geteuid));
  const auto gid = static_cast<std::uint32_t>(syscall(SYS_getegid));
  if (unshare(CLONE_NEWUSER) != 0) return false;
  // The files of one that changed its user belong to root while it may not be dumped.
  const int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  const bool is_mapped = write_text("/proc/self/setgroups", "deny") &&
                         map_only("/proc/self/uid_map", uid) && map_only("/proc/self/gid_map", gid);
  const int err = errno;
  prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1 : 0, 0, 0, 0);
  errno = err;
  return is_mapped;
}

// For good: what is started later cannot get them back.
bool drop_bounding(std::uint64_t keep) {
  for (unsigned long each = 0; each < 64; ++each) {
    if ((keep >> each & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, each, 0, 0, 0) == 0) continue;
    return errno == EINVAL;  // beyond the last one that the kernel knows
  }
  return true;
}

bool drop_capabilities(std::uint64_t keep) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  for (int half = 0; half < 2; ++half) {
    data[half].permitted &= static_cast<std::uint32_t>(keep >> (32 * half));
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return syscall(SYS_capset, &header, data) == 0;
}

bool join_cgroups(const Settings& settings) {
  return each(settings, kCgroupSetting,
              [](const char* folder) { return write_cgroup_file(folder, "cgroup.procs", "0"); });
}

// While it may: the kernel lets nobody without rights go below what was written with them. The
// supervisor, whose memory this is, keeps its own (proc(5)).
bool set_oom_score(const char* value) {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return true;
  [[maybe_unused]] const ssize_t put = write(fd, value, strlen(value));
  close(fd);
  return true;
}

}  // namespace

bool read_settings(int argc, char** argv, Settings* settings, int* task_arguments) {
  if (argc <= kSettingsArgument - 1) return false;
  char* end = nullptr;
  const long count = strtol(argv[kSettingsArgument - 1], &end, 10);
  if (*end != '\0' || count < 0 || count > kMaxSettings) return false;
  if (argc <= kSettingsArgument + count) return false;
  *settings = {argv + kSettingsArgument, static_cast<int>(count)};
  *task_arguments = kSettingsArgument + static_cast<int>(count);
  for (int i = 0; i < settings->count; ++i) {
    if (!is_known(settings->words[i])) return false;
  }
  return true;
}

StartStage make_cgroups(const Settings& settings) {
  const char* folder = nullptr;
  for (int i = 0; i < settings.count; ++i) {
    const char* word = settings.words[i];
    bool is_done = true;
    if (const char* path = value_of(word, kCgroupSetting)) {
      folder = path;
      is_done = mkdir(folder, 0755) == 0;
    } else if (const char* must = value_of(word, kWriteSetting)) {
      is_done = write_setting(folder, must);
    } else if (const char* may = value_of(word, kTryWriteSetting)) {
      write_setting(folder, may);
    } else if (const char* rules = value_of(word, kDevicesSetting)) {
      if (!allow_devices(folder, rules)) return StartStage::kDevices;
    }
    if (!is_done) return StartStage::kCgroup;
  }
  return StartStage::kStarted;
}

StartStage read_filter(const Settings& settings) {
  if (!has(settings, kSeccomp)) return StartStage::kStarted;
  const ssize_t got = pread(kFilterFd, filter, sizeof(filter), 0);
  if (got < 0) return StartStage::kSeccomp;
  filter_length = static_cast<unsigned short>(static_cast<std::size_t>(got) / sizeof(sock_filter));
  if (filter_length > 0) return StartStage::kStarted;
  errno = EINVAL;
  return StartStage::kSeccomp;
}

StartStage apply_settings(const Settings& settings) {
  if (!join_cgroups(settings)) return StartStage::kCgroup;
  each(settings, kOomSetting, set_oom_score);
  if (const StartStage in = enter_namespaces(settings); in != StartStage::kStarted) return in;
  if (!each(settings, kRlimitSetting, set_rlimit)) return StartStage::kLimits;
  std::uint64_t keep = ~std::uint64_t{0};
  each(settings, kCapabilitiesSetting, [&keep](const char* mask) {
    keep = strtoull(mask, nullptr, 16);
    return true;
  });
  const bool drops = keep != ~std::uint64_t{0};
  if (drops && !drop_bounding(keep)) return StartStage::kCapabilities;
  if (!each(settings, kUserSetting, become_user)) return StartStage::kUser;
  if (has(settings, kUserNamespace)) {
    if (!enter_user_namespace()) return StartStage::kUserNamespace;
    // In there it has all of them, again.
    if (drops && !drop_bounding(keep)) return StartStage::kCapabilities;
  }
  if (drops && !drop_capabilities(keep)) return StartStage::kCapabilities;
  return StartStage::kStarted;
}

StartStage apply_filter(const Settings& settings) {
  if (!has(settings, kSeccomp)) return StartStage::kStarted;
  const sock_fprog program = {filter_length, filter};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? StartStage::kStarted
                                                                   : StartStage::kSeccomp;
}

void forget_filter() {
  if (filter_length > 0) madvise(filter, sizeof(filter), MADV_DONTNEED);
}

const char* cgroup_of(const Settings& settings, int index) {
  for (int i = 0; i < settings.count; ++i) {
    const char* path = value_of(settings.words[i], kCgroupSetting);
    if (path != nullptr && index-- == 0) return path;
  }
  return nullptr;
}

void note_usage(const Settings& settings, ExitPayload* ended) {
  each(settings, kCgroupSetting, [ended](const char* folder) {
    std::uint64_t kills = 0;
    if (read_oom_kills(folder, &kills)) ended->oom_kills = static_cast<std::uint32_t>(kills);
    if (!read_cgroup_number(folder, "memory.max", nullptr, &ended->memory_limit)) {
      read_cgroup_number(folder, "memory.limit_in_bytes", nullptr, &ended->memory_limit);
    }
    if (!read_cgroup_number(folder, "memory.peak", nullptr, &ended->memory_peak)) {
      read_cgroup_number(folder, "memory.max_usage_in_bytes", nullptr, &ended->memory_peak);
    }
    return true;
  });
}

void remove_cgroups(const Settings& settings) {
  each(settings, kCgroupSetting, [](const char* folder) {
    remove_cgroup(folder);  // what cannot be removed now is removed by the agent
    return true;
  });
}

}  // namespace shoal::agent
