// Sums over what resources are tagged with, for people and JSON.
#pragma once

#include <string>

#include "core/resources.h"

namespace shoal::cli {

// The reserved lots.
core::Resources reserved_of(const core::Resources& resources);

// "cpus:4;mem:1024", or "-" for nothing; `absent` as in core::to_string.
std::string or_dash(const core::Quantities& quantities, core::Milli absent = 0);

}  // namespace shoal::cli
