// Which system calls a task may not make, as a program for the kernel (libseccomp).
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

struct SeccompOptions {
  // Whether a task may trace what it has not started: only where it sees nobody else's processes.
  bool may_attach = false;
};

// A sealed file in memory that holds the BPF program: what is refused fails with EPERM (clone3 with
// ENOSYS, so that libc uses clone, whose flags can be seen), also for the 32-bit calls of the
// machine. Errors: INTERNAL, RESOURCE_EXHAUSTED.
absl::StatusOr<UniqueFd> make_seccomp_filter(const SeccompOptions& options);

}  // namespace shoal::agent
