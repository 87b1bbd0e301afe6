// Small files that are read and written whole: ids, ready files. Here because both daemons need it
// and this is the lowest layer that talks to the operating system.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::net {

// Writes aside, syncs, renames and syncs the folder: a reader sees the old text or the new one, and
// after an OK the new one, also after a power cut. Errors: FAILED_PRECONDITION with the path and
// the system's reason.
absl::Status write_file_atomically(const std::string& path, std::string_view text);

// Errors: NOT_FOUND (no such file), FAILED_PRECONDITION (not a regular file, larger than `limit`,
// or unreadable).
absl::StatusOr<std::string> read_whole_file(const std::string& path, std::size_t limit);

}  // namespace shoal::net
