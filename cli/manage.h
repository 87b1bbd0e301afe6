// The verbs about an agent as a whole: drain, deactivate, reactivate, gone.
#pragma once

#include <cstdint>
#include <string>

#include "cli/options.h"
#include "core/cluster_view.h"

namespace shoal::cli {

int run_manage(const ManageVerb& verb);

// "draining node-7: 3 of 40 tasks left, 12 s": `most` is what there were.
std::string describe_drain(const core::AgentSummary& agent, std::uint32_t most,
                           std::int64_t now_ms);

}  // namespace shoal::cli
