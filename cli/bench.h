// `shoal bench`: starts a master, a swarm and a load, and measures.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_bench(const BenchVerb& verb);

}  // namespace shoal::cli
