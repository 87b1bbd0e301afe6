#include "agent/spawner.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/errno_status.h"
#include "agent/supervisor/record.h"

// The child runs in the agent's memory. A sanitizer that kept its books there would count a
// function that is entered and never left (execve does not return), so it is kept out of the child.
#if defined(__has_attribute) && __has_attribute(disable_sanitizer_instrumentation)
#define SHOAL_IN_CHILD __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define SHOAL_IN_CHILD \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined"), noinline))
#endif

// glibc's other name for clone(2), the same function. Some sanitizers put their own in place of
// `clone` and take it for a fork, which a child in the same memory is not.
// NOLINTNEXTLINE(readability-identifier-naming): the name is glibc's
extern "C" int __clone(int (*child)(void*), void* stack, int flags, void* argument, ...);

namespace shoal::agent {

namespace {

constexpr std::size_t kGuardBytes = 4096;
constexpr std::size_t kStackBytes = 64 * 1024 + kGuardBytes;
constexpr int kCloneFlags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD;
constexpr int kSignals = 64;

// The kernel's own sigaction (x86-64 and arm64 agree on these sizes; arm64 leaves out restorer, and
// all is zero here).
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  std::uint64_t mask;
};

enum class Stage { kNotStarted, kDescriptors, kFolder, kExec };

// Everything the child reads, made before it exists, and the two words it writes.
struct ChildPlan {
  const char* path;
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int null_fd;
  int out_fd;
  int err_fd;
  int report_fd;
  int filter_fd;
  int highest_fd;
  volatile Stage stage;
  volatile int err;
};

// System calls by number throughout: libc's wrappers may be intercepted by a sanitizer, which would
// note the child's changes (closed descriptors, signal handlers) as if the agent had made them.
template <typename... Args>
SHOAL_IN_CHILD inline long raw(long number, Args... args) {
  return ::syscall(number, args...);
}

SHOAL_IN_CHILD void fail(ChildPlan* plan, Stage stage) {
  plan->err = errno;
  plan->stage = stage;
  raw(SYS_exit_group, 127);
}

// Runs between clone and execve: only system calls, no memory is taken, nothing is locked.
SHOAL_IN_CHILD int child_main(void* argument) {
  auto* plan = static_cast<ChildPlan*>(argument);
  KernelSigaction by_default;
  by_default.handler = nullptr;  // SIG_DFL
  by_default.flags = 0;
  by_default.restorer = nullptr;
  by_default.mask = 0;
  // All signals stay blocked: the supervisor takes them from the first moment on.
  for (int signo = 1; signo <= kSignals; ++signo) {
    raw(SYS_rt_sigaction, signo, &by_default, nullptr, sizeof(std::uint64_t));
  }
  raw(SYS_setsid);
  raw(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const unsigned all = ~0u;
  if (raw(SYS_close_range, static_cast<unsigned>(plan->highest_fd) + 1, all, CLOSE_RANGE_UNSHARE) !=
          0 ||
      raw(SYS_dup3, plan->null_fd, 0, 0) < 0 || raw(SYS_dup3, plan->out_fd, 1, 0) < 0 ||
      raw(SYS_dup3, plan->err_fd, 2, 0) < 0 || raw(SYS_dup3, plan->report_fd, kReportFd, 0) < 0 ||
      raw(SYS_dup3, plan->filter_fd, kFilterFd, 0) < 0 ||
      raw(SYS_close_range, static_cast<unsigned>(kFilterFd) + 1, all, 0) != 0) {
    fail(plan, Stage::kDescriptors);
  }
  // The agent may have died before the prctl: then nobody holds the other end. (Its pid says
  // nothing where the child has a pid namespace.)
  pollfd reader = {kReportFd, 0, 0};
  timespec at_once = {0, 0};
  if (raw(SYS_ppoll, &reader, 1, &at_once, nullptr, 0) != 0) raw(SYS_exit_group, 127);
  if (raw(SYS_chdir, plan->folder) != 0) fail(plan, Stage::kFolder);
  raw(SYS_execve, plan->path, plan->arguments, plan->environment);
  fail(plan, Stage::kExec);
  return 127;
}

// Also the two signals libc keeps for itself and does not let pthread_sigmask block.
class BlockedSignals {
 public:
  BlockedSignals() {
    const std::uint64_t all = ~std::uint64_t{0};
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof(all));
  }
  ~BlockedSignals() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof(before_));
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  std::uint64_t before_ = 0;
};

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

std::optional<SpawnError> check(const SpawnRequest& request) {
  if (request.arguments.empty() || request.arguments.front().empty()) {
    return SpawnError{SpawnFailure::kEmptyCommand, 0, "the command is empty"};
  }
  for (std::size_t i = 0; i < request.arguments.size(); ++i) {
    if (has_nul(request.arguments[i])) {
      return SpawnError{
          SpawnFailure::kNulByte, 0,
          absl::StrCat("argument ", i, " ", quoted(request.arguments[i]), " holds a NUL byte")};
    }
  }
  if (has_nul(request.working_directory) || has_nul(request.task_uuid)) {
    return SpawnError{SpawnFailure::kNulByte, 0, "working directory or uuid holds a NUL byte"};
  }
  if (request.working_directory.substr(0, 1) != "/") {
    return SpawnError{SpawnFailure::kBadWorkingDirectory, 0,
                      absl::StrCat("the working directory ", quoted(request.working_directory),
                                   " is not an absolute path")};
  }
  for (const auto& [name, value] : request.environment) {
    if (has_nul(name) || has_nul(value)) {
      return SpawnError{SpawnFailure::kNulByte, 0,
                        absl::StrCat("variable ", quoted(name), " holds a NUL byte")};
    }
    if (name.empty() || name.find('=') != std::string::npos) {
      return SpawnError{SpawnFailure::kBadEnvironment, 0,
                        absl::StrCat("variable name ", quoted(name), " is empty or holds '='")};
    }
  }
  return std::nullopt;
}

// What the supervisor is given, all of it owned here.
struct Command {
  std::string path;
  std::vector<std::string> arguments;    // the task's own
  std::vector<std::string> environment;  // NAME=value, each name once
};

// Fills in the environment; gives the task's PATH.
std::string_view set_environment(const SpawnRequest& request, Command* command) {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  absl::flat_hash_map<std::string_view, std::size_t> place;
  const auto set = [&](std::string_view name, std::string_view value) {
    const auto [found, is_new] = place.try_emplace(name, variables.size());
    if (is_new) {
      variables.emplace_back(name, value);
    } else {
      variables[found->second].second = value;
    }
  };
  set("PATH", kDefaultTaskPath);
  set("HOME", request.working_directory);
  for (const auto& [name, value] : request.environment) set(name, value);
  // Last: it is how a task's stray processes are found, and a task does not choose it.
  if (!request.task_uuid.empty()) set(kTaskMarker, request.task_uuid);
  command->environment.reserve(variables.size());
  for (const auto& [name, value] : variables) {
    command->environment.push_back(std::string(name).append(1, '=').append(value));
  }
  return variables.front().second;
}

constexpr char kShell[] = "/bin/sh";

std::optional<SpawnError> look_up(const SpawnRequest& request, std::string_view search_path,
                                  std::string* path) {
  Lookup program = look_up_program(request.shell ? kShell : request.arguments.front(), search_path,
                                   request.working_directory);
  *path = std::move(program.path);
  if (!path->empty()) return std::nullopt;
  // A missing working directory hides what is in it: say that first.
  struct stat info {};
  if (::stat(request.working_directory.c_str(), &info) != 0) {
    return explain_chdir_failure(request.working_directory, errno);
  }
  return std::move(program.error);
}

std::optional<SpawnError> prepare(const SpawnRequest& request, Command* command) {
  if (auto refused = check(request)) return refused;
  const std::string_view search_path = set_environment(request, command);
  if (request.shell) command->arguments = {kShell, "-c"};
  command->arguments.insert(command->arguments.end(), request.arguments.begin(),
                            request.arguments.end());
  // sh -c LINE NAME $1 $2: the name is what the shell calls itself in its messages.
  if (request.shell && command->arguments.size() > 3) {
    command->arguments.insert(command->arguments.begin() + 3, "sh");
  }
  command->path = request.program;
  if (!command->path.empty()) return std::nullopt;
  return look_up(request, search_path, &command->path);
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> words_for_supervisor(const SpawnRequest& request,
                                              const std::string& path) {
  std::vector<std::string> words = {kSupervisorName,
                                    kSupervisorInterface,
                                    request.boot_id,
                                    request.working_directory,
                                    path,
                                    std::to_string(request.settings.size())};
  static_assert(kSettingsArgument == 6);
  words.insert(words.end(), request.settings.begin(), request.settings.end());
  return words;
}

SpawnResult failed(SpawnError error) {
  SpawnResult result;
  result.error = std::move(error);
  return result;
}

SpawnError resources(int err, std::string_view what) {
  return SpawnError{SpawnFailure::kResourceExhausted, err,
                    std::string(errno_status(err, what).message())};
}

SpawnError explain(const ChildPlan& plan, const Command& command,
                   const std::string& working_directory) {
  const int err = plan.err;
  switch (plan.stage) {
    case Stage::kFolder:
      return explain_chdir_failure(plan.folder, err);
    case Stage::kExec:
      // The supervisor is given what the task is: too long for one is too long for the other.
      if (err == E2BIG) return explain_exec_failure(command.path, working_directory, err);
      return explain_exec_failure(plan.path, plan.folder, err);
    case Stage::kDescriptors:
    case Stage::kNotStarted:
      break;
  }
  return resources(err, "setting up a task's descriptors");
}

SpawnError held(const StartReport& report, std::string_view what) {
  return SpawnError{SpawnFailure::kNotIsolated, report.err,
                    std::string(errno_status(report.err, what).message())};
}

SpawnError explain(const StartReport& report, const Supervised& supervised) {
  switch (report.stage) {
    case StartStage::kDirectory:
      return explain_chdir_failure(supervised.working_directory, report.err);
    case StartStage::kExec:
      return explain_exec_failure(supervised.program, supervised.working_directory, report.err);
    case StartStage::kRecord:
      return SpawnError{
          SpawnFailure::kOther, report.err,
          std::string(errno_status(report.err, "writing the record of a task").message())};
    case StartStage::kUser:
      return held(report, "becoming the task's user");
    case StartStage::kCgroup:
      return held(report, "making a task's cgroups");
    case StartStage::kDevices:
      return held(report, "limiting the device files of a task");
    case StartStage::kNamespaces:
      return held(report, "giving a task its namespaces");
    case StartStage::kUserNamespace:
      return held(report, "giving a task its user namespace");
    case StartStage::kPaths:
      return held(report, "making the paths read-only that a task wants so");
    case StartStage::kNetwork:
      return held(report, "giving a task a network of its own");
    case StartStage::kLimits:
      return held(report, "setting the limits of a task");
    case StartStage::kCapabilities:
      return held(report, "dropping the capabilities of a task");
    case StartStage::kSeccomp:
      return held(report, "setting the system call filter of a task");
    case StartStage::kSettings:
      return SpawnError{SpawnFailure::kOther, report.err,
                        "the supervisor is of another version than the agent"};
    case StartStage::kFork:
    case StartStage::kStarted:
      break;
  }
  return resources(report.err, "starting a process");
}

// Waits for a child that is known to be ending.
void reap(const SpawnedProcess& process) {
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

UniqueFd above_standard(int fd) {
  return UniqueFd(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, kFilterFd + 1));
}

// Blocks until the child has exec'd or failed. The child's pid, or -1 and errno.
pid_t clone_child(void* stack, int flags, ChildPlan* plan, int* pidfd) {
  const BlockedSignals blocked;
  return ::__clone(child_main, static_cast<char*>(stack) + kStackBytes, flags, plan, pidfd);
}

}  // namespace

StartResult read_start(const Supervised& supervised) {
  StartResult result;
  StartReport report{};
  ssize_t got = 0;
  do {
    got = ::read(supervised.report.get(), &report, sizeof(report));
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return result;
  result.outcome = StartResult::Outcome::kFailed;
  if (got != static_cast<ssize_t>(sizeof(report)) || report.magic != kReportMagic) {
    result.error =
        SpawnError{SpawnFailure::kOther, 0, "the supervisor ended before the task began"};
  } else if (report.stage != StartStage::kStarted) {
    result.stage = report.stage;
    result.error = explain(report, supervised);
  } else {
    result.outcome = StartResult::Outcome::kStarted;
    result.leader = report.pid;
  }
  return result;
}

absl::StatusOr<std::string> supervisor_beside_this_program() {
  std::string path(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return errno_status(errno, "looking for this program");
  path.resize(static_cast<std::size_t>(length));
  path.resize(path.rfind('/') + 1);
  return path + kSupervisorName;
}

absl::StatusOr<Spawner> Spawner::create(std::string supervisor) {
  if (::access(supervisor.c_str(), X_OK) != 0) {
    return errno_status(errno, absl::StrCat("the program that stays with tasks, ", supervisor));
  }
  struct sigaction child_signal {};
  if (::sigaction(SIGCHLD, nullptr, &child_signal) == 0 &&
      (child_signal.sa_handler == SIG_IGN || (child_signal.sa_flags & SA_NOCLDWAIT) != 0)) {
    child_signal.sa_handler = SIG_DFL;
    child_signal.sa_flags = 0;
    ::sigaction(SIGCHLD, &child_signal, nullptr);
  }
  Spawner spawner;
  spawner.supervisor_ = std::move(supervisor);
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return errno_status(errno, "opening /dev/null");
  spawner.null_ = above_standard(null.get());
  spawner.out_slot_ = above_standard(null.get());
  spawner.err_slot_ = above_standard(null.get());
  spawner.report_slot_ = above_standard(null.get());
  spawner.filter_slot_ = above_standard(null.get());
  if (!spawner.filter_slot_.valid()) return errno_status(errno, "taking descriptors for tasks");
  void* stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return errno_status(errno, "taking a stack for the spawner");
  spawner.stack_ = stack;
  ::mprotect(stack, kGuardBytes, PROT_NONE);
  return spawner;
}

Spawner::Spawner(Spawner&& other) noexcept
    : supervisor_(std::move(other.supervisor_)),
      stack_(std::exchange(other.stack_, nullptr)),
      null_(std::move(other.null_)),
      out_slot_(std::move(other.out_slot_)),
      err_slot_(std::move(other.err_slot_)),
      report_slot_(std::move(other.report_slot_)),
      filter_slot_(std::move(other.filter_slot_)) {}

Spawner::~Spawner() {
  if (stack_ != nullptr) ::munmap(stack_, kStackBytes);
}

bool Spawner::connect(const SpawnRequest& request, int report) {
  const int filter = request.filter_fd < 0 ? null_.get() : request.filter_fd;
  return ::dup3(filter, filter_slot_.get(), O_CLOEXEC) >= 0 &&
         ::dup3(request.stdout_fd, out_slot_.get(), O_CLOEXEC) >= 0 &&
         ::dup3(request.stderr_fd, err_slot_.get(), O_CLOEXEC) >= 0 &&
         ::dup3(report, report_slot_.get(), O_CLOEXEC) >= 0;
}

void Spawner::disconnect() {
  // Otherwise a log file would stay open here until the next task is started, and a supervisor that
  // dies would not be noticed.
  ::dup3(null_.get(), out_slot_.get(), O_CLOEXEC);
  ::dup3(null_.get(), err_slot_.get(), O_CLOEXEC);
  ::dup3(null_.get(), report_slot_.get(), O_CLOEXEC);
  ::dup3(null_.get(), filter_slot_.get(), O_CLOEXEC);
}

std::optional<SpawnError> Spawner::find_program(SpawnRequest& request) {
  if (auto refused = check(request)) return refused;
  Command command;
  const std::string_view search_path = set_environment(request, &command);
  return look_up(request, search_path, &request.program);
}

SpawnResult Spawner::spawn(const SpawnRequest& request) {
  Command command;
  if (auto refused = prepare(request, &command)) return failed(std::move(*refused));
  std::vector<std::string> words = words_for_supervisor(request, command.path);
  std::move(command.arguments.begin(), command.arguments.end(), std::back_inserter(words));
  const std::vector<char*> arguments = pointers_to(words);
  const std::vector<char*> environment = pointers_to(command.environment);
  ChildPlan plan{supervisor_.c_str(),
                 arguments.data(),
                 environment.data(),
                 request.run_folder.c_str(),
                 null_.get(),
                 out_slot_.get(),
                 err_slot_.get(),
                 report_slot_.get(),
                 filter_slot_.get(),
                 std::max({null_.get(), out_slot_.get(), err_slot_.get(), report_slot_.get(),
                           filter_slot_.get()}),
                 Stage::kNotStarted,
                 0};
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return failed(resources(errno, "taking a pipe"));
  UniqueFd report(ends[0]);
  UniqueFd report_end(ends[1]);
  if (!connect(request, report_end.get())) {
    const int err = errno;
    disconnect();
    return failed(SpawnError{SpawnFailure::kOther, err,
                             std::string(errno_status(err, "connecting the output").message())});
  }
  int pidfd = -1;
  const int flags = kCloneFlags | (request.own_pids ? CLONE_NEWPID : 0);
  const pid_t pid = clone_child(stack_, flags, &plan, &pidfd);
  const int clone_error = errno;
  disconnect();
  if (pid < 0) return failed(resources(clone_error, "starting a process"));
  SpawnedProcess process{pid, UniqueFd(pidfd)};
  if (plan.stage != Stage::kNotStarted) {
    reap(process);
    return failed(explain(plan, command, request.working_directory));
  }
  SpawnResult result;
  result.supervised.emplace(Supervised{std::move(process), std::move(report),
                                       std::move(command.path), request.working_directory});
  return result;
}

}  // namespace shoal::agent
