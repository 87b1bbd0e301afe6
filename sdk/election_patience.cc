#include "sdk/election_patience.h"

#include <fmt/core.h>

#include "core/status.h"

namespace shoal::sdk {

absl::Status ElectionPatience::failure(std::string_view peer, const absl::Status& why) const {
  return absl::UnavailableError(fmt::format("no {} {} {}: {}", peer,
                                            met_standby_ ? "leads at" : "at", masters_.to_string(),
                                            core::message_of(why)));
}

}  // namespace shoal::sdk
