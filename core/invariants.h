// What is always true of the state, checked after every step by tests and by the simulator.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/shard.h"

namespace shoal::core {

// One shard by itself:
//   1. used is the sum of the tasks that hold resources, offered the sum of the agent's offers;
//   2. used + offered + available == total on every agent that can hold what it is asked to;
//   3. no port is held twice;
//   4. every offer of an agent is outstanding in the table, and their number is the block's;
//   5. every agent, framework and directory entry is where its id says.
absl::Status check_invariants(const Shard& shard);

// All shards of a cluster that is at rest (no mailbox message under way):
//   6. every shard's directory holds exactly the live frameworks;
//   7. a framework's share is what its tasks and offers hold on all agents;
//   8. an offer a framework holds is one that an agent has out to it, and the reverse.
absl::Status check_cluster(absl::Span<const Shard* const> shards);

}  // namespace shoal::core
