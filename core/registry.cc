#include "core/registry.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/agent_handlers.h"
#include "core/agent_mode.h"
#include "core/allocator.h"
#include "core/events.h"
#include "core/framework_handlers.h"
#include "core/outbox.h"
#include "core/quota_handlers.h"
#include "core/shard.h"

namespace shoal::core {
namespace {

struct Perform {
  Shard& shard;
  Outbox& outbox;
  TimePoint now;

  void operator()(const AdmitAgent& then) { admit_agent(shard, outbox, then.agent); }
  void operator()(const RemoveGoneAgent& then) { remove_gone_agent(shard, outbox, then, now); }
  void operator()(const BeginDrain& then) { begin_drain(shard, outbox, then.agent); }
  void operator()(const OperatorResult& then) { outbox.to_shard(then.origin.shard, then); }
};

AgentStanding standing_of(const AgentRecord& agent) {
  if (agent.is_declared_gone) return AgentStanding::kGone;
  return agent.state == AgentState::kUnreachable ? AgentStanding::kUnreachable
                                                 : AgentStanding::kAdmitted;
}

bool has_quotas(const SharedTables& tables) {
  bool found = false;
  tables.roles.for_each([&found](const RoleRow& role) {
    found = found || role.has_guarantee() || !(role.limits.load() == kNoLimits);
  });
  return found;
}

std::vector<RoleRow*> rows_of(Shard& shard, const RegistryContents& contents) {
  std::vector<RoleRow*> rows;
  for (const RegisteredRole& role : contents.roles) {
    const absl::StatusOr<RoleRow*> row = shard.shared.roles.intern(role.name);
    if (row.ok()) rows.push_back(*row);
  }
  return rows;
}

}  // namespace

void store(Shard& shard, Outbox& outbox, RegistryRow row) {
  if (outbox.store(std::move(row))) ++shard.stores.issued;
}

void store_agent(Shard& shard, Outbox& outbox, const AgentRecord& agent, TimePoint now) {
  store(shard, outbox,
        RegisteredAgent{.id = agent.id(),
                        .standing = standing_of(agent),
                        .mode = agent.mode,
                        .drain = agent.drain == nullptr ? Drain{} : *agent.drain,
                        .hostname = agent.description->hostname,
                        .address = agent.description->address,
                        .since_ms = shard.wall_ms(now)});
}

void store_framework(Shard& shard, Outbox& outbox, const FrameworkRecord& framework,
                     TimePoint now) {
  note_framework(shard, framework);
  FrameworkStanding standing = FrameworkStanding::kConnected;
  if (framework.state == FrameworkState::kDisconnected) standing = FrameworkStanding::kDisconnected;
  if (framework.state == FrameworkState::kCompleted) standing = FrameworkStanding::kRemoved;
  store(shard, outbox,
        RegisteredFramework{
            .id = framework.id,
            .standing = standing,
            .name = framework.name,
            .user = framework.user,
            .capabilities = framework.capabilities.bits(),
            .failover_timeout_ms = framework.failover_timeout / std::chrono::milliseconds(1),
            .since_ms = shard.wall_ms(now)});
}

void when_stored(Shard& shard, Outbox& outbox, AfterStored then, TimePoint now) {
  PendingStores& stores = shard.stores;
  if (stores.done == stores.issued) {
    std::visit(Perform{shard, outbox, now}, then);
  } else {
    stores.waiting.push_back({stores.issued, std::move(then)});
  }
}

void on_stored(Shard& shard, Outbox& outbox, std::uint64_t rows, TimePoint now) {
  PendingStores& stores = shard.stores;
  stores.done += rows;
  while (!stores.waiting.empty() && stores.waiting.front().number <= stores.done) {
    const AfterStored then = std::move(stores.waiting.front().then);
    stores.waiting.pop_front();
    std::visit(Perform{shard, outbox, now}, then);
  }
}

void recover_roles(SharedTables& tables, const RegistryContents& contents) {
  for (const RegisteredRole& role : contents.roles) {
    const absl::StatusOr<RoleRow*> row = tables.roles.intern(role.name);
    if (!row.ok()) continue;  // more roles than this version has room for
    (*row)->weight.store(role.weight, std::memory_order_relaxed);
    (*row)->limits.store(role.limits);
    (*row)->guarantees.store(role.guarantees);
  }
}

void recover(Shard& shard, Outbox& outbox, const RegistryContents& contents, TimePoint now) {
  on_quota_changed(
      shard, outbox,
      QuotaChanged{.roles = rows_of(shard, contents), .weights = true, .rescind = true});
  for (const RegisteredAgent& agent : contents.agents) {
    if (shard.home_of(agent.id) != shard.config.index) continue;
    if (agent.standing == AgentStanding::kGone) {
      shard.gone_agents.add(agent.id);
    } else {
      recover_agent(shard, agent, now);
    }
  }
  for (const RegisteredFramework& framework : contents.frameworks) {
    if (framework.standing == FrameworkStanding::kRemoved) {
      shard.removed_frameworks.add(framework.id);
    } else if (shard.home_of(framework.id) == shard.config.index) {
      recover_framework(shard, outbox, framework, now);
    }
  }
  if (shard.shared.recovery.expected() == 0 || !has_quotas(shard.shared)) return;
  shard.allocator.is_recovering = true;
  shard.deadlines.push(now + kRecoveryHold, DeadlineKind::kHeldForRecovery, 0);
}

void note_recovered(Shard& shard, Outbox& outbox) {
  Recovery& recovery = shard.shared.recovery;
  recovery.missing_at[shard.config.index].sub();
  if (!recovery.enough_are_back()) return;
  // Several shards may see it at the same time, which does no harm.
  if (!shard.allocator.is_recovering) return;
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) {
    outbox.to_shard(i, QuotaChanged{.roles = {}, .recovered = true});
  }
}

void end_recovery_hold(Shard& shard) {
  if (!shard.allocator.is_recovering) return;
  shard.allocator.is_recovering = false;
  note_all_wanting(shard);
}

}  // namespace shoal::core
