// What this program is.
#pragma once

#include <string>

#include "cli/json.h"
#include "cli/options.h"

namespace shoal::cli {

VersionInfo version_info();
int run_version(const VersionVerb& verb);

}  // namespace shoal::cli
