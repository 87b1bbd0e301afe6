#include "core/registry_gc.h"

#include <algorithm>
#include <deque>

#include "core/agent_handlers.h"
#include "core/outbox.h"
#include "core/registry.h"
#include "core/shard.h"

namespace shoal::core {
namespace {

// Those that are still there, the longest away first: after a master's start they are in the
// registry's order.
std::deque<AgentId> by_age(Shard& shard) {
  std::deque<AgentId> ids;
  for (const AgentId id : shard.unreachable_agents) {
    if (shard.find_agent(id) != nullptr) ids.push_back(id);
  }
  std::stable_sort(ids.begin(), ids.end(), [&shard](AgentId a, AgentId b) {
    return shard.find_agent(a)->disconnected_at < shard.find_agent(b)->disconnected_at;
  });
  return ids;
}

}  // namespace

std::size_t forget_old_agents(Shard& shard, Outbox& outbox, const RegistryGcLimits& limits,
                              TimePoint now) {
  std::deque<AgentId>& ids = shard.unreachable_agents;
  ids = by_age(shard);
  const std::size_t most = std::max<std::size_t>(limits.max_agents / shard.config.shards, 1);
  std::size_t forgotten = 0;
  while (!ids.empty()) {
    AgentRecord& oldest = *shard.find_agent(ids.front());
    if (ids.size() <= most && now - oldest.disconnected_at <= limits.max_agent_age) break;
    ids.pop_front();
    store(shard, outbox, ForgottenAgent{oldest.id()});
    remove_agent(shard, outbox, oldest, TaskState::kGone, TaskReason::kAgentRemoved,
                 "the agent did not come back", now);
    ++forgotten;
  }
  return forgotten;
}

}  // namespace shoal::core
