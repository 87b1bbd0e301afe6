#include "core/invariants.h"

#include <fmt/core.h>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/accounting.h"

namespace shoal::core {
namespace {

template <typename... Args>
absl::Status violated(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InternalError(fmt::format(format, std::forward<Args>(args)...));
}

// Adds `part` without its shared volumes, unless a port or the like of it is already in `sum`.
bool add_disjoint(Resources& sum, const Resources& part) {
  Resources scratch;
  const Resources& exclusive = exclusive_part(part, scratch);
  if (sum.intersects(exclusive)) return false;
  sum += exclusive;
  return true;
}

absl::Status check_agent(const Shard& shard, const AgentRecord& agent) {
  const std::string id = to_string(agent.id());
  if (home_shard(agent.id().value, shard.config.shards) != shard.config.index) {
    return violated("agent {} lives on shard {}, which is not its home", id, shard.config.index);
  }
  Resources used;
  for (const auto& [key, task] : agent.tasks) {
    if (task.holds_resources == is_terminal(task.state)) {
      return violated("task {} on {} is {} and {} resources", key.id, id, name_of(task.state),
                      task.holds_resources ? "holds" : "does not hold");
    }
    if (task.holds_resources && !add_disjoint(used, task.resources)) {
      return violated("a port of task {} is held twice on {}", key.id, id);
    }
  }
  Resources offered;
  for (const OfferId offer : agent.offers) {
    if (shard.shared.offers.state(offer) == OfferState::kFree) {
      return violated("offer {} of {} is not outstanding", to_string(offer), id);
    }
    const OfferPayload& payload = shard.shared.offers.payload(offer);
    if (payload.agent != agent.id()) {
      return violated("offer {} of {} names another agent", to_string(offer), id);
    }
    if (!add_disjoint(offered, payload.resources)) {
      return violated("a port of offer {} is offered twice on {}", to_string(offer), id);
    }
  }
  if (!(used == agent.used)) {
    return violated("agent {}: used is {} but its tasks hold {}", id, to_string(agent.used),
                    to_string(used));
  }
  if (!(offered == agent.offered)) {
    return violated("agent {}: offered is {} but its offers hold {}", id, to_string(agent.offered),
                    to_string(offered));
  }
  Resources held = used;
  if (!add_disjoint(held, offered)) return violated("a port is used and offered on {}", id);
  if (!(free_part(agent.total, held) == agent.available)) {
    return violated("agent {}: {} is available, but {} of {} is held", id,
                    to_string(agent.available), to_string(held), to_string(agent.total));
  }
  const bool waits = agent.queue != AgentQueue::kNone;
  const auto& queue =
      agent.queue == AgentQueue::kIdle ? shard.allocator.idle : shard.allocator.dirty;
  if (waits && (agent.queue_position >= queue.size() || queue[agent.queue_position] != &agent)) {
    return violated("agent {} is not where it waits for the allocator", id);
  }
  if (waits && !agent.may_be_offered()) {
    return violated("agent {} waits for the allocator but is not active", id);
  }
  return absl::OkStatus();
}

// What a role holds by the agents' books; as in RoleRow.
struct RoleBooks {
  Quantities own;
  Quantities allocated;
  Quantities offered;
  Quantities reserved;
  Quantities charged;
};

struct Ledger {
  absl::flat_hash_map<SubscriptionIndex, Quantities> held;
  absl::flat_hash_map<RoleIndex, RoleBooks> roles;
  absl::flat_hash_map<OfferId, FrameworkId> offers;  // as the agents know them
  Quantities total;
  std::uint64_t present = 0;  // agents
  std::uint64_t silent = 0;
};

template <typename Member>
void add_up(Ledger& ledger, const RoleRow& role, Member member, const Quantities& amount) {
  for (const RoleRow* row = &role; row != nullptr; row = row->parent) {
    ledger.roles[row->index].*member += amount;
  }
}

void enter_held(Ledger& ledger, const RoleRow& role, const Resources& resources) {
  ledger.roles[role.index].own += resources.all_quantities();
  add_up(ledger, role, &RoleBooks::allocated, resources.all_quantities());
  add_up(ledger, role, &RoleBooks::charged, resources.quantities());
}

void enter(const Shard& shard, Ledger& ledger) {
  for (const auto& [id, agent] : shard.agents) {
    for (const auto& [key, task] : agent->tasks) {
      // What is held on an unreachable agent counts for nobody.
      if (!task.holds_resources || agent->state == AgentState::kUnreachable) continue;
      enter_held(ledger, *task.role, task.resources);
      const auto subscription = shard.subscription_of(key.framework, *task.role);
      if (subscription.has_value()) ledger.held[*subscription] += task.resources.all_quantities();
    }
    for (const OfferId offer : agent->offers) {
      const OfferPayload& payload = shard.shared.offers.payload(offer);
      const RoleRow& role = shard.shared.roles[payload.role];
      enter_held(ledger, role, payload.resources);
      add_up(ledger, role, &RoleBooks::offered, payload.resources.quantities());
      ledger.held[payload.subscription] += payload.resources.all_quantities();
      ledger.offers.emplace(offer, payload.framework);
    }
    if (agent->state == AgentState::kUnreachable) continue;
    ++(agent->state == AgentState::kActive ? ledger.present : ledger.silent);
    if (agent->state != AgentState::kActive) continue;
    ledger.total += agent->total.all_quantities();
    for (const Lot& lot : agent->total.lots) {
      const RoleRow* role =
          lot.tags->is_reserved() ? shard.shared.roles.find(lot.tags->role()) : nullptr;
      if (role == nullptr) continue;
      add_up(ledger, *role, &RoleBooks::reserved, lot.amounts.quantities());
      add_up(ledger, *role, &RoleBooks::charged, lot.amounts.quantities());
    }
  }
}

absl::Status check_sum(const RoleRow& role, std::string_view name, const Quantities& booked,
                       const Quantities& expected) {
  if (booked == expected) return absl::OkStatus();
  return violated("role '{}': {} says {} but it is {}", role.name, name, to_string(booked),
                  to_string(expected));
}

absl::Status check_role_sums(const RoleRow& role, const RoleBooks& expected) {
  absl::Status status = check_sum(role, "reserved", role.reserved.load(), expected.reserved);
  if (status.ok()) status = check_sum(role, "charged", role.charged.load(), expected.charged);
  if (!status.ok() || role.parent == nullptr) return status;
  status = check_sum(role, "own", role.own.load(), expected.own);
  if (status.ok()) status = check_sum(role, "allocated", role.allocated.load(), expected.allocated);
  if (status.ok()) status = check_sum(role, "offered", role.offered.load(), expected.offered);
  if (!status.ok()) return status;
  // Tasks and reservations may be over a limit that came later, or is forced; offers are not.
  const Quantities limits = role.limits.load();
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const Milli allocated = expected.charged[kind] - expected.reserved[kind];
    if (limits[kind] == kNoLimit || expected.offered[kind] == 0 || allocated <= limits[kind]) {
      continue;
    }
    return violated("role '{}' is offered {} beyond its limit: {} of {}", role.name,
                    kResourceNames[kind], milli_to_string(allocated),
                    milli_to_string(limits[kind]));
  }
  return absl::OkStatus();
}

absl::Status check_shared(const Shard& shard, const Ledger& ledger) {
  absl::Status status;
  shard.shared.roles.for_each([&](const RoleRow& role) {
    if (!status.ok()) return;
    const auto books = ledger.roles.find(role.index);
    status = check_role_sums(role, books == ledger.roles.end() ? RoleBooks() : books->second);
  });
  const Quantities total = shard.shared.shares.total.load();
  if (status.ok() && !(total == ledger.total)) {
    return violated("the cluster's total says {} but it is {}", to_string(total),
                    to_string(ledger.total));
  }
  const Fleet& fleet = shard.shared.fleet;
  if (status.ok() && (fleet.present() != ledger.present || fleet.silent() != ledger.silent)) {
    return violated("the fleet says {} agents and {} silent ones but it is {} and {}",
                    fleet.present(), fleet.silent(), ledger.present, ledger.silent);
  }
  return status;
}

absl::Status check_framework(const FrameworkRecord& framework, const Shard& shard,
                             const Ledger& ledger) {
  for (const FrameworkRole& role : framework.roles) {
    const auto held = ledger.held.find(role.subscription);
    const Quantities expected = held == ledger.held.end() ? Quantities() : held->second;
    const Quantities booked = shard.shared.shares.held(role.subscription).load();
    if (booked == expected) continue;
    return violated("framework {} in role '{}': its share says {} but it holds {}",
                    to_string(framework.id), role.role->name, to_string(booked),
                    to_string(expected));
  }
  for (const auto& [offer, where] : framework.offers) {
    const auto out = ledger.offers.find(offer);
    if (out == ledger.offers.end() || out->second != framework.id) {
      return violated("framework {} holds offer {}, which is not out to it",
                      to_string(framework.id), to_string(offer));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status check_invariants(const Shard& shard) {
  std::size_t offers = 0;
  for (const auto& [id, agent] : shard.agents) {
    if (absl::Status status = check_agent(shard, *agent); !status.ok()) return status;
    offers += agent->offers.size();
  }
  // Offers of agents that were dropped while a claim was under way are outstanding without an
  // agent.
  if (offers > shard.shared.offers.outstanding(shard.config.index)) {
    return violated("agents have {} offers out, the table {}", offers,
                    shard.shared.offers.outstanding(shard.config.index));
  }
  for (const auto& [id, framework] : shard.frameworks) {
    if (home_shard(id.value, shard.config.shards) != shard.config.index) {
      return violated("framework {} lives on shard {}, which is not its home", to_string(id),
                      shard.config.index);
    }
  }
  return absl::OkStatus();
}

absl::Status check_cluster(absl::Span<const Shard* const> shards) {
  Ledger ledger;
  absl::flat_hash_set<FrameworkId> live;
  std::size_t held_offers = 0;
  for (const Shard* shard : shards) {
    if (absl::Status status = check_invariants(*shard); !status.ok()) return status;
    enter(*shard, ledger);
    for (const auto& [id, framework] : shard->frameworks) {
      live.insert(id);
      held_offers += framework->offers.size();
    }
  }
  for (const Shard* shard : shards) {
    if (shard->directory.size() != live.size()) {
      return violated("shard {} knows {} frameworks, there are {}", shard->config.index,
                      shard->directory.size(), live.size());
    }
    for (const auto& [id, entry] : shard->directory) {
      if (live.contains(id)) continue;
      return violated("shard {} knows framework {}, which is gone", shard->config.index,
                      to_string(id));
    }
    if (absl::Status order = shard->fair_share.check_order(); !order.ok()) return order;
    for (const auto& [id, framework] : shard->frameworks) {
      if (absl::Status status = check_framework(*framework, *shard, ledger); !status.ok()) {
        return status;
      }
    }
  }
  if (!shards.empty()) {
    if (absl::Status sums = check_shared(*shards.front(), ledger); !sums.ok()) return sums;
  }
  if (held_offers != ledger.offers.size()) {
    return violated("frameworks hold {} offers, agents have {} out", held_offers,
                    ledger.offers.size());
  }
  return absl::OkStatus();
}

}  // namespace shoal::core
