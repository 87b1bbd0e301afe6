// Reads what a task has written, while it writes. A sandbox is hostile ground: its task may swap a
// file for a link, a fifo or a device at any time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

struct LogChunk {
  std::string data;        // any bytes; may be cut inside a line or a character
  std::uint64_t size = 0;  // of the whole file, bytes, at the time of reading
};

// Opens a regular file below `sandbox` (an open folder) for reading. `path` is relative and may go
// down, never up or through a link. FailedPrecondition: link, fifo, folder or device, or it leads
// out; NotFound; InvalidArgument: empty, absolute or with a NUL byte.
absl::StatusOr<UniqueFd> open_sandbox_file(int sandbox, const std::string& path);

// Up to min(max_bytes, kMaxLogChunkBytes) bytes from `offset` on. Beyond the end: no data and OK,
// `size` tells (a file may have been truncated). InvalidArgument: offset over 2^63 - 1.
absl::StatusOr<LogChunk> read_file_chunk(const UniqueFd& file, std::uint64_t offset,
                                         std::size_t max_bytes);

// Both in one, for a request that names a file.
absl::StatusOr<LogChunk> read_log(int sandbox, const std::string& path, std::uint64_t offset,
                                  std::size_t max_bytes);

}  // namespace shoal::agent
