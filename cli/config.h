// `shoal config`: what the configuration says, and whether it is sound.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/settings.h"

namespace shoal::cli {

int run_config(const ConfigVerb& verb);

// What nobody else should know is "***": the values of keys that are named like a secret, and what
// stands between "://" and "@".
Settings masked(Settings settings);

// The settings that hold in the sections, each with its origin: as TOML that could be a file of its
// own (what nobody set and has no default is a comment), or as one JSON array.
std::string settings_to_toml(const Settings& settings, const std::vector<Section>& sections);
std::string settings_to_json(const Settings& settings, const std::vector<Section>& sections);

// All mistakes, one a line, each with "shoal: " before it.
std::string mistakes_to_text(const std::vector<Mistake>& mistakes);

}  // namespace shoal::cli
