// A new agent finds what the one before left on the data folder: which tasks run on, how the others
// ended, what is not acknowledged; and kills what nobody watches. Deeds; agent/restore.h decides.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/agent_options.h"
#include "agent/checkpoint.h"
#include "agent/leftovers.h"
#include "agent/restore.h"
#include "agent/unique_fd.h"
#include "agent/update_history.h"
#include "core/ids.h"

namespace shoal::agent {

// A supervisor that is there, by pid, start time and boot.
struct LiveRun {
  RunId id;
  core::FrameworkId framework;
  pid_t pid = -1;
  UniqueFd pidfd;
};

struct Recovery {
  std::vector<FoundTask> tasks;
  std::vector<LiveRun> live;  // of the tasks that run
  std::vector<RunId> over;    // the others: their records stay until their end is told
  UpdateHistory history;
  HuntReport hunt;
  std::vector<std::string> notes;  // lines for the log: what was damaged or ignored
};

// With the DataDirLock held, before any task is started. `data_dir` is absolute, `boot_id` this
// boot's. Blocks: a few files per task and a look at every process of the machine. Errors: as
// errno_status; damage of a file is none.
absl::StatusOr<Recovery> recover(const std::string& data_dir, const std::string& boot_id,
                                 RecoverMode mode);

}  // namespace shoal::agent
