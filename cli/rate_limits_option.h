// --rate-limits as an operator may give it: JSON in the form of Mesos, or @FILE with it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "master/rate_limits.h"

namespace shoal::cli {

// Empty for an empty option. Errors: INVALID_ARGUMENT, one line that begins with the flag's name.
absl::StatusOr<master::RateLimitOptions> read_rate_limits_option(const std::string& option);

// {"limits":[{"principal":"etl","qps":50,"capacity":200},{"principal":"web"}],
//  "aggregate_default_qps":100,"aggregate_default_capacity":1000}
// Every member may be left out, but not a principal. Without a qps there is no limit; qps is from
// 0.001 to 1,000,000, capacity (calls that may wait) from 0 to core::kMaxRateCapacity. Errors:
// INVALID_ARGUMENT; anything else, or anything twice.
absl::StatusOr<master::RateLimitOptions> parse_rate_limits(std::string_view json);

}  // namespace shoal::cli
