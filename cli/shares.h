// The verbs that say how roles share the cluster: quota and weight.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/terminal.h"
#include "core/cluster_view.h"

namespace shoal::cli {

int run_quota(const QuotaVerb& verb);
int run_weight(const WeightVerb& verb);

bool has_quota(const core::RoleSummary& role);

// "25% of cpus"; "-" for nothing.
std::string share_of(const core::RoleSummary& role);

std::string render_quotas(const std::vector<core::RoleSummary>& roles, const Terminal& terminal);
std::string render_weights(const std::vector<core::RoleSummary>& roles, const Terminal& terminal);

}  // namespace shoal::cli
