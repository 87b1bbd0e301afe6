// shoal-supervisor: stays with one task from its start to its end, whatever becomes of the agent.
//
// It writes down who it is, starts the task in a session of its own and held as its settings say,
// passes signals on, reaps what the task leaves (it is the one orphans come to), and writes down
// how the task ended. It polls nothing and takes no memory: it is linked without any library but
// libc.
//
// Until its own record is written it dies with the agent: a task that runs is always on record.
// The task's leader dies with the supervisor: a task that nobody watches does not run on.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/supervisor/family.h"
#include "agent/supervisor/record.h"
#include "agent/supervisor/settings.h"

namespace shoal::agent {
namespace {

constexpr char kExitAside[] = "exit.tmp";
constexpr char kSupervisorAside[] = "supervisor.tmp";

// As the agent sees it, whose /proc this is: in a pid namespace of its own it has another number
// there. False: unreadable.
bool read_own_place(std::int32_t* pid, std::uint64_t* start_time) {
  char text[1024];
  const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t got = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  *pid = static_cast<std::int32_t>(strtol(text, nullptr, 10));
  char* at = strrchr(text, ')');  // the name before it may hold anything
  for (int field = 2; at != nullptr && field < 22; ++field) at = strchr(at + 1, ' ');
  if (at == nullptr) return false;
  *start_time = strtoull(at + 1, nullptr, 10);
  return true;
}

// The task's leader, as the agent sees it. Its only child.
pid_t outer_pid_of(pid_t leader) {
  if (getpid() != 1) return leader;
  char text[32] = {};
  const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t got = read(fd, text, sizeof(text) - 1);
  close(fd);
  return got > 0 ? static_cast<pid_t>(strtol(text, nullptr, 10)) : 0;
}

template <typename Payload>
bool put_record(int fd, RecordKind kind, const Payload& payload) {
  unsigned char bytes[sizeof(RecordHeader) + sizeof(Payload)];
  const RecordHeader header = header_of(kind, &payload, sizeof(payload));
  memcpy(bytes, &header, sizeof(header));
  memcpy(bytes + sizeof(header), &payload, sizeof(payload));
  return pwrite(fd, bytes, sizeof(bytes), 0) == static_cast<ssize_t>(sizeof(bytes));
}

int make_file(const char* name) {
  return open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

// Not synced: after a power cut neither of us is there.
bool write_own_record(const char* boot_id) {
  SupervisorPayload own;
  memset(&own, 0, sizeof(own));
  if (!read_own_place(&own.pid, &own.start_time)) return false;
  strncpy(own.boot_id, boot_id, kBootIdBytes - 1);
  const int fd = make_file(kSupervisorAside);
  if (fd < 0) return false;
  const bool is_written = put_record(fd, RecordKind::kSupervisor, own);
  close(fd);
  return is_written && rename(kSupervisorAside, kSupervisorFile) == 0;
}

// Made before the task begins, with its bytes: a disk that is full at the end has room for it.
int reserve_exit_record() {
  const int fd = make_file(kExitAside);
  if (fd < 0) return -1;
  const ExitPayload empty = {};
  if (put_record(fd, RecordKind::kExit, empty)) return fd;
  close(fd);
  return -1;
}

bool write_exit_record(int fd, const ExitPayload& ended) {
  if (!put_record(fd, RecordKind::kExit, ended) || fsync(fd) != 0) return false;
  if (rename(kExitAside, kExitFile) != 0) return false;
  const int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_synced = folder >= 0 && fsync(folder) == 0;
  if (folder >= 0) close(folder);
  return is_synced;
}

struct Start {
  const char* directory;
  const char* path;
  char** arguments;
  Settings settings;
  volatile StartStage stage;
  volatile int err;
};

void fail(Start* start, StartStage stage) {
  start->err = errno;
  start->stage = stage;
  _exit(127);
}

// In the child, in the supervisor's memory, until execve.
void become_task(Start* start, pid_t supervisor) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127);
  if (const StartStage held = apply_settings(start->settings); held != StartStage::kStarted) {
    fail(start, held);
  }
  // Again: the kernel forgets it when the user changes.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127);
  // What its user may not enter, the task may not either.
  if (chdir(start->directory) != 0) fail(start, StartStage::kDirectory);
  umask(022);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (const StartStage held = apply_filter(start->settings); held != StartStage::kStarted) {
    fail(start, held);
  }
  execve(start->path, start->arguments, environ);
  fail(start, StartStage::kExec);
}

// Before the task's process exists.
StartStage prepare(const Settings& settings) {
  if (const StartStage made = make_cgroups(settings); made != StartStage::kStarted) return made;
  return read_filter(settings);
}

// The task's leader; 0: it could not be started, `start` says why.
pid_t start_task(Start* start) {
  start->stage = prepare(start->settings);
  if (start->stage != StartStage::kStarted) {
    start->err = errno;
    return 0;
  }
  const pid_t supervisor = getpid();
  const pid_t leader = vfork();
  // Only system calls and fields of `start`, which the parent reads after the child's execve or
  // end.
  if (leader == 0) become_task(start, supervisor);  // NOLINT(clang-analyzer-unix.Vfork)
  if (leader < 0) {
    start->err = errno;
    start->stage = StartStage::kFork;
    return 0;
  }
  if (start->stage == StartStage::kStarted) return leader;
  while (waitpid(leader, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

void report(StartStage stage, int err, pid_t leader) {
  const StartReport told = {kReportMagic, stage, err, leader};
  // Nobody may be there to read it any more.
  while (write(kReportFd, &told, sizeof(told)) < 0 && errno == EINTR) {
  }
  close(kReportFd);
}

// The output is the task's own from here on.
void let_output_go() {
  dup2(STDIN_FILENO, STDOUT_FILENO);
  dup2(STDIN_FILENO, STDERR_FILENO);
  close(kFilterFd);
}

int supervise(int argc, char** argv) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  fcntl(kFilterFd, F_SETFD, FD_CLOEXEC);
  Settings settings;
  int task_arguments = 0;
  if (argc < 2 || strcmp(argv[1], kSupervisorInterface) != 0 ||
      !read_settings(argc, argv, &settings, &task_arguments)) {
    report(StartStage::kSettings, EINVAL, 0);
    return 2;
  }
  const int exit_record = reserve_exit_record();
  if (exit_record < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || !write_own_record(argv[2])) {
    report(StartStage::kRecord, errno, 0);
    return 1;
  }
  prctl(PR_SET_PDEATHSIG, 0);  // on record: the agent may go
  Start start = {argv[3], argv[4], argv + task_arguments, settings, StartStage::kStarted, 0};
  const pid_t leader = start_task(&start);
  if (leader == 0) {
    const int err = start.err;
    remove_cgroups(settings);  // first: who hears that it failed finds nothing of it
    report(start.stage, err, 0);
    return 1;
  }
  report(start.stage, 0, outer_pid_of(leader));
  let_output_go();
  forget_filter();
  Family family(leader, cgroup_of(settings, 0));
  ExitPayload ended = family.stay_until_the_end();
  note_usage(settings, &ended);
  const bool is_written = write_exit_record(exit_record, ended);
  remove_cgroups(settings);
  return is_written ? 0 : 1;
}

}  // namespace
}  // namespace shoal::agent

int main(int argc, char** argv) { return shoal::agent::supervise(argc, argv); }
