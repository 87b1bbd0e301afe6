// Processes of tasks that nobody watches any more: found by looking at every process of the
// machine, and killed. For the start of an agent, and for a task whose supervisor was killed.
//
// A process is of a run when the environment it was started with says so: SHOAL_TASK_UUID is the
// run's, a number of 128 random bits. Of a run that nobody knows it must also say SHOAL_SANDBOX,
// the folder which that run has in this agent's data folder: other agents' tasks are not touched.
// With it goes whatever is in its session, which a task's own began. What has changed its
// environment and its session is not found.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/process.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

struct HuntOptions {
  absl::flat_hash_set<std::string> doomed;  // uuids of runs that are over
  // Not empty: also every other run of this data folder (absolute), but for those spared.
  std::string data_dir;
  absl::flat_hash_set<std::string> spared;
};

class Hunt {
 public:
  explicit Hunt(HuntOptions options) : options_(std::move(options)) {}

  // Looks at every process once and sends SIGKILL to what it finds; does not wait. How many it has
  // found alive: it is over when there are none.
  std::size_t round();
  // Blocks until what the last round has found is gone, 200 ms at most.
  void wait() const;
  std::size_t killed() const { return killed_; }

 private:
  bool is_prey(pid_t pid) const;

  HuntOptions options_;
  std::vector<UniqueFd> found_;  // pidfds, of the last round
  std::size_t killed_ = 0;
};

struct HuntReport {
  std::size_t killed = 0;
  std::size_t survivors = 0;  // still alive after several rounds
};

// Rounds until nothing is found; blocks, for two seconds at most. For the start, with the
// DataDirLock held and before any task is started.
HuntReport kill_leftovers(HuntOptions options);

}  // namespace shoal::agent
