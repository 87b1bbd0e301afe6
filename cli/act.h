// The verbs that name one thing: logs, kill, teardown.
#pragma once

#include "cli/options.h"

namespace shoal::cli {

int run_logs(const LogsVerb& verb);
int run_kill(const KillVerb& verb);
int run_teardown(const TeardownVerb& verb);

}  // namespace shoal::cli
