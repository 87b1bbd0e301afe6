// Turns an errno into a status that says what was tried and what to do about it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace shoal::agent {

// "<what>: <reason>"; the code tells full disk (ResourceExhausted), read-only file system
// (FailedPrecondition), missing (NotFound), forbidden (PermissionDenied), link or wrong kind of
// file (FailedPrecondition) and existing (AlreadyExists) apart. Control bytes in `what` are
// escaped.
absl::Status errno_status(int err, std::string_view what);

// `text` in single quotes, control bytes escaped, cut to 256 bytes: fit for one line of a log.
std::string quoted(std::string_view text);

}  // namespace shoal::agent
