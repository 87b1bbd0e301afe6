// What an agent writes of each run of a task, so that the next agent on the data folder finds it:
//
//   <data>/meta/<framework>@<task>@<run>/task          by the agent, before it starts anything
//   <data>/meta/<framework>@<task>@<run>/supervisor    by the supervisor, before it starts the task
//   <data>/meta/<framework>@<task>@<run>/exit          by the supervisor, synced, when it has ended
//
// Each is one record (agent/supervisor/record.h), written aside and renamed. The ids stand in the
// folder's name, so that a task whose record is damaged can still be named. The payload of `task`:
// the boot id, kBootIdBytes padded with NUL, then a RunTask as one frame (wire/frame.h).
//
// Not in the sandbox: a task writes there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/effects.h"
#include "agent/process.h"
#include "agent/sandbox.h"
#include "agent/unique_fd.h"
#include "core/ids.h"
#include "core/resources.h"
#include "wire/message.h"

namespace shoal::agent {

using RunId = SandboxId;

// --- the bytes ----------------------------------------------------------------------------------

// What is read back of a task.
struct TaskRecord {
  core::FrameworkId framework;
  std::string id;
  std::string name;
  std::string role;
  core::Resources resources;
  std::int64_t kill_grace_ms = -1;
  std::int64_t max_completion_ms = -1;
  std::string boot_id;  // when it was started
};

struct SupervisorRecord {
  pid_t pid = -1;
  std::uint64_t start_time = 0;
  std::string boot_id;
};

struct ExitRecord {
  ExitStatus exit;
  bool has_left = false;      // processes that SIGKILL had not ended
  std::int64_t ended_ms = 0;  // wall clock
};

// RESOURCE_EXHAUSTED: the task is larger than a frame may be.
absl::StatusOr<wire::ByteVector> encode_task_record(const LaunchRequest& request,
                                                    std::string_view boot_id);
// INVALID_ARGUMENT, one line that says what is wrong: cut off, damaged, of a newer version, or of
// another task than `expected`. Never trusts a length in it.
absl::StatusOr<TaskRecord> decode_task_record(wire::Bytes file, const RunId& expected);
absl::StatusOr<SupervisorRecord> decode_supervisor_record(wire::Bytes file);
absl::StatusOr<ExitRecord> decode_exit_record(wire::Bytes file);  // ended_ms is 0

// The payload of a whole file that is one record of `kind`. Errors as above.
absl::StatusOr<wire::Bytes> payload_of(wire::Bytes file, std::uint16_t kind);

// --- the folders --------------------------------------------------------------------------------

std::string meta_folder(const std::string& data_dir);
std::string run_folder(const std::string& data_dir, const RunId& id);
// nullopt: no name of a run's folder.
std::optional<RunId> parse_run_name(std::string_view name);

// What must be synced before anybody is told of the task.
struct CheckpointFiles {
  UniqueFd task;
  UniqueFd folder;
};

// Makes the folder and the task's record in it. It is there when the agent dies, and after a power
// cut once the files are synced. On failure nothing is left.
absl::StatusOr<CheckpointFiles> write_checkpoint(const std::string& data_dir, const RunId& id,
                                                 wire::Bytes record);
// OK when there is none.
absl::Status remove_checkpoint(const std::string& data_dir, const RunId& id);

// NOT_FOUND: it has not ended, or its supervisor could not write it.
absl::StatusOr<ExitRecord> read_exit(const std::string& data_dir, const RunId& id);

struct FoundRun {
  RunId id;
  absl::StatusOr<TaskRecord> task;              // its error names the file
  absl::StatusOr<SupervisorRecord> supervisor;  // NOT_FOUND: had not begun
  absl::StatusOr<ExitRecord> exit;              // NOT_FOUND: had not ended
};

struct FoundRuns {
  std::vector<FoundRun> runs;        // by name
  std::vector<std::string> ignored;  // paths that are no folders of runs
};

// Makes the meta folder if it is missing.
absl::StatusOr<FoundRuns> find_runs(const std::string& data_dir);

}  // namespace shoal::agent
