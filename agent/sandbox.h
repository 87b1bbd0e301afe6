// The folder a task runs in: <data>/sandboxes/<framework>/<task>/<run>/ with stdout and stderr.
//
//   <data>/sandboxes/<framework>/<task>/latest -> <run>    the newest run
//
// Every step is taken relative to an open folder and refuses symbolic links, so a task that swaps
// one in leads nobody elsewhere. The run's folder is 0700: no other user reads a task's files. Its
// parents are 0711, which lets a task of another user through to its own folder, without listing.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

struct SandboxId {
  std::string framework_id;
  std::string task_id;
  std::string run_uuid;
};

// One folder name: 1 to kMaxIdBytes of [A-Za-z0-9._-], neither "." nor "..".
absl::Status check_id(std::string_view what, std::string_view id);

struct Sandbox {
  std::string path;      // absolute if the data folder's path is
  UniqueFd directory;    // handle on it, for openat and read_file_chunk
  UniqueFd stdout_file;  // write only, appending
  UniqueFd stderr_file;
};

// Makes the folder and its two files, and points `latest` at it. AlreadyExists: that run has one.
// ResourceExhausted: disk full. FailedPrecondition: read-only file system, or a link where a folder
// belongs. On failure nothing of the run is left.
absl::StatusOr<Sandbox> create_sandbox(const std::string& data_dir, const SandboxId& id);

// An open handle on the folder of a run. NotFound: there is none.
absl::StatusOr<UniqueFd> open_sandbox(const std::string& data_dir, const SandboxId& id);

// The uuid of a task's newest run. NotFound: it has none.
absl::StatusOr<std::string> latest_run(const std::string& data_dir, std::string_view framework_id,
                                       std::string_view task_id);

std::string sandbox_path(const std::string& data_dir, const SandboxId& id);

}  // namespace shoal::agent
