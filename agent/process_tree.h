// Nothing of a task is left behind: also processes which left its group by setsid, or its family by
// a double fork, are found, killed and reaped. Best effort without cgroups: a process that leaves
// session, family and environment all three at once is only found once no task is running.
//
// Threads: the one that spawns and reaps.
//
// How strays are found. The agent is a "child subreaper": an orphan becomes its child. A child
// stays a zombie until the agent reaps it, so its pid is safe to use. A child that is no known task
// is attributed by session id (= pid of the task's leader; a number in use as session id is never
// given out again), then by kTaskMarker in its environment.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/process.h"

namespace shoal::agent {

class ProcessTree {
 public:
  enum class Ownership {
    kExclusive,  // every stray child of this process came from a task of this tree
    kShared      // several agents live in this process: touch only what is surely of this tree
  };

  struct KillReport {
    std::size_t signalled = 0;
    std::size_t alive = 0;  // still seen at the last look, leader not counted; call again soon
  };

  struct SweepReport {
    std::size_t reaped = 0;   // zombies
    std::size_t killed = 0;   // strays of ended tasks; sweep again soon, to reap them
    std::size_t waiting = 0;  // strays of running tasks, or unknown ones, left alone
  };

  explicit ProcessTree(Ownership ownership) : ownership_(ownership) {}

  // Makes this process the one orphans come to. Once, before the first task.
  static absl::Status adopt_orphans();

  // A task was started (uuid = its marker) / its leader has been reaped.
  void track(pid_t leader, std::string task_uuid);
  void forget(pid_t leader);

  // SIGKILL to the group, to every descendant and to the strays of one running task. The leader is
  // not reaped: wait for its pidfd, then call finish(). Costs O(processes of the task + children of
  // the agent); does not block.
  KillReport kill_tree(const SpawnedProcess& leader);

  // For when the leader's pidfd is readable: kills the rest of its group, reaps the leader, forgets
  // it. nullopt: it still runs. O(1); strays are left to the next sweep().
  absl::StatusOr<std::optional<ExitStatus>> finish(const SpawnedProcess& leader);

  // Reaps strays that have ended and kills those of tasks that have ended. Never takes the exit
  // status of a tracked task. O(children of the agent): call it once for many exits, after a short
  // while, and again while it reports kills.
  SweepReport sweep();

  std::size_t tracked() const { return uuid_of_.size(); }

 private:
  enum class Owner { kRunningTask, kEndedTask, kUnknown };
  std::vector<ProcStat> stray_children() const;
  Owner owner_of(const ProcStat& stray);
  bool may_reap(const ProcStat& zombie) const;

  Ownership ownership_;
  absl::flat_hash_map<pid_t, std::string> uuid_of_;  // running tasks by leader
  absl::flat_hash_set<std::string> running_;
  // Tasks that ended lately (bounded), so that their strays are known as ours in kShared.
  absl::flat_hash_set<std::string> ended_;
  std::deque<std::string> ended_order_;
  absl::flat_hash_set<pid_t> ours_;  // stray children recognised while alive, not yet reaped
};

}  // namespace shoal::agent
