// Tasks that outlived an agent which died: found again by what was noted of them, and killed.
//
//   <data>/running/<run uuid>    one small text file per running task, written in one step: before
//                                the task begins without its process, then with it
//
// Not in the sandbox: a task can write there, and would choose whom the next agent kills.
// A process is touched only if boot id, pid and start time all agree with the record, if it is in
// the session of such a process, or if it carries the record's uuid in its environment.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::agent {

struct ProcessRecord {
  std::string run_uuid;
  std::string framework_id;
  std::string task_id;
  pid_t pid = 0;  // also its process group and session; 0, with start_time 0: about to begin
  std::uint64_t start_time = 0;
  std::string boot_id;
};

std::string encode_record(const ProcessRecord& record);
// InvalidArgument: not a record of this form. Never trusts a length or a number in it.
absl::StatusOr<ProcessRecord> decode_record(std::string_view text);

// Written to a temporary file, then renamed: a crash leaves the whole record or none.
absl::Status write_record(const std::string& data_dir, const ProcessRecord& record);
// After the task was reaped. OK when there is none.
absl::Status remove_record(const std::string& data_dir, const std::string& run_uuid);

// What the dead agent had running. Files that are no records are named in `ignored`.
struct FoundRecords {
  std::vector<ProcessRecord> records;
  std::vector<std::string> ignored;
};
absl::StatusOr<FoundRecords> find_records(const std::string& data_dir);

struct LeftoverReport {
  std::vector<ProcessRecord> records;  // of tasks that were running when the agent died
  std::vector<std::string> ignored;    // files that could not be read as records; left there
  std::size_t killed = 0;              // processes
  std::size_t survivors = 0;  // still alive after several rounds; their records stay for next time
};

// At start, with the DataDirLock held and before any task is started. `boot_id` is this boot's.
absl::StatusOr<LeftoverReport> kill_leftovers(const std::string& data_dir,
                                              const std::string& boot_id);

}  // namespace shoal::agent
