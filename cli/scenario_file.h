// What befalls a swarm, from a TOML file (docs/CLI.md has one):
//
//   [[phase]]
//   name = "ramp"            # shown while it lasts
//   duration = "30s"         # required: 10ms, 30s, 5m, 1h
//   agents = 5000            # how many there are at its end; they come, or leave, evenly
//   at_once = true           # … or at its beginning: a burst
//   fail = "1%/min"          # die, and come back two seconds later without their tasks
//   disconnect = "5%/min"    # lose their connection, and dial again
//   cut = "30%"              # this part is cut off from the master while the phase lasts
//   restart = "100%"         # this part dies at its beginning and comes back two seconds later
//
// What a phase does not say is as in the phase before (agents), or does not happen (the rest).
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "bench/load/scenario.h"

namespace shoal::cli {

// Errors: INVALID_ARGUMENT with all mistakes of the file, one a line, as "line 3: what".
absl::StatusOr<load::Scenario> parse_scenario(std::string_view text);

}  // namespace shoal::cli
