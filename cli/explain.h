// `shoal explain`: why a framework has no offer, and how such an answer reads.
#pragma once

#include <string>

#include "cli/options.h"
#include "core/messages.h"

namespace shoal::cli {

int run_explain(const ExplainVerb& verb);

// "3 agents: 2 too small, 1 in use"; "no agents are registered".
std::string summary_of(const core::Explanation& explanation);

// Lines of "name: value", the counts by cause, and the verdict.
std::string render_explanation(const core::Explanation& explanation);

}  // namespace shoal::cli
