// The folder a task runs in: <data>/sandboxes/<framework>/<task>/<run>/ with stdout and stderr.
//
//   <data>/sandboxes/<framework>/<task>/latest -> <run>    the newest run
//
// Every step is taken relative to an open folder and refuses symbolic links, so a task that swaps
// one in leads nobody elsewhere. The run's folder is 0700: no other user reads a task's files. Its
// parents are 0711, which lets a task of another user through to its own folder, without listing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

inline constexpr char kSandboxes[] = "sandboxes";  // below the data folder
inline constexpr char kLatest[] = "latest";        // in a task's folder

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

// The folder <data>/sandboxes/<framework>/<task>. NotFound: it never ran here, or all of it is
// deleted. Links are refused.
absl::StatusOr<UniqueFd> open_task_folder(const std::string& data_dir,
                                          std::string_view framework_id, std::string_view task_id);

// The run is over since then (wall clock): the folder's time says so from now on, also to a later
// agent, which deletes it some time after. Nothing happens when it is not there.
void mark_sandbox_ended(const std::string& data_dir, const SandboxId& id, std::int64_t wall_ms);

std::string sandbox_path(const std::string& data_dir, const SandboxId& id);

}  // namespace shoal::agent
