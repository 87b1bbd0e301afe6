// The verbs that change what an agent's resources are for: reserve, unreserve, volume.
#pragma once

#include <string>
#include <vector>

#include "cli/operate_plan.h"
#include "cli/options.h"
#include "cli/terminal.h"

namespace shoal::cli {

int run_operate(const OperateVerb& verb);
int run_volumes(const VolumesVerb& verb);

std::string render_volumes(const std::vector<VolumeRow>& rows, const Terminal& terminal);

}  // namespace shoal::cli
