#include "core/invariants.h"

#include <fmt/core.h>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace shoal::core {
namespace {

template <typename... Args>
absl::Status violated(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InternalError(fmt::format(format, std::forward<Args>(args)...));
}

// Adds `part`, unless a port of it is already in `sum`.
bool add_disjoint(Resources& sum, const Resources& part) {
  if (sum.ports.intersects(part.ports)) return false;
  sum += part;
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
  const Resources& total = agent.description->total;
  const Resources free = total.contains(held) ? total - held : Resources();
  if (!(free == agent.available)) {
    return violated("agent {}: {} is available, but {} of {} is held", id,
                    to_string(agent.available), to_string(held), to_string(total));
  }
  return absl::OkStatus();
}

struct Ledger {
  absl::flat_hash_map<FrameworkId, Resources> held;  // by tasks and offers, scalars
  absl::flat_hash_map<OfferId, FrameworkId> offers;  // as the agents know them
};

void add_scalars(Resources& sum, const Resources& part) {
  sum.cpus += part.cpus;
  sum.mem += part.mem;
  sum.disk += part.disk;
  sum.gpus += part.gpus;
}

void enter(const Shard& shard, Ledger& ledger) {
  for (const auto& [id, agent] : shard.agents) {
    for (const auto& [key, task] : agent->tasks) {
      if (task.holds_resources) add_scalars(ledger.held[key.framework], task.resources);
    }
    for (const OfferId offer : agent->offers) {
      const OfferPayload& payload = shard.shared.offers.payload(offer);
      add_scalars(ledger.held[payload.framework], payload.resources);
      ledger.offers.emplace(offer, payload.framework);
    }
  }
}

absl::Status check_framework(const FrameworkRecord& framework, const Shard& shard,
                             const Ledger& ledger) {
  const auto held = ledger.held.find(framework.id);
  const Resources expected = held == ledger.held.end() ? Resources() : held->second;
  const Resources booked = shard.shared.shares.allocated(framework.index);
  if (!(booked == expected)) {
    return violated("framework {}: its share says {} but it holds {}", to_string(framework.id),
                    to_string(booked), to_string(expected));
  }
  for (const auto& [offer, agent] : framework.offers) {
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
    for (const DirectoryEntry& entry : shard->directory) {
      if (!live.contains(entry.framework.id)) {
        return violated("shard {} knows framework {}, which is gone", shard->config.index,
                        to_string(entry.framework.id));
      }
    }
    for (const auto& [id, framework] : shard->frameworks) {
      if (absl::Status status = check_framework(*framework, *shard, ledger); !status.ok()) {
        return status;
      }
    }
  }
  if (held_offers != ledger.offers.size()) {
    return violated("frameworks hold {} offers, agents have {} out", held_offers,
                    ledger.offers.size());
  }
  return absl::OkStatus();
}

}  // namespace shoal::core
