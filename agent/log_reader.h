// Reads what a task has written, while it writes. A sandbox is hostile ground: its task may swap a
// file for a link, a fifo or a device at any time.
//
// A log whose head was cut (agent/log_cutter.h) begins with a hole: its bytes keep their offsets,
// and reading begins behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

struct LogChunk {
  std::string data;          // any bytes; may be cut inside a line or a character
  std::uint64_t offset = 0;  // of `data`: as asked for, or behind the hole at the head
  std::uint64_t size = 0;    // of the whole file, bytes, at the time of reading
};

enum class Links : std::uint8_t {
  kNone,    // none is followed
  kInside,  // those are that stay in the sandbox
};

// Opens what is at `path` below `sandbox` (an open folder) with `flags` (as O_RDONLY or O_PATH);
// never waits. `path` is relative. FailedPrecondition: a link that is not to be followed, a socket
// or a device, or it leads out; NotFound; InvalidArgument: empty, absolute or with a NUL byte.
absl::StatusOr<UniqueFd> open_below(int sandbox, const std::string& path, int flags, Links links);

// The same for reading; anything but a regular file is FailedPrecondition.
absl::StatusOr<UniqueFd> open_regular_below(int sandbox, const std::string& path, Links links);

// As open_regular_below, without links.
absl::StatusOr<UniqueFd> open_sandbox_file(int sandbox, const std::string& path);

// Where a hole at the head of the file ends; 0 when there is none, or the file system knows of
// none.
std::uint64_t head_of(const UniqueFd& file);

enum class Head : std::uint8_t {
  kWhole,     // a hole reads as zeros
  kMayBeCut,  // it is a log: what is read begins behind a hole at the head
};

// Up to min(max_bytes, kMaxLogChunkBytes) bytes from `offset` on. Beyond the end: no data and OK,
// `size` tells (a file may have been truncated). InvalidArgument: offset over 2^63 - 1.
absl::StatusOr<LogChunk> read_file_chunk(const UniqueFd& file, std::uint64_t offset,
                                         std::size_t max_bytes, Head head = Head::kWhole);

// Both in one, for a request that names a file.
absl::StatusOr<LogChunk> read_log(int sandbox, const std::string& path, std::uint64_t offset,
                                  std::size_t max_bytes, Head head = Head::kWhole);

}  // namespace shoal::agent
