// Offer constraints as people write them.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "sdk/scheduler.h"

namespace shoal::cli {

// "rack=a", "rack!=a", "rack~a|b" (RE2, the whole value), "rack!~a.*", "rack" (there is one),
// "!rack". Instead of an attribute's name: "@hostname", "@region", "@zone". Role and group are left
// to the caller. Errors: INVALID_ARGUMENT, naming the text and the forms.
absl::StatusOr<sdk::OfferConstraint> parse_constraint(std::string_view text);

}  // namespace shoal::cli
