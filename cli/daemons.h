// `shoal master` and `shoal agent`, in the foreground.
#pragma once

#include "cli/options.h"
#include "cli/reload.h"

namespace shoal::cli {

// `rereading` is asked at SIGHUP and outlives the call.
int run_master_daemon(const MasterVerb& verb, Rereading& rereading);
int run_agent_daemon(const AgentVerb& verb, Rereading& rereading);

}  // namespace shoal::cli
