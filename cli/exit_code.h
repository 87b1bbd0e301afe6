// What `shoal` ends with. Scripts rely on these; docs/CLI.md repeats them.
#pragma once

#include "absl/status/status.h"

namespace shoal::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitUnreachable = 4;  // no master there
inline constexpr int kExitDenied = 5;
inline constexpr int kExitTimedOut = 6;
inline constexpr int kExitCommandNotExecutable = 126;  // `run`: it is there, but …
inline constexpr int kExitCommandNotFound = 127;       // `run`: no such program
inline constexpr int kExitSignalBase = 128;   // + the signal that ended the command of `run`
inline constexpr int kExitInterrupted = 130;  // Ctrl-C

// The code for a failed call to the master.
inline int exit_code_of(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kPermissionDenied:
      return kExitDenied;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimedOut;
    default:
      return kExitFailed;
  }
}

}  // namespace shoal::cli
