// The verbs about a master's registry on disk: dump, check, backup, restore. They read the file
// itself, whether a master runs on it or not.
#pragma once

#include <string>

#include "cli/options.h"
#include "cli/terminal.h"
#include "core/registry.h"

namespace shoal::cli {

int run_registry(const RegistryVerb& verb);

// {"cluster_id":…,"agents":[…],"frameworks":[…],"roles":[…]}; as lines, or names, of all kinds.
std::string registry_to_json(std::uint64_t cluster_id, const core::RegistryContents& contents,
                             OutputFormat format);

std::string render_registry(const core::RegistryContents& contents, const Terminal& terminal);

}  // namespace shoal::cli
