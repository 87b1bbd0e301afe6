// Which sandboxes have been kept long enough, and how they are deleted. What blocks: to be called
// away from the loop; agent/sandbox_gc.h does.
//
// The rule is Apache Mesos': a sandbox is kept for the delay after its run has ended, and the less,
// the fuller the disk is: max age = delay * max(0, 1 - headroom - usage).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/sandbox.h"
#include "agent/trash.h"
#include "core/time.h"

namespace shoal::agent {

struct KeepRule {
  core::Duration delay{};  // how long a sandbox is kept when there is plenty of room
  double headroom = 0.1;   // this part of the disk should be free
  // For a disk of which `usage` (0 to 1) is used.
  core::Duration max_age(double usage) const;
};

// The part of the file system of `path` that is used, 0 to 1, of what may be used without
// privileges; of bytes or of inodes, whichever is scarcer. Errors as errno_status.
absl::StatusOr<double> disk_usage(const std::string& path);

struct EndedSandbox {
  SandboxId id;
  std::int64_t ended_ms = 0;  // wall clock
};

struct SandboxScan {
  std::vector<EndedSandbox> old;  // the oldest first, at most so many
  std::size_t kept = 0;           // of ended runs, with `old`
  bool has_more = false;          // more are old than were asked for
};

// Looks at every sandbox of a run that is not `in_use` (uuids). Old is what ended at `until_ms`
// (wall clock) or before; when, is the newest of the times of the folder, of stdout and of stderr.
// One that lies in the future, as `now_ms` has it, is set to now.
absl::StatusOr<SandboxScan> scan_sandboxes(const std::string& data_dir, std::int64_t until_ms,
                                           std::int64_t now_ms,
                                           const absl::flat_hash_set<std::string>& in_use,
                                           std::size_t most);

// Deletes the folders of runs, by way of <data>/expired/. Used by one thread at a time.
class SandboxRemover {
 public:
  explicit SandboxRemover(const std::string& data_dir)
      : data_dir_(data_dir), trash_(data_dir + "/expired") {}

  // Out of sight at once. OK when it is not there. Links in it are never followed: volumes stay.
  absl::Status take(const SandboxId& id);
  // Deletes about so many files and folders of what was taken, also by an earlier agent. False:
  // nothing is left to do.
  bool purge_some(std::size_t entries) { return trash_.purge_some(entries); }
  // What was taken and cannot be deleted.
  std::size_t undeletable() const { return trash_.failures(); }

 private:
  std::string data_dir_;
  Trash trash_;
};

// After a sandbox was taken: the task's `latest` if it led there, and the folders of task and
// framework if nothing is left in them. A few system calls; to be called where sandboxes are made.
void tidy_after(const std::string& data_dir, const SandboxId& id);

}  // namespace shoal::agent
