// `shoal run`: a command on the cluster, its output here, its exit code ours.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_run(const RunVerb& verb);

}  // namespace shoal::cli
