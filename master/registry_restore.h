// A backup takes the place of a master's registry.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace shoal::master {

// Checks `file` as a whole, then makes its copy the registry of the folder, with the id of its
// cluster if the folder has none. What was there is kept as registry.db.old. Errors, and nothing is
// changed: FAILED_PRECONDITION (a master uses the folder, the backup is of another cluster or of a
// newer version), NOT_FOUND (no such backup), DATA_LOSS (it is damaged).
absl::Status restore_registry(const std::string& data_dir, const std::string& file);

}  // namespace shoal::master
