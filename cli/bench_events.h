// `shoal bench events`: how many events subscribers get while tasks are launched, and what that
// costs the launches.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_bench_events(const BenchEventsVerb& verb);

}  // namespace shoal::cli
