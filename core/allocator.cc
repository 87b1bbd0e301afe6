#include "core/allocator.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace shoal::core {
namespace {

// Too little to be worth an offer (Mesos' default: "cpus:0.01|mem:32").
bool is_crumb(const Resources& free) {
  return free.cpus < kMinOfferCpusMilli && free.mem < kMinOfferMemMilli;
}

bool is_filtered(const AgentRecord& agent, FrameworkId framework) {
  return std::any_of(agent.filters.begin(), agent.filters.end(), [&](const OfferFilter& filter) {
    return filter.framework == framework && filter.refused.contains(agent.available);
  });
}

DirectoryEntry* neediest(Shard& shard, const AgentRecord& agent) {
  DirectoryEntry* best = nullptr;
  double best_share = std::numeric_limits<double>::infinity();
  for (DirectoryEntry& entry : shard.directory) {
    if (!entry.framework.active) continue;
    const double share = shard.shared.shares.dominant_share(entry.framework.index);
    const bool better = share < best_share || (share == best_share && best != nullptr &&
                                               entry.last_offer < best->last_offer);
    if (!better || is_filtered(agent, entry.framework.id)) continue;
    best = &entry;
    best_share = share;
  }
  return best;
}

// Offers all that is free on `agent`; false when the offer table has no slot left.
bool offer_agent(Shard& shard, AgentRecord& agent, TimePoint now,
                 std::vector<OffersOut>& outgoing) {
  if (agent.state != AgentState::kActive || is_crumb(agent.available)) return true;
  DirectoryEntry* chosen = neediest(shard, agent);
  if (chosen == nullptr) return true;
  const FrameworkEntry& framework = chosen->framework;
  const std::optional<OfferId> id =
      shard.shared.offers.publish(shard.config.index, {.agent = agent.id(),
                                                       .framework = framework.id,
                                                       .framework_index = framework.index,
                                                       .resources = agent.available,
                                                       .published = now});
  if (!id.has_value()) return false;
  chosen->last_offer = ++shard.offer_sequence;
  shard.shared.shares.add(framework.index, agent.available);
  agent.offered += agent.available;
  agent.offers.push_back(*id);
  shard.deadlines.push(now + shard.config.offer_timeout, DeadlineKind::kOfferExpiry, id->packed());
  shard.counters.offers_published.add();

  auto message = std::find_if(outgoing.begin(), outgoing.end(),
                              [&](const OffersOut& out) { return out.framework == framework.id; });
  if (message == outgoing.end()) {
    message = outgoing.insert(outgoing.end(), OffersOut{framework.id, {}});
  }
  message->offers.push_back({*id, agent.description, std::exchange(agent.available, {})});
  return true;
}

void notify_withdrawn(Shard& shard, Outbox& outbox, OfferId id) {
  const FrameworkId framework = shard.shared.offers.payload(id).framework;
  outbox.to_shard(shard.home_of(framework), OffersWithdrawn{framework, {id}});
}

}  // namespace

void mark_dirty(Shard& shard, AgentRecord& agent) {
  if (agent.dirty || agent.state != AgentState::kActive) return;
  agent.dirty = true;
  shard.dirty.push_back(agent.id());
}

void mark_all_dirty(Shard& shard) {
  for (auto& [id, agent] : shard.agents) mark_dirty(shard, *agent);
}

void allocate(Shard& shard, Outbox& outbox, TimePoint now) {
  if (shard.dirty.empty()) return;
  std::vector<OffersOut> outgoing;
  std::vector<AgentId> dirty = std::exchange(shard.dirty, {});
  for (const AgentId id : dirty) {
    AgentRecord* agent = shard.find_agent(id);
    if (agent == nullptr) continue;
    agent->dirty = false;
    if (offer_agent(shard, *agent, now, outgoing)) continue;
    // Full: the agent stays dirty and is offered when a slot is settled in a later turn.
    shard.counters.offer_table_full.add();
    mark_dirty(shard, *agent);
  }
  for (OffersOut& message : outgoing) {
    const std::uint32_t home = shard.home_of(message.framework);
    outbox.to_shard(home, std::move(message));
  }
}

void settle_offer(Shard& shard, OfferId id) {
  const OfferPayload& payload = shard.shared.offers.payload(id);
  shard.shared.shares.subtract(payload.framework_index, payload.resources);
  if (AgentRecord* agent = shard.find_agent(payload.agent); agent != nullptr) {
    agent->offered -= payload.resources;
    agent->update_available();
    agent->offers.erase(std::find(agent->offers.begin(), agent->offers.end(), id));
    mark_dirty(shard, *agent);
  }
  shard.shared.offers.settle(id);
}

void rescind_offers(Shard& shard, Outbox& outbox, AgentRecord& agent) {
  const auto offers = agent.offers;  // settle_offer takes them out of the agent's list
  for (const OfferId id : offers) {
    if (!shard.shared.offers.rescind(id)) continue;
    notify_withdrawn(shard, outbox, id);
    settle_offer(shard, id);
    shard.counters.offers_rescinded.add();
  }
}

void expire_offer(Shard& shard, Outbox& outbox, OfferId id) {
  if (!shard.shared.offers.expire(id)) return;
  notify_withdrawn(shard, outbox, id);
  settle_offer(shard, id);
  shard.counters.offers_expired.add();
}

void add_filter(Shard& shard, AgentRecord& agent, FrameworkId framework, const Resources& resources,
                Duration refuse, TimePoint now) {
  if (refuse <= Duration::zero() || resources.empty()) return;
  if (agent.filters.size() >= kMaxFiltersPerAgent) agent.filters.erase(agent.filters.begin());
  const TimePoint until = now + std::min<Duration>(refuse, kMaxRefuse);
  agent.filters.push_back({framework, resources, until});
  shard.deadlines.push(until, DeadlineKind::kFilterExpiry, agent.id().value);
}

void clear_filters(Shard& shard, FrameworkId framework) {
  for (auto& [id, agent] : shard.agents) {
    auto& filters = agent->filters;
    const auto end = std::remove_if(filters.begin(), filters.end(), [&](const OfferFilter& filter) {
      return filter.framework == framework;
    });
    if (end == filters.end()) continue;
    filters.erase(end, filters.end());
    mark_dirty(shard, *agent);
  }
}

void expire_filters(Shard& shard, AgentRecord& agent, TimePoint now) {
  auto& filters = agent.filters;
  const auto end = std::remove_if(filters.begin(), filters.end(),
                                  [now](const OfferFilter& filter) { return filter.until <= now; });
  if (end == filters.end()) return;
  filters.erase(end, filters.end());
  mark_dirty(shard, agent);
}

}  // namespace shoal::core
