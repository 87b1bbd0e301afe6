#include "agent/supervisor/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/supervisor/cgroup_folder.h"
#include "agent/supervisor/pid_list.h"

namespace shoal::agent {
namespace {

constexpr long kPatienceSliceNs = 50'000'000;
constexpr int kPatienceSlices = 20;  // a second for what was sent SIGKILL

void kill_child(pid_t pid) {
  if (pid > 1) kill(pid, SIGKILL);
}

// "12 34 56 ": false when the kernel does not keep this list.
bool kill_listed_children() {
  const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  each_pid(fd, kill_child);
  close(fd);
  return true;
}

struct Place {
  char state;  // as in /proc: 'D' is a sleep that no signal ends
  pid_t parent;
};

// Zeros: there is no such process.
Place place_of(pid_t pid) {
  char path[64];
  char text[512];
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (got <= 0) return {};
  text[got] = '\0';
  const char* close_bracket = strrchr(text, ')');  // ") S PPID"
  if (close_bracket == nullptr || strlen(close_bracket) < 5) return {};
  return {close_bracket[2], static_cast<pid_t>(strtol(close_bracket + 4, nullptr, 10))};
}

// A child that sleeps so; 0: none. Where the kernel keeps no list of children there is none.
pid_t find_sleeper() {
  pid_t found = 0;
  const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  each_pid(fd, [&found](pid_t pid) {
    if (found == 0 && place_of(pid).state == 'D') found = pid;
  });
  close(fd);
  return found;
}

void kill_children_by_scan() {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = static_cast<pid_t>(strtol(entry->d_name, nullptr, 10));
    if (pid > 1 && place_of(pid).parent == getpid()) kill_child(pid);
  }
  closedir(proc);
}

void kill_children() {
  if (!kill_listed_children()) kill_children_by_scan();
}

// A task may ask its parent to trace it (PTRACE_TRACEME). Each of its signals would then stop it,
// and be told here as if it had ended: it is let go, with the signal. False: it is something else.
bool is_let_go(const siginfo_t& info) {
  if (info.si_code != CLD_TRAPPED) return false;
  const int signo = info.si_status & 0x7f;  // above it stands what a tracer has asked to be told
  ptrace(PTRACE_DETACH, info.si_pid, nullptr, signo == SIGTRAP ? 0 : signo);
  return true;
}

enum class Children { kNone, kRunning, kExceptEnded };

// Reaps children that have ended, but not `except` (0: all of them).
Children reap(pid_t except) {
  for (;;) {
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return Children::kNone;
    if (info.si_pid == 0) return Children::kRunning;
    if (is_let_go(info)) continue;
    if (info.si_pid == except) return Children::kExceptEnded;
    waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

// A child that SIGKILL cannot reach. One that is seen sleeping twice with a slice between is: those
// of a storm that makes processes faster than they are killed come and go.
class Sleeper {
 public:
  bool is_there() {
    const pid_t before = pid_;
    if (before != 0 && place_of(before).state == 'D') return is_sure_ = true;
    pid_ = find_sleeper();
    return pid_ != 0 && (before == 0 || is_sure_);
  }

 private:
  pid_t pid_ = 0;
  bool is_sure_ = false;
};

sigset_t heard() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);
  return set;
}

}  // namespace

void Family::terminate() const {
  kill(-leader_, SIGTERM);
  kill(-leader_, SIGCONT);  // a stopped task hears SIGTERM only when it goes on
}

void Family::kill_all() const {
  kill(-leader_, SIGKILL);
  kill_rest();
}

// What has left the group.
void Family::kill_rest() const {
  if (getpid() == 1) kill(-1, SIGKILL);  // the first of a pid namespace: everybody else in it
  if (cgroup_ != nullptr) kill_cgroup(cgroup_);
  kill_children();  // orphans; their children come when those are dead
}

ExitPayload Family::stay_until_the_end() {
  const sigset_t set = heard();
  for (;;) {
    const int signo = sigwaitinfo(&set, nullptr);
    if (signo == SIGTERM) terminate();
    if (signo == SIGUSR1) kill_all();
    if (reap(leader_) == Children::kExceptEnded) return finish();
  }
}

ExitPayload Family::finish() const {
  // The group first, and only then the leader is reaped: its zombie keeps the group's number.
  kill(-leader_, SIGKILL);
  siginfo_t info;
  do {
    memset(&info, 0, sizeof(info));
    waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED);
  } while (is_let_go(info));
  ExitPayload ended = {};
  ended.how = info.si_code == CLD_EXITED ? kExited : kSignaled;
  ended.code = info.si_status;
  ended.core_dumped = info.si_code == CLD_DUMPED ? 1 : 0;

  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  const timespec slice = {0, kPatienceSliceNs};
  Sleeper sleeper;
  for (int slices = 0; slices < kPatienceSlices || sleeper.is_there();) {
    do {
      kill_rest();
      if (reap(0) == Children::kNone && (cgroup_ == nullptr || is_cgroup_empty(cgroup_))) {
        return ended;
      }
    } while (sigtimedwait(&child, nullptr, &slice) >= 0);
    ++slices;
  }
  ended.left = 1;
  return ended;
}

}  // namespace shoal::agent
