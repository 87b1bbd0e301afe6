// Starts daemons as child processes, starts them again when they die, and leaves nothing behind.
//
// Children are found dead by SIGCHLD and waitpid(-1): this process is a subreaper, so whatever a
// killed daemon leaves (its tasks) becomes a child of this one and is reaped too. Each child has a
// process group of its own, so that Ctrl-C at a terminal reaches only the supervisor, which ends
// them in order; and each is sent SIGTERM when the supervisor itself dies.
//
// Threads: the reactor's only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/backoff.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"
#include "net/timer.h"

namespace shoal::cli {

struct ChildSpec {
  std::string name;                // for messages
  std::string program;             // a path; empty: this same program
  std::vector<std::string> words;  // its arguments
  std::string log_file;            // gets its stdout and stderr, appended
  bool restart = true;             // when it dies
};

class Supervisor {
 public:
  using ChildId = std::size_t;
  // A child died by itself, or crashed while it was being ended. `status` is waitpid's;
  // `restarts_in` < 0: it is not started again.
  using OnDeath = std::function<void(ChildId, int status, core::Duration restarts_in)>;

  // Makes this process a subreaper. Errors: INTERNAL.
  static absl::StatusOr<std::unique_ptr<Supervisor>> create(net::Reactor& reactor,
                                                            OnDeath on_death);
  ~Supervisor();

  // Errors: INTERNAL, with the reason of fork or of the log file.
  absl::StatusOr<ChildId> start(ChildSpec spec);
  const ChildSpec& spec(ChildId id) const { return children_[id]->spec; }

  // SIGTERM to all children but the first, then to the first (the master, which the others want to
  // say good-bye to), and SIGKILL to what is left after `patience`. `done` when none lives.
  void shut_down(core::Duration patience, std::function<void()> done);
  void kill_now();

 private:
  struct Child {
    ChildSpec spec;
    pid_t pid = -1;  // -1: not running
    core::TimePoint started;
    std::unique_ptr<net::Backoff> backoff;
    std::unique_ptr<net::Timer> restart;
  };

  explicit Supervisor(net::Reactor& reactor) : reactor_(reactor) {}
  absl::Status spawn(Child& child);
  void reap();
  void on_death(ChildId id, int status);
  void signal_all(int number, bool with_first);
  void continue_shut_down();

  net::Reactor& reactor_;
  OnDeath on_death_;
  std::vector<std::unique_ptr<Child>> children_;
  std::unique_ptr<net::SignalWatcher> child_signal_;
  bool shutting_down_ = false;
  bool first_was_told_ = false;
  std::function<void()> done_;
  std::unique_ptr<net::Timer> patience_;
};

// Kills every process that is a child of this one, and theirs as they become ours, until there is
// none. Blocks. For a subreaper's last moment. Returns how many were killed.
int kill_all_children();

// "exit code 1", "signal 9 (Killed)".
std::string describe_wait_status(int status);

}  // namespace shoal::cli
