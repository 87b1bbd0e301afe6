#include "core/operator_handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/agent_handlers.h"
#include "core/explain.h"
#include "core/framework_handlers.h"
#include "core/framework_summary.h"
#include "core/quota_handlers.h"
#include "core/registry.h"

namespace shoal::core {
namespace {

template <typename Id>
bool wanted(std::string_view asked, Id id) {
  return asked.empty() || asked == to_string(id);
}

std::uint32_t active_tasks(const AgentRecord& agent) {
  return static_cast<std::uint32_t>(
      std::count_if(agent.tasks.begin(), agent.tasks.end(),
                    [](const auto& entry) { return !is_terminal(entry.second.state); }));
}

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
  return summary;
}

// Sums over agents: ports mean something only on theirs, and tags would make the list long.
void add_scalars(Resources& sum, const Resources& amount) {
  const Quantities quantities = amount.all_quantities();
  sum.cpus += quantities[ResourceKind::kCpus];
  sum.mem += quantities[ResourceKind::kMem];
  sum.disk += quantities[ResourceKind::kDisk];
  sum.gpus += quantities[ResourceKind::kGpus];
}

void collect_cluster(const Shard& shard, ClusterSummary& cluster) {
  cluster.cluster_id = shard.config.cluster_id;
  cluster.version = shard.config.version;
  cluster.reactors = shard.config.shards;
  for (const auto& [id, agent] : shard.agents) {
    cluster.tasks_active += active_tasks(*agent);
    if (agent->state == AgentState::kUnreachable) ++cluster.agents_unreachable;
    const bool is_awaited =
        agent->state == AgentState::kDisconnected || agent->state == AgentState::kRecovered;
    if (is_awaited) ++cluster.agents_disconnected;
    if (agent->state != AgentState::kActive) continue;
    ++cluster.agents_active;
    add_scalars(cluster.total, agent->total);
    add_scalars(cluster.used, agent->used);
    add_scalars(cluster.offered, agent->offered);
  }
  for (const auto& [id, framework] : shard.frameworks) {
    const bool active = framework->state == FrameworkState::kActive;
    ++(active ? cluster.frameworks_active : cluster.frameworks_disconnected);
  }
  cluster.tasks_completed = static_cast<std::uint32_t>(shard.completed_tasks.size());
  cluster.offers = shard.shared.offers.outstanding(shard.config.index);
}

void collect_tasks(const Shard& shard, std::string_view id, ClusterView& view) {
  for (const auto& [agent_id, agent] : shard.agents) {
    for (const auto& [key, task] : agent->tasks) {
      if (id.empty() || id == key.id) view.tasks.push_back(core::summarise(*agent, key, task));
    }
  }
  for (const TaskSummary& task : shard.completed_tasks) {
    if (id.empty() || id == task.id) view.tasks.push_back(task);
  }
}

void collect_offers(const Shard& shard, std::string_view id, TimePoint now, ClusterView& view) {
  for (const auto& [agent_id, agent] : shard.agents) {
    for (const OfferId offer : agent->offers) {
      if (!wanted(id, offer)) continue;
      const OfferPayload& payload = shard.shared.offers.payload(offer);
      OfferSummary summary;
      summary.id = offer;
      summary.agent = agent_id;
      summary.framework = payload.framework;
      summary.hostname = agent->description->hostname;
      summary.resources = payload.resources;
      summary.age_ms = (now - payload.published) / std::chrono::milliseconds(1);
      summary.role = shard.shared.roles[payload.role].name;
      view.offers.push_back(std::move(summary));
    }
  }
}

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
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

}  // namespace

void on_query(Shard& shard, Outbox& outbox, SessionId session, const Query& message,
              std::uint32_t correlation, TimePoint /*now*/) {
  const std::uint64_t query = shard.next_query++;
  shard.gatherings.emplace(query, Gathering{session, correlation, shard.config.shards, {}});
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) {
    outbox.to_shard(i, QueryAsk{shard.config.index, query, message.kind, std::string(message.id)});
  }
}

void on_operator_kill(Shard& shard, Outbox& outbox, SessionId session, const KillTask& message,
                      std::uint32_t correlation) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  // Without an agent the framework's shard looks up where the task is.
  const std::uint32_t next =
      message.agent.valid() ? shard.home_of(message.agent) : shard.home_of(message.framework);
  outbox.to_shard(next,
                  OperatorKill{origin, KillForward{message.framework, message.agent,
                                                   std::string(message.task), message.grace_ms}});
}

void on_operator_teardown(Shard& shard, Outbox& outbox, SessionId session,
                          const TeardownFramework& message, std::uint32_t correlation) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  outbox.to_shard(shard.home_of(message.framework), OperatorTeardown{origin, message.framework});
}

void on_operator_explain(Shard& shard, Outbox& outbox, SessionId session, const Explain& message,
                         std::uint32_t correlation, TimePoint /*now*/) {
  ask_why(shard, outbox, session, correlation, message.framework, message.role, message.resources);
}

void on_operate_agent(Shard& shard, Outbox& outbox, SessionId session, const OperateAgent& message,
                      std::uint32_t correlation, TimePoint /*now*/) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  outbox.to_shard(
      shard.home_of(message.agent),
      OperatorOperation{origin, message.agent, message.spec, std::string(message.principal)});
}

ClusterView collect(const Shard& shard, QueryKind kind, std::string_view id, TimePoint now) {
  ClusterView view;
  switch (kind) {
    case QueryKind::kCluster:
      collect_cluster(shard, view.cluster);
      break;
    case QueryKind::kAgents:
      for (const auto& [agent_id, agent] : shard.agents) {
        if (wanted(id, agent_id)) view.agents.push_back(summarise(*agent));
      }
      break;
    case QueryKind::kFrameworks:
      for (const auto& [framework_id, framework] : shard.frameworks) {
        if (!wanted(id, framework_id)) continue;
        view.frameworks.push_back(core::summarise(shard, *framework));
      }
      for (const FrameworkSummary& done : shard.completed_frameworks) {
        if (wanted(id, done.id)) view.frameworks.push_back(done);
      }
      break;
    case QueryKind::kTasks:
      collect_tasks(shard, id, view);
      break;
    case QueryKind::kOffers:
      collect_offers(shard, id, now, view);
      break;
    case QueryKind::kRoles:
      // The sums are the cluster's, so one shard says it all.
      if (shard.config.index == 0) {
        view.roles = summarise_roles(shard.shared, shard.config.excluded_from_shares, id);
      }
      break;
  }
  return view;
}

void on_query_ask(Shard& shard, Outbox& outbox, const QueryAsk& message, TimePoint now) {
  outbox.to_shard(message.origin_shard,
                  QueryPart{message.query, collect(shard, message.kind, message.id, now)});
}

void on_query_part(Shard& shard, Outbox& outbox, QueryPart message) {
  const auto it = shard.gatherings.find(message.query);
  if (it == shard.gatherings.end()) return;
  Gathering& gathering = it->second;
  merge(gathering.view.cluster, message.part.cluster);
  append(gathering.view.agents, std::move(message.part.agents));
  append(gathering.view.frameworks, std::move(message.part.frameworks));
  append(gathering.view.tasks, std::move(message.part.tasks));
  append(gathering.view.offers, std::move(message.part.offers));
  append(gathering.view.roles, std::move(message.part.roles));
  if (--gathering.missing > 0) return;
  outbox.send(gathering.session, gathering.view, gathering.correlation);
  shard.gatherings.erase(it);
}

void on_forwarded_operator_kill(Shard& shard, Outbox& outbox, const OperatorKill& message) {
  if (!message.kill.agent.valid()) {
    FrameworkRecord* framework = shard.find_framework(message.kill.framework);
    if (framework != nullptr) {
      if (const auto place = framework->tasks.find(message.kill.task);
          place != framework->tasks.end()) {
        OperatorKill located = message;
        located.kill.agent = place->second.agent;
        const std::uint32_t home = shard.home_of(located.kill.agent);
        outbox.to_shard(home, std::move(located));
        return;
      }
    }
  }
  const bool found = kill_task(shard, outbox, message.kill);
  outbox.to_shard(
      message.origin.shard,
      OperatorResult{message.origin, found, RefusalCode::kNotFound,
                     found ? ""
                           : fmt::format("no live task '{}' on agent {}", message.kill.task,
                                         to_string(message.kill.agent))});
}

void on_forwarded_operator_teardown(Shard& shard, Outbox& outbox, const OperatorTeardown& message,
                                    TimePoint now) {
  const bool found = shard.find_framework(message.framework) != nullptr;
  on_teardown(shard, outbox, message.framework, now);
  when_stored(
      shard, outbox,
      OperatorResult{message.origin, found, RefusalCode::kNotFound,
                     found ? "" : fmt::format("no framework {}", to_string(message.framework))},
      now);
}

void on_operator_result(Shard& shard, Outbox& outbox, const OperatorResult& message) {
  if (message.ok) {
    outbox.send(message.origin.session, Done{}, message.origin.correlation);
  } else {
    shard.counters.refusals.add();
    outbox.refuse(message.origin.session, message.code, message.message,
                  message.origin.correlation);
  }
}

}  // namespace shoal::core
