// Folders below the data folder, one step at a time and relative to an open one, so that a link
// which a task puts in the way leads nobody elsewhere.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

// The operator's own path: links in it are his wish.
absl::StatusOr<UniqueFd> open_base(const std::string& path);

// One step down. Refuses links. Errors as errno_status, naming the folder.
absl::StatusOr<UniqueFd> open_folder(int parent, const std::string& name);

// Makes it with exactly that mode, and opens it. With `may_exist` one that is there is opened as it
// is.
absl::StatusOr<UniqueFd> make_folder(int parent, const std::string& name, mode_t mode,
                                     bool may_exist);

}  // namespace shoal::agent
