// The highest epoch of a master that this agent has acted for, in <data>/epoch: a master that lost
// its leadership without knowing is recognised also by the next agent on this data folder.
//
// The file is one line: the number, then the CRC-32C of its digits as eight hexadecimal ones.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::agent {

// 0 when there is none yet. Errors: FAILED_PRECONDITION, naming the file, when it holds something
// else.
absl::StatusOr<std::uint64_t> read_epoch(const std::string& data_dir);

// Atomic, and durable once it returns OK.
absl::Status write_epoch(const std::string& data_dir, std::uint64_t epoch);

}  // namespace shoal::agent
