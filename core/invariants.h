// What is always true of the state, checked after every step by tests and by the simulator.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/shard.h"

namespace shoal::core {

// One shard by itself:
//   1. used is the sum of the tasks that hold resources, offered the sum of the agent's offers;
//   2. available is what used and offered leave of the agent's total;
//   3. no port, item or volume that is not shared is held twice;
//   4. every offer of an agent is outstanding in the table, and their number is the block's; an
//      agent waits for the allocator where it says, and only when it is active;
//   5. every agent, framework and directory entry is where its id says.
absl::Status check_invariants(const Shard& shard);

// All shards of a cluster that is at rest (no mailbox message under way):
//   6. every shard's directory holds exactly the live frameworks;
//   7. what a framework holds in a role is what its tasks and offers hold on all agents;
//   8. an offer a framework holds is one that an agent has out to it, and the reverse;
//   9. the sums of every role are those of the agents' books, and no role is offered anything
//      beyond its limit;
//  10. every shard's order of frameworks is the order of their shares.
absl::Status check_cluster(absl::Span<const Shard* const> shards);

}  // namespace shoal::core
