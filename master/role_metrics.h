// The sharing of the cluster for Prometheus: what each role holds, may hold, and its share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/metrics_text.h"
#include "core/shard.h"

namespace shoal::master {

// One time series per role that is more than a name, and kind of resource; at most kMaxRoleSeries
// roles, those first named.
inline constexpr std::size_t kMaxRoleSeries = 1000;
void append_role_metrics(core::MetricsText& out, const core::SharedTables& tables);

}  // namespace shoal::master
