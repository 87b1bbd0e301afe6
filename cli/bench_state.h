// `shoal bench state`: reads the whole state of a cluster that launches tasks, and measures what
// the reads take and what they do to the launches.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_bench_state(const StateVerb& verb);

}  // namespace shoal::cli
