// A framework as operators see it.
#pragma once

#include "core/shard.h"

namespace shoal::core {

FrameworkSummary summarise(const Shard& shard, const FrameworkRecord& framework);

}  // namespace shoal::core
