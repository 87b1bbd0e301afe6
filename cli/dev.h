// `shoal dev`: one master and some agents on this machine, as child processes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "core/resources.h"

namespace shoal::cli {

int run_dev(const DevVerb& verb);

// What agent `index` of `agents` gets of a machine with `machine` (its ports: all that may be
// given): an equal part, whole cores and at least one; ports disjoint. `text` overrides kinds.
// Errors: INVALID_ARGUMENT, naming the part of `text`.
absl::StatusOr<core::Resources> divide_resources(const core::Resources& machine,
                                                 std::uint32_t agents, std::uint32_t index,
                                                 const std::string& text);

}  // namespace shoal::cli
