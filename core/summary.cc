#include "core/summary.h"

#include <algorithm>

namespace shoal::core {
namespace {

std::uint32_t active_tasks(const AgentRecord& agent) {
  return static_cast<std::uint32_t>(
      std::count_if(agent.tasks.begin(), agent.tasks.end(),
                    [](const auto& entry) { return !is_terminal(entry.second.state); }));
}

// Sums over agents: ports mean something only on theirs, and tags would make the list long.
void add_scalars(Resources& sum, const Resources& amount) {
  const Quantities quantities = amount.all_quantities();
  sum.cpus += quantities[ResourceKind::kCpus];
  sum.mem += quantities[ResourceKind::kMem];
  sum.disk += quantities[ResourceKind::kDisk];
  sum.gpus += quantities[ResourceKind::kGpus];
}

}  // namespace

AgentSummary summarise(const AgentRecord& agent) {
  AgentSummary summary;
  summary.id = agent.id();
  summary.hostname = agent.description->hostname;
  summary.address = agent.description->address;
  summary.state = agent.state;
  summary.total = agent.total;
  summary.used = agent.used;
  summary.offered = agent.offered;
  summary.attributes = agent.description->attributes;
  summary.tasks = active_tasks(agent);
  summary.registered_ms = agent.registered_ms;
  summary.region = agent.description->region;
  summary.zone = agent.description->zone;
  summary.mode = agent.mode;
  if (agent.drain != nullptr) summary.drain = *agent.drain;
  if (agent.machine != nullptr) summary.machine = *agent.machine;
  return summary;
}

FrameworkSummary summarise(const Shard& shard, const FrameworkRecord& framework) {
  FrameworkSummary summary;
  summary.id = framework.id;
  summary.name = framework.name;
  summary.user = framework.user;
  Quantities held;
  for (const FrameworkRole& role : framework.roles) {
    held += shard.shared.shares.held(role.subscription).load();
    if (!role.subscribed) continue;
    summary.roles.push_back(role.role->name);
    if (role.suppressed) summary.suppressed_roles.push_back(role.role->name);
  }
  summary.state = framework.state;
  summary.suppressed = framework.suppressed();
  summary.capabilities = framework.capabilities.bits();
  for (const auto& [id, place] : framework.tasks) summary.tasks += place.has_ended() ? 0 : 1;
  summary.offers = static_cast<std::uint32_t>(framework.offers.size());
  summary.allocated.cpus = held[ResourceKind::kCpus];
  summary.allocated.mem = held[ResourceKind::kMem];
  summary.allocated.disk = held[ResourceKind::kDisk];
  summary.allocated.gpus = held[ResourceKind::kGpus];
  summary.subscribed_ms = framework.subscribed_ms;
  return summary;
}

TaskSummary summarise(const AgentRecord& agent, const TaskKey& key, const TaskRecord& task) {
  TaskSummary summary;
  summary.id = key.id;
  summary.name = task.name.view();
  summary.framework = key.framework;
  summary.agent = agent.id();
  summary.agent_address = agent.description->address;
  summary.hostname = agent.description->hostname;
  summary.state = task.state;
  summary.reason = task.reason;
  const TaskExtra& extra = task.known_extra();
  summary.message = extra.message.view();
  summary.has_exit = extra.has_exit;
  summary.exit_code = extra.exit_code;
  summary.exit_signal = extra.exit_signal;
  summary.resources = task.resources;
  summary.started_ms = task.started_ms;
  summary.ended_ms = extra.ended_ms;
  summary.role = task.role->name;
  if (agent.machine != nullptr && !is_terminal(task.state)) summary.use = task.use;
  return summary;
}

OfferSummary summarise(const Shard& shard, const AgentRecord& agent, OfferId offer, TimePoint now) {
  const OfferPayload& payload = shard.shared.offers.payload(offer);
  OfferSummary summary;
  summary.id = offer;
  summary.agent = agent.id();
  summary.framework = payload.framework;
  summary.hostname = agent.description->hostname;
  summary.resources = payload.resources;
  summary.age_ms = (now - payload.published) / std::chrono::milliseconds(1);
  summary.role = shard.shared.roles[payload.role].name;
  return summary;
}

void add_to(ClusterSummary& cluster, const AgentRecord& agent) {
  cluster.tasks_active += active_tasks(agent);
  if (agent.state == AgentState::kUnreachable) ++cluster.agents_unreachable;
  const bool is_awaited =
      agent.state == AgentState::kDisconnected || agent.state == AgentState::kRecovered;
  if (is_awaited) ++cluster.agents_disconnected;
  if (agent.state != AgentState::kActive) return;
  ++cluster.agents_active;
  add_scalars(cluster.total, agent.total);
  add_scalars(cluster.used, agent.used);
  add_scalars(cluster.offered, agent.offered);
}

void add_to(ClusterSummary& cluster, const FrameworkRecord& framework) {
  const bool is_active = framework.state == FrameworkState::kActive;
  ++(is_active ? cluster.frameworks_active : cluster.frameworks_disconnected);
}

void merge(ClusterSummary& to, const ClusterSummary& from) {
  to.cluster_id = from.cluster_id;
  to.version = from.version;
  to.reactors = from.reactors;
  to.agents_active += from.agents_active;
  to.agents_disconnected += from.agents_disconnected;
  to.agents_unreachable += from.agents_unreachable;
  to.frameworks_active += from.frameworks_active;
  to.frameworks_disconnected += from.frameworks_disconnected;
  to.tasks_active += from.tasks_active;
  to.tasks_completed += from.tasks_completed;
  to.offers += from.offers;
  to.total += from.total;
  to.used += from.used;
  to.offered += from.offered;
}

}  // namespace shoal::core
