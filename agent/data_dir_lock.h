// One agent per data folder: two would share sandboxes, and each take the other's tasks for
// leftovers.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

// Held while the object lives; the kernel lets go of it when the process dies in any way.
class DataDirLock {
 public:
  // Locks <data>/agent.lock, making the folder (0711) if it is missing. FailedPrecondition: another
  // agent has it; the message names its pid. Waits, two seconds at most, for what is left of one
  // that is dead.
  static absl::StatusOr<DataDirLock> acquire(const std::string& data_dir);

 private:
  explicit DataDirLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace shoal::agent
