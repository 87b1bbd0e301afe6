// The metrics of reactors, the same for both daemons: shoal_reactor_…{core="N"}.
#pragma once

#include <vector>

#include "core/metrics_text.h"
#include "net/reactor.h"

namespace shoal::net {

// From any thread.
void append_reactor_metrics(core::MetricsText& out, const std::vector<const Reactor*>& reactors);

}  // namespace shoal::net
