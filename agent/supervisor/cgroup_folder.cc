#include "agent/supervisor/cgroup_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/supervisor/pid_list.h"

namespace shoal::agent {
namespace {

constexpr int kFrozenLooks = 20;  // at a freezer that is on its way, a millisecond apart

int open_in(const char* folder, const char* name, int flags) {
  char path[kMaxCgroupPath];
  const int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
  if (length < 0 || length >= kMaxCgroupPath) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return open(path, flags | O_CLOEXEC);
}

ssize_t read_file(const char* folder, const char* name, char* text, std::size_t size) {
  const int fd = open_in(folder, name, O_RDONLY);
  if (fd < 0) return -1;
  const ssize_t got = read(fd, text, size - 1);
  close(fd);
  if (got >= 0) text[got] = '\0';
  return got;
}

// Calls visit(pid) for each process of the folder itself; how many, or -1.
template <typename Visit>
int each_process(const char* folder, Visit visit) {
  const int fd = open_in(folder, "cgroup.procs", O_RDONLY);
  if (fd < 0) return -1;
  const int count = each_pid(fd, visit);
  close(fd);
  return count;
}

// Nothing in it runs, or forks, until it is thawed. The freezer of version 1, or version 2 (Linux
// 5.2), which holds all below the folder too.
bool freeze(const char* folder, bool* is_v2) {
  *is_v2 = write_cgroup_file(folder, "cgroup.freeze", "1");
  if (!*is_v2 && !write_cgroup_file(folder, "freezer.state", "FROZEN")) return false;
  char state[32];
  for (int look = 0; look < kFrozenLooks; ++look) {
    if (*is_v2) {
      std::uint64_t is_frozen = 0;
      if (!read_cgroup_number(folder, "cgroup.events", "frozen", &is_frozen)) return true;
      if (is_frozen != 0) return true;
    } else {
      if (read_file(folder, "freezer.state", state, sizeof(state)) <= 0) return true;
      if (strncmp(state, "FROZEN", 6) == 0) return true;
    }
    poll(nullptr, 0, 1);
  }
  return true;  // some are stuck in the kernel; the others are held
}

void thaw(const char* folder, bool is_v2) {
  if (is_v2) {
    write_cgroup_file(folder, "cgroup.freeze", "0");
  } else {
    write_cgroup_file(folder, "freezer.state", "THAWED");
  }
}

}  // namespace

bool write_cgroup_file(const char* folder, const char* name, const char* text) {
  const int fd = open_in(folder, name, O_WRONLY);
  if (fd < 0) return false;
  const ssize_t length = static_cast<ssize_t>(strlen(text));
  const bool is_written = write(fd, text, static_cast<std::size_t>(length)) == length;
  const int err = errno;
  close(fd);
  errno = err;
  return is_written;
}

bool read_cgroup_number(const char* folder, const char* name, const char* key,
                        std::uint64_t* value) {
  char text[4096];
  if (read_file(folder, name, text, sizeof(text)) <= 0) return false;
  const char* at = text;
  if (key != nullptr) {
    const std::size_t length = strlen(key);
    while (strncmp(at, key, length) != 0 || at[length] != ' ') {
      at = strchr(at, '\n');
      if (at == nullptr) return false;
      ++at;
    }
    at += length + 1;
  }
  char* end = nullptr;
  errno = 0;
  *value = strtoull(at, &end, 10);
  return errno == 0 && end != at && *at != '-';
}

bool read_oom_kills(const char* folder, std::uint64_t* kills) {
  if (read_cgroup_number(folder, "memory.oom_control", "oom_kill", kills)) return true;
  if (!read_cgroup_number(folder, "memory.events", "oom_kill", kills)) return false;
  // Where all are killed together, the kernel counts the one that it chose first twice.
  std::uint64_t groups = 0;
  read_cgroup_number(folder, "memory.events", "oom_group_kill", &groups);
  if (*kills > 0) *kills -= groups < *kills ? groups : *kills - 1;
  return true;
}

bool kill_cgroup(const char* folder) {
  return write_cgroup_file(folder, "cgroup.kill", "1") || kill_each_of_cgroup(folder);
}

bool kill_each_of_cgroup(const char* folder) {
  bool is_v2 = false;
  const bool is_frozen = freeze(folder, &is_v2);
  bool has_sent = false;
  each_process(folder, [&has_sent](pid_t pid) {
    if (pid > 1 && kill(pid, SIGKILL) == 0) has_sent = true;
  });
  if (is_frozen) thaw(folder, is_v2);
  return has_sent;
}

bool is_cgroup_empty(const char* folder) {
  // Version 2 tells it of all below as well, to where a task may have moved.
  std::uint64_t is_populated = 0;
  if (read_cgroup_number(folder, "cgroup.events", "populated", &is_populated)) {
    return is_populated == 0;
  }
  return each_process(folder, [](pid_t) {}) <= 0;
}

bool remove_cgroup(const char* folder) { return rmdir(folder) == 0 || errno == ENOENT; }

}  // namespace shoal::agent
