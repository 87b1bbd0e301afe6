// Who this agent is to its master, across restarts: the id it was given, in <data>/agent_id. A
// restarted agent registers with it, so the master knows at once that the tasks of the process
// before are gone.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ids.h"

namespace shoal::agent {

// An invalid id when the agent never registered. Errors: FAILED_PRECONDITION, naming the file, when
// it holds something else.
absl::StatusOr<core::AgentId> read_identity(const std::string& data_dir);

absl::Status write_identity(const std::string& data_dir, core::AgentId id);

}  // namespace shoal::agent
