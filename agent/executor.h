// Runs commands of tasks as processes of this machine.
//
// Each run: a sandbox, an environment that tells the task who it is, one process group, a record
// for the next agent (agent/leftovers.h) should this one die, a pidfd in the loop. When the leader
// ends, what is left of the task is killed; the exit status is the leader's.
//
// Threads: the reactor's; tasks die with that thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/effects.h"
#include "agent/process.h"
#include "agent/process_tree.h"
#include "agent/spawner.h"
#include "agent/task_table.h"
#include "core/random.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::agent {

// Called from the loop, never from inside launch() or kill().
class ExecutorEvents {
 public:
  virtual ~ExecutorEvents() = default;
  virtual void on_started(core::FrameworkId framework, std::string_view task) = 0;
  // `why`: one line.
  virtual void on_failed(core::FrameworkId framework, std::string_view task,
                         std::string_view why) = 0;
  virtual void on_exited(core::FrameworkId framework, std::string_view task,
                         const ExitStatus& exit) = 0;
};

// As AgentEffects::launch and kill.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void launch(const LaunchRequest& request) = 0;
  virtual void kill(core::FrameworkId framework, std::string_view task, KillMode mode) = 0;
};

struct ProcessExecutorOptions {
  std::string data_dir;  // absolute; the caller holds its DataDirLock
  // kShared when several agents live in one process (tests).
  ProcessTree::Ownership ownership = ProcessTree::Ownership::kExclusive;
  std::uint64_t seed = 0;  // of the run uuids: net::random_seed()
};

class ProcessExecutor final : public Executor {
 public:
  // `events` outlives the executor. Errors: INTERNAL, RESOURCE_EXHAUSTED (no descriptors).
  static absl::StatusOr<std::unique_ptr<ProcessExecutor>> create(net::Reactor& reactor,
                                                                 ExecutorEvents* events,
                                                                 ProcessExecutorOptions options);
  // Kills what runs and waits for it, for a second at most; reports nothing.
  ~ProcessExecutor() override;

  void launch(const LaunchRequest& request) override;
  void kill(core::FrameworkId framework, std::string_view task, KillMode mode) override;

  std::size_t running() const { return runs_.size(); }

 private:
  struct Run;
  struct Failure {
    core::FrameworkId framework;
    std::string task;
    std::string why;
  };

  ProcessExecutor(net::Reactor& reactor, ExecutorEvents* events, ProcessExecutorOptions options,
                  Spawner spawner);
  absl::StatusOr<std::unique_ptr<Run>> start(const LaunchRequest& request);
  absl::Status note(const Run& run);
  absl::Status settle(Run& run);
  void kill_and_reap(Run& run);
  void tell();
  void tell_started(Run& run);
  void on_readable(Run& run);
  void sweep_soon();
  void sweep();

  net::Reactor& reactor_;
  ExecutorEvents* events_;
  ProcessExecutorOptions options_;
  Spawner spawner_;
  ProcessTree tree_;
  std::string boot_id_;
  core::Random random_;
  std::map<TaskKey, std::unique_ptr<Run>> runs_;  // the key's view is into the run
  std::vector<Run*> started_;                     // not told yet
  std::vector<Failure> failures_;                 // not told yet
  net::Timer sweep_timer_;
  bool is_sweeping_soon_ = false;
  std::uint64_t hook_ = 0;
};

// "31000,31001"; more than 256 ports: as ranges, "31000-32000".
std::string ports_text(const core::PortSet& ports);

}  // namespace shoal::agent
