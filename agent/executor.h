// Runs commands of tasks as processes of this machine.
//
// Each run: a sandbox, an environment that tells the task who it is, a record for the next agent
// (agent/checkpoint.h), a supervisor (agent/supervisor/main.cc) which starts the task and stays
// with it, and whose pidfd is in the loop. The supervisor ends when nothing of the task is left;
// what it has written says how the task ended.
//
// Files are made, read and removed by a DiskQueue, so a run is first prepared, then started; when
// its supervisor has ended it is buried (reaped, its record read, its cgroups removed), then told.
//
// Threads: the reactor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/checkpoint.h"
#include "agent/disk_queue.h"
#include "agent/effects.h"
#include "agent/isolation.h"
#include "agent/leftovers.h"
#include "agent/process.h"
#include "agent/recovery.h"
#include "agent/spawner.h"
#include "agent/task_table.h"
#include "agent/task_usage.h"
#include "alloc/counters.h"
#include "alloc/histogram.h"
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
  // It is gone, and nobody knows how it ended. `why`: one line.
  virtual void on_lost(core::FrameworkId framework, std::string_view task,
                       std::string_view why) = 0;
};

// As AgentEffects::launch and kill.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void launch(const LaunchRequest& request) = 0;
  virtual void kill(core::FrameworkId framework, std::string_view task, KillMode mode) = 0;
};

struct ProcessExecutorOptions {
  std::string data_dir;                // absolute; the caller holds its DataDirLock
  std::uint64_t seed = 0;              // of the run uuids: net::random_seed()
  std::string supervisor;              // path of the program
  TaskIsolation* isolation = nullptr;  // outlives the executor; null: tasks are not held
  // What was written of a task that is launched: to be synced before anybody is told of it.
  std::function<void(CheckpointFiles)> on_checkpoint;
};

// Written by the loop's thread, read by any.
struct ExecutorCounters {
  alloc::Histogram spawn;   // how long the loop was held up by starting a supervisor
  alloc::Histogram files;   // how long the disk took for the files of a task that is launched
  alloc::Histogram launch;  // from launch() to the supervisor's word that the task runs
  alloc::Counter failed;    // launches
};

class ProcessExecutor final : public Executor {
 public:
  // `events` outlives the executor. Errors: INTERNAL, NOT_FOUND (the supervisor's program),
  // RESOURCE_EXHAUSTED (no descriptors).
  static absl::StatusOr<std::unique_ptr<ProcessExecutor>> create(net::Reactor& reactor,
                                                                 ExecutorEvents* events,
                                                                 ProcessExecutorOptions options);
  // What runs goes on; what is not started yet never is.
  ~ProcessExecutor() override;

  void launch(const LaunchRequest& request) override;
  void kill(core::FrameworkId framework, std::string_view task, KillMode mode) override;

  // Tasks of the agent before: those that run are told of as if launched here, but for
  // on_started(). The records of the others are kept until forget(). Errors: RESOURCE_EXHAUSTED,
  // INTERNAL.
  absl::Status adopt(std::vector<LiveRun> live, const std::vector<RunId>& over);
  // The end of the task is told, or nobody wants to know it: its records may go.
  void forget(core::FrameworkId framework, std::string_view task);

  // Kills what runs and waits for it, for three seconds at most; reports nothing.
  void end_all();

  std::size_t running() const { return runs_.size(); }
  // Nothing is being prepared, buried or forgotten: the disk has what it is to have.
  bool is_idle() const { return disk_.is_idle(); }
  const ExecutorCounters& counters() const { return counters_; }

  // Runs whose sandboxes are needed: of tasks that run, or whose end is not on disk yet.
  bool is_in_use(const RunId& id) const;
  absl::flat_hash_set<std::string> in_use() const;  // their uuids
  std::vector<SupervisedTask> supervised() const;   // tasks that have a supervisor

 private:
  struct Run;
  struct Preparation;
  struct Burial;
  struct Failure {
    core::FrameworkId framework;
    std::string task;
    std::string why;
  };
  using Key = std::pair<core::FrameworkId, std::string>;

  ProcessExecutor(net::Reactor& reactor, ExecutorEvents* events, ProcessExecutorOptions options,
                  Spawner spawner);
  absl::Status admit(const LaunchRequest& request);
  void prepare(Preparation& preparation) const;
  void on_prepared(Run& run);
  absl::Status start(Run& run);
  SpawnRequest describe(const LaunchRequest& request, const RunId& id, const std::string& sandbox,
                        const TaskUser* user) const;
  absl::Status apply_wishes(Preparation& preparation) const;
  absl::StatusOr<const TaskUser*> user_of(const LaunchRequest& request);
  bool end_cgroups(const RunId& id) const;
  absl::Status watch(Run& run);
  void on_report(Run& run);
  void on_supervisor_ended(Run& run);
  void bury(Burial& burial) const;
  void on_buried(Run& run);
  void conclude(Run& run);
  void tell_failures();
  void search();
  void on_searched();

  net::Reactor& reactor_;
  ExecutorEvents* events_;
  ProcessExecutorOptions options_;
  Spawner spawner_;
  std::string boot_id_;
  core::Random random_;
  std::map<TaskKey, std::unique_ptr<Run>> runs_;  // the key's view is into the run
  std::map<Key, std::vector<RunId>> records_;     // of these and of ended ones: runs on disk
  std::vector<Failure> failures_;                 // not told yet
  std::vector<Run*> lost_;                        // whose processes are being looked for
  net::Timer search_timer_;                       // of lost_
  std::vector<RunId> sought_;                     // of lost_: the disk's, while not empty
  bool found_none_ = false;                       // of the last round
  std::uint64_t hook_ = 0;
  ExecutorCounters counters_;
  DiskQueue disk_;  // last: its jobs use all of the above
};

// "31000,31001"; more than 256 ports: as ranges, "31000-32000".
std::string ports_text(const core::PortSet& ports);

}  // namespace shoal::agent
