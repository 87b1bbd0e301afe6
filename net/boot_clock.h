// The clock of what must end on time although a process is stopped or a machine sleeps: leases.
#pragma once

#include "core/time.h"

namespace shoal::net {

// CLOCK_BOOTTIME, which goes on while the machine sleeps; CLOCK_MONOTONIC does not.
core::Duration since_boot();

}  // namespace shoal::net
