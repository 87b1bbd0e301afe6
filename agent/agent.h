// The agent as a daemon: registers this machine with the master, runs what it is told to, serves
// logs. Foreground; logs one line per event to stderr.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/agent_options.h"
#include "core/ids.h"
#include "net/reactor.h"

namespace shoal::agent {

// What is told when the agent has registered for the first time, and written to the ready file as
// {"agent":"a-…","address":"127.0.0.1:PORT","pid":N}.
struct AgentReady {
  core::AgentId id;
  std::string address;
};

// One agent on a reactor. For run_agent() and for tests, which run several in one process.
class Agent {
 public:
  struct Hooks {
    std::function<void(const AgentReady&)> on_ready;  // once
    // Once, last; OK after shutdown(), else why it could not go on. May destroy the agent.
    std::function<void(const absl::Status&)> on_stopped;
  };

  // Locks the data folder, takes over what an agent before left there, probes, listens, starts to
  // dial. Errors: INVALID_ARGUMENT (an option, named), FAILED_PRECONDITION (the data folder is in
  // use, the tasks that run hold more than --resources, the listen address needs --insecure),
  // NOT_FOUND (no supervisor), UNAVAILABLE (cannot listen). Tasks run on then.
  static absl::StatusOr<std::unique_ptr<Agent>> create(net::Reactor& reactor,
                                                       const AgentOptions& options, Hooks hooks);
  ~Agent();  // with OnStop::kKill whatever still runs is killed
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Ends, as options.on_stop says: lets go of the tasks, or ends every task with its grace and
  // tells the master. Then on_stopped. The second call with kKill: SIGKILL.
  void shutdown();
  void shutdown(OnStop tasks);

  // From now on.
  void tune(const AgentTuning& tuning);

  std::string address() const;  // bound, HOST:PORT

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Runs until SIGTERM, SIGINT or SIGUSR1 (OK), or until it cannot go on (the status says why).
// SIGHUP asks options.reload. SIGUSR1 kills the tasks, also with OnStop::kKeep. A second signal,
// where they are killed: at once.
absl::Status run_agent(const AgentOptions& options);

}  // namespace shoal::agent
