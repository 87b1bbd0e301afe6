// Whether a framework may be offered an agent at all, and how much of it: the rules that the
// allocator and the answers to "why not?" (core/explain.h) share.
#pragma once

#include "core/shard.h"

namespace shoal::core {

// The agent's GPUs are kept for frameworks that can use them, and this is none.
bool is_kept_for_gpus(const ShardConfig& config, Capabilities capabilities,
                      const AgentRecord& agent);

// The agent is in another region than the master, and the framework cannot cope with that.
bool is_too_remote(const ShardConfig& config, Capabilities capabilities, const AgentRecord& agent);

// The framework's offer constraints in this role exclude the agent.
bool is_excluded(const Subscription& subscription, const AgentRecord& agent);

// None of the three above.
bool may_see(const ShardConfig& config, const Subscription& subscription, const AgentRecord& agent);

// Less than the least that is offered: than the framework's own minimum in the role, or else than
// each of the master's.
bool is_crumb(const ShardConfig& config, const Subscription& subscription,
              const Quantities& quantities);
bool is_crumb(const ShardConfig& config, const Quantities& quantities);

// Whether a lot may be offered in a role: it is unreserved, or reserved to the role or one above
// it; and the framework can cope with what it is.
bool may_hold(const LotTags& tags, const RoleRow& role, Capabilities capabilities);

// What of `from` the subscription may be offered; the plain fields are taken as they are.
Resources offerable(const Resources& from, const Subscription& subscription);

// The first row, from `role` up, whose own limit leaves no room worth an offer; null when none. A
// role without room for cpus or for mem gets nothing: what is left of the other runs no task.
RoleRow* exhausted_row(RoleRow& role);
// The same for one row alone.
bool is_exhausted(const RoleRow& row);

}  // namespace shoal::core
