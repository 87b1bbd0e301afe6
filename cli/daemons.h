// `shoal master` and `shoal agent`, in the foreground.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_master_daemon(const MasterVerb& verb);
int run_agent_daemon(const AgentVerb& verb);

}  // namespace shoal::cli
