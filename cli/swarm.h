// `shoal swarm`: many simulated agents for a master.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_swarm(const SwarmVerb& verb);

}  // namespace shoal::cli
