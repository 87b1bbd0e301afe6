#include "core/shard.h"

#include <algorithm>

#include "core/agent_handlers.h"
#include "core/agent_mode.h"
#include "core/allocator.h"
#include "core/framework_handlers.h"
#include "core/registry.h"

namespace shoal::core {

Shard::Shard(ShardConfig shard_config, SharedTables& tables, std::uint64_t seed)
    : config(std::move(shard_config)),
      shared(tables),
      random(seed),
      fair_share(shared.roles, shared.shares,
                 {.policy = config.share_policy,
                  .excluded = config.excluded_from_shares,
                  .others_change_sums = config.shards > 1,
                  .seed = random.next()}) {
  for (std::uint32_t i = 0; i < kMaxFrameworksPerShard; ++i) {
    free_framework_indices.push_back(config.index * kMaxFrameworksPerShard + i);
  }
  for (std::uint32_t i = 0; i < kMaxSubscriptionsPerShard; ++i) {
    free_subscriptions.push_back(config.index * kMaxSubscriptionsPerShard + i);
  }
}

std::optional<SubscriptionIndex> Shard::subscription_of(FrameworkId id, const RoleRow& role) const {
  const FrameworkEntry* entry = find_entry(id);
  if (entry == nullptr) return std::nullopt;
  for (const SubscriptionEntry& subscription : entry->subscriptions) {
    if (subscription.role == &role) return subscription.index;
  }
  return std::nullopt;
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
      case DeadlineKind::kAgentRemoval:
        give_up_agents(shard, outbox, now);
        break;
      case DeadlineKind::kFrameworkSilence:
        check_framework_silence(shard, outbox, *due, now);
        break;
      case DeadlineKind::kFrameworkFailover:
        check_framework_failover(shard, outbox, FrameworkId{due->id}, now);
        break;
      case DeadlineKind::kOfferWatch:
        watch_offers(shard, outbox, *due, now);
        break;
      case DeadlineKind::kFilterExpiry:
        expire_filters(shard, *due, now);
        break;
      case DeadlineKind::kFrameworkNotice:
        check_framework_notice(shard, outbox, *due, now);
        break;
      case DeadlineKind::kHeldForRecovery:
        end_recovery_hold(shard);
        break;
      case DeadlineKind::kAllocate:
        break;
    }
  }
}

std::optional<TimePoint> next_deadline(const Shard& shard) { return shard.deadlines.next(); }

bool has_work_left(const Shard& shard) {
  const AllocatorState& state = shard.allocator;
  const bool wanted = state.wake_all || !state.wanting.empty() || !state.wanting_roles.empty();
  return !state.table_full && !state.is_recovering &&
         (!state.dirty.empty() || wanted || !state.freed_roles.empty());
}

void on_turn_end(Shard& shard, Outbox& outbox, TimePoint now) {
  end_drains(shard, outbox, now);
  allocate(shard, outbox, now);
  shard.events.seal(shard.wall_ms(now));
}

}  // namespace shoal::core
