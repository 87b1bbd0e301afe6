// One configuration file, from TOML (docs/CONFIGURATION.md has one):
//
//   [master]
//   listen = "10.0.0.1:7070"
//   reactors = 4
//   offer-gpus-to-all = true
//
// A text is in quotes, a number is bare, a switch is true or false, and a flag that may be repeated
// takes an array. Pure: reads no file, and does not look at whether values are good ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.h"

namespace shoal::cli {

// `file` is the name for places. All mistakes are told, except that nothing is known of what stands
// behind the first one that makes the text no TOML: then there is only that.
Findings parse_settings(const std::string& file, std::string_view text,
                        const std::vector<Section>& sections);

}  // namespace shoal::cli
