// The log of a daemon as its pages show it: /v1/log-level, by which its levels are changed while it
// runs, and what /metrics says of it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/metrics_text.h"
#include "net/log.h"

namespace shoal::net {

inline constexpr std::string_view kLogLevelPath = "/v1/log-level";

// {"levels":{"master":"info",…},"lines":N,"dropped":N}
std::string log_levels_json(const Log& log);

// `levels`: as core::parse_log_levels; those that it does not name stay. The change is a line of
// the log itself. Errors: INVALID_ARGUMENT.
absl::Status change_log_levels(Log& log, std::string_view levels);

// Nothing without a log.
void append_log_metrics(core::MetricsText& out, const Log* log);

}  // namespace shoal::net
