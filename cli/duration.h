// Durations, and parts of a whole, as people write them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/duration_spread.h"
#include "core/time.h"

namespace shoal::cli {

// "250ms", "5s", "1.5m", "2h", "1d"; a bare number is seconds. At most three decimals, not
// negative, at most 365 days. Errors: INVALID_ARGUMENT, naming the text and the form.
absl::StatusOr<core::Duration> parse_duration(std::string_view text);

// "10ms" (always), "5ms..20ms" (evenly), "exp:30s" (exponentially about that mean). Errors:
// INVALID_ARGUMENT.
absl::StatusOr<core::DurationSpread> parse_spread(std::string_view text);

// "0.1%", followed by `suffix` or not: a part, 0 to 1. Errors: INVALID_ARGUMENT.
absl::StatusOr<double> parse_part(std::string_view text, std::string_view suffix);

// For people, one or two units: "350ms", "12s", "3m20s", "5h10m", "2d4h".
std::string duration_to_string(core::Duration duration);

}  // namespace shoal::cli
