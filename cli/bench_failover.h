// `shoal bench failover`: kills the master that leads, and measures how the cluster goes on.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_bench_failover(const FailoverVerb& verb);

}  // namespace shoal::cli
