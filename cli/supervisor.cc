#include "cli/supervisor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "net/random.h"

namespace shoal::cli {
namespace {

constexpr net::BackoffLimits kRestartBackoff{std::chrono::milliseconds(100),
                                             std::chrono::seconds(5)};
constexpr std::chrono::seconds kLivedLongEnough{10};  // its next death starts the backoff anew

absl::Status os_error(std::string_view what) {
  return absl::InternalError(fmt::format("{}: {}", what, std::strerror(errno)));
}

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void become(const char* program, char* const* arguments, int log, int null,
                         pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(program, arguments);
  ::_exit(127);
}

// The children of this process, by /proc.
std::vector<pid_t> list_children() {
  std::vector<pid_t> children;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return children;
  while (const dirent* entry = ::readdir(folder)) {
    pid_t pid = 0;
    if (!core::parse_int(std::string_view(entry->d_name), &pid)) continue;
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(file, line);
    // pid (name, which may hold anything) state ppid …
    const std::size_t end = line.rfind(") ");
    if (end == std::string::npos || line.size() < end + 4) continue;
    const auto fields = core::split(std::string_view(line).substr(end + 2), ' ');
    pid_t parent = 0;
    if (fields.size() > 1 && core::parse_int(fields[1], &parent) && parent == ::getpid()) {
      children.push_back(pid);
    }
  }
  ::closedir(folder);
  return children;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Supervisor>> Supervisor::create(net::Reactor& reactor,
                                                               OnDeath on_death) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return os_error("cannot become a subreaper");
  std::unique_ptr<Supervisor> supervisor(new Supervisor(reactor));
  supervisor->on_death_ = std::move(on_death);
  Supervisor* self = supervisor.get();
  auto watcher = net::SignalWatcher::create(reactor, SIGCHLD, [self] { self->reap(); });
  if (!watcher.ok()) return watcher.status();
  supervisor->child_signal_ = *std::move(watcher);
  supervisor->patience_ = std::make_unique<net::Timer>(reactor, [self] { self->kill_now(); });
  return supervisor;
}

Supervisor::~Supervisor() = default;

absl::StatusOr<Supervisor::ChildId> Supervisor::start(ChildSpec spec) {
  auto child = std::make_unique<Child>();
  Child* self = child.get();
  child->spec = std::move(spec);
  child->backoff = std::make_unique<net::Backoff>(net::random_seed(), kRestartBackoff);
  child->restart = std::make_unique<net::Timer>(reactor_, [this, self] {
    if (!shutting_down_ && !spawn(*self).ok()) self->restart->start(kRestartBackoff.max);
  });
  if (auto status = spawn(*child); !status.ok()) return status;
  children_.push_back(std::move(child));
  return children_.size() - 1;
}

absl::Status Supervisor::spawn(Child& child) {
  const int log =
      ::open(child.spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return os_error(fmt::format("cannot open {}", child.spec.log_file));
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::string program = "shoal";
  std::vector<char*> arguments = {program.data()};
  for (std::string& word : child.spec.words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const char* path = child.spec.program.empty() ? "/proc/self/exe" : child.spec.program.c_str();
  const pid_t parent = ::getpid();
  child.started = reactor_.now();
  child.pid = ::fork();
  if (child.pid == 0) become(path, arguments.data(), log, null, parent);
  const int error = errno;
  ::close(log);
  if (null >= 0) ::close(null);
  errno = error;
  if (child.pid < 0) return os_error("cannot start a process");
  return absl::OkStatus();
}

void Supervisor::reap() {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    for (ChildId id = 0; id < children_.size(); ++id) {
      if (children_[id]->pid == pid) {
        on_death(id, status);
        break;
      }
    }
  }
}

void Supervisor::on_death(ChildId id, int status) {
  Child& child = *children_[id];
  child.pid = -1;
  if (shutting_down_) {
    const bool crashed =
        WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGKILL;
    if (crashed) on_death_(id, status, core::Duration{-1});
    return continue_shut_down();
  }
  core::Duration wait{-1};
  if (child.spec.restart) {
    if (reactor_.now() - child.started >= kLivedLongEnough) child.backoff->reset();
    wait = child.backoff->next();
    child.restart->start(wait);
  }
  on_death_(id, status, wait);
}

void Supervisor::signal_all(int number, bool with_first) {
  for (ChildId id = with_first ? 0 : 1; id < children_.size(); ++id) {
    if (children_[id]->pid > 0) ::kill(children_[id]->pid, number);
  }
}

void Supervisor::shut_down(core::Duration patience, std::function<void()> done) {
  if (shutting_down_) return;
  shutting_down_ = true;
  done_ = std::move(done);
  signal_all(SIGTERM, false);
  patience_->start(patience);
  continue_shut_down();
}

void Supervisor::continue_shut_down() {
  const auto lives = [](const auto& child) { return child->pid > 0; };
  if (children_.empty() || std::none_of(children_.begin(), children_.end(), lives)) {
    if (done_) std::exchange(done_, nullptr)();
    return;
  }
  const bool others_live = std::any_of(children_.begin() + 1, children_.end(), lives);
  if (others_live || first_was_told_) return;
  first_was_told_ = true;
  ::kill(children_.front()->pid, SIGTERM);
}

void Supervisor::kill_now() { signal_all(SIGKILL, true); }

int kill_all_children() {
  int killed = 0;
  while (true) {
    for (const pid_t pid : list_children()) {
      if (::kill(pid, SIGKILL) == 0) ++killed;
    }
    // Every death may hand us its own children, so look again after each.
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return killed;
  }
}

std::string describe_wait_status(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace shoal::cli
