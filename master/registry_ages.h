// Since when what is over is in the registry: agents that were declared gone, frameworks that were
// removed. A shard knows only who they are; here is which rows are old enough to be dropped.
// (Unreachable agents have records of their own: core/registry_gc.h.)
//
// Threads: one reactor's.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "core/registry.h"
#include "core/registry_gc.h"

namespace shoal::master {

class RegistryAges {
 public:
  // A row that is written, or was found at the start.
  void note(const core::RegistryRow& row);

  // Rows that forget all that are older at `wall_ms`, and the oldest of the agents beyond
  // `most_agents`. They count as noted.
  std::vector<core::RegistryRow> take_old(std::int64_t wall_ms, core::Duration max_age,
                                          std::size_t most_agents);

  std::size_t size() const { return agents_.size() + frameworks_.size(); }

 private:
  template <typename Id>
  using Since = absl::btree_map<Id, std::int64_t>;  // wall clock, in ms

  Since<core::AgentId> agents_;
  Since<core::FrameworkId> frameworks_;
};

}  // namespace shoal::master
