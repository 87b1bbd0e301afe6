// Sums over what resources are tagged with, for people and JSON.
#pragma once

#include "core/resources.h"

namespace shoal::cli {

// The plain fields and everything that is reserved; what is revocable comes on top of that and is
// not a part of what an agent has.
core::Amounts whole(const core::Resources& resources);

// The reserved lots.
core::Resources reserved_of(const core::Resources& resources);

}  // namespace shoal::cli
