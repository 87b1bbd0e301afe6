#include "core/shard.h"

#include <algorithm>

#include "core/agent_handlers.h"
#include "core/allocator.h"
#include "core/framework_handlers.h"

namespace shoal::core {

Shard::Shard(ShardConfig shard_config, SharedTables& tables, std::uint64_t seed)
    : config(std::move(shard_config)), shared(tables), random(seed) {
  for (std::uint32_t i = 0; i < kMaxFrameworksPerShard; ++i) {
    free_framework_indices.push_back(config.index * kMaxFrameworksPerShard + i);
  }
}

DirectoryEntry* Shard::find_entry(FrameworkId id) {
  const auto it = std::find_if(directory.begin(), directory.end(),
                               [id](const DirectoryEntry& e) { return e.framework.id == id; });
  return it == directory.end() ? nullptr : &*it;
}

bool Shard::was_removed(FrameworkId id) const {
  return std::find(removed_frameworks.begin(), removed_frameworks.end(), id) !=
         removed_frameworks.end();
}

void on_tick(Shard& shard, Outbox& outbox, TimePoint now) {
  while (const std::optional<Deadline> due = shard.deadlines.pop_due(now)) {
    switch (due->kind) {
      case DeadlineKind::kAgentSilence:
        check_agent_silence(shard, outbox, *due, now);
        break;
      case DeadlineKind::kAgentReregister:
        check_agent_reregistered(shard, outbox, AgentId{due->id}, now);
        break;
      case DeadlineKind::kFrameworkSilence:
        check_framework_silence(shard, outbox, *due, now);
        break;
      case DeadlineKind::kFrameworkFailover:
        check_framework_failover(shard, outbox, FrameworkId{due->id}, now);
        break;
      case DeadlineKind::kOfferExpiry:
        expire_offer(shard, outbox, OfferId::unpack(due->id));
        break;
      case DeadlineKind::kFilterExpiry:
        if (AgentRecord* agent = shard.find_agent(AgentId{due->id}); agent != nullptr) {
          expire_filters(shard, *agent, now);
        }
        break;
    }
  }
}

std::optional<TimePoint> next_deadline(const Shard& shard) { return shard.deadlines.next(); }

void on_turn_end(Shard& shard, Outbox& outbox, TimePoint now) { allocate(shard, outbox, now); }

}  // namespace shoal::core
