#include "core/page.h"

#include <algorithm>
#include <utility>

#include "core/quota_handlers.h"
#include "core/summary.h"

namespace shoal::core {
namespace {

bool is_text(std::string_view wanted, std::string_view text) {
  return wanted.empty() || wanted == text;
}

template <typename Id>
bool is_id(Id wanted, Id id) {
  return !wanted.valid() || wanted == id;
}

template <typename State>
bool is_one_of(std::uint64_t states, State state) {
  return states == 0 || (states >> static_cast<unsigned>(state) & 1) != 0;
}

bool wants(const PageFilter& filter, const AgentRecord& agent) {
  return (filter.id.empty() || filter.id == to_string(agent.id())) &&
         is_text(filter.hostname, agent.description->hostname) &&
         is_one_of(filter.states, agent.state) && (!filter.mode || *filter.mode == agent.mode);
}

// Records and summaries of frameworks say their roles differently.
bool has_role(const std::vector<FrameworkRole>& roles, std::string_view name) {
  return std::any_of(roles.begin(), roles.end(), [name](const FrameworkRole& role) {
    return role.subscribed && role.role->name == name;
  });
}
bool has_role(const std::vector<std::string>& roles, std::string_view name) {
  return std::find(roles.begin(), roles.end(), name) != roles.end();
}

template <typename Framework>
bool wants_framework(const PageFilter& filter, const Framework& framework) {
  return (filter.id.empty() || filter.id == to_string(framework.id)) &&
         is_one_of(filter.states, framework.state) &&
         (filter.role.empty() || has_role(framework.roles, filter.role));
}

bool wants(const PageFilter& filter, const TaskSummary& task) {
  return is_text(filter.id, task.id) && is_id(filter.agent, task.agent) &&
         is_id(filter.framework, task.framework) && is_text(filter.role, task.role) &&
         is_text(filter.hostname, task.hostname) && is_one_of(filter.states, task.state);
}

// Before the summary, which copies.
bool wants(const PageFilter& filter, const TaskKey& key, const TaskRecord& task) {
  return is_text(filter.id, key.id) && is_id(filter.framework, key.framework) &&
         is_text(filter.role, task.role->name) && is_one_of(filter.states, task.state);
}

class Reading {
 public:
  Reading(const Shard& shard, const PageQuery& query, TimePoint now)
      : shard_(shard), query_(query), filter_(query.filter), now_(now) {}

  Page run() && {
    switch (query_.kind) {
      case QueryKind::kCluster:
        read_cluster();
        break;
      case QueryKind::kAgents:
        each_agent([this](const AgentRecord& agent) {
          if (wants(filter_, agent)) page_.view.agents.push_back(summarise(agent));
        });
        break;
      case QueryKind::kFrameworks:
        read_frameworks();
        break;
      case QueryKind::kTasks:
        read_tasks();
        break;
      case QueryKind::kOffers:
        each_agent([this](const AgentRecord& agent) { read_offers(agent); });
        break;
      case QueryKind::kRoles:
        // The sums are the cluster's, so one shard says it all.
        if (shard_.config.index == 0) {
          page_.view.roles =
              summarise_roles(shard_.shared, shard_.config.excluded_from_shares, filter_.id);
        }
        break;
    }
    return std::move(page_);
  }

 private:
  bool is_full() const {
    const ClusterView& view = page_.view;
    const std::size_t found = view.agents.size() + view.frameworks.size() + view.tasks.size() +
                              view.offers.size();  // all but one are empty
    return looked_at_ >= query_.most || found >= query_.most_wanted;
  }
  // No agent from here on is the one that is wanted.
  bool is_past(AgentId agent) const { return filter_.agent.valid() && agent > filter_.agent; }
  void stop_after(PageStart last) { page_.next = std::move(last); }

  // Agents from the start on, until the page is full.
  template <typename Each>
  void each_agent(Each each) {
    for (auto it = shard_.agents.upper_bound(query_.start.agent); it != shard_.agents.end(); ++it) {
      if (is_past(it->first)) return;
      each(*it->second);
      ++looked_at_;
      if (is_full() && std::next(it) != shard_.agents.end()) {
        return stop_after({.agent = it->first});
      }
    }
  }

  // With the first page goes what is no sum over agents.
  void read_cluster() {
    ClusterSummary& cluster = page_.view.cluster;
    cluster.cluster_id = shard_.config.cluster_id;
    cluster.version = shard_.config.version;
    cluster.reactors = shard_.config.shards;
    if (query_.start == PageStart{}) {
      for (const auto& [id, framework] : shard_.frameworks) add_to(cluster, *framework);
      cluster.tasks_completed = static_cast<std::uint32_t>(shard_.completed_tasks.size());
      cluster.offers = shard_.shared.offers.outstanding(shard_.config.index);
    }
    each_agent([&cluster](const AgentRecord& agent) { add_to(cluster, agent); });
  }

  void read_offers(const AgentRecord& agent) {
    if (!is_id(filter_.agent, agent.id())) return;
    if (!is_text(filter_.hostname, agent.description->hostname)) return;
    for (const OfferId offer : agent.offers) {
      if (!filter_.id.empty() && filter_.id != to_string(offer)) continue;
      OfferSummary summary = summarise(shard_, agent, offer, now_);
      if (!is_id(filter_.framework, summary.framework)) continue;
      if (is_text(filter_.role, summary.role)) page_.view.offers.push_back(std::move(summary));
    }
  }

  void read_frameworks() {
    if (!query_.start.ended) {
      auto it = shard_.frameworks.upper_bound(query_.start.framework);
      for (; it != shard_.frameworks.end() && !is_full(); ++it, ++looked_at_) {
        if (!wants_framework(filter_, *it->second)) continue;
        page_.view.frameworks.push_back(summarise(shard_, *it->second));
      }
      if (it != shard_.frameworks.end()) return stop_after({.framework = std::prev(it)->first});
    }
    read_ended(shard_.completed_frameworks, shard_.forgotten_frameworks,
               [this](const FrameworkSummary& framework) {
                 if (wants_framework(filter_, framework)) {
                   page_.view.frameworks.push_back(framework);
                 }
               });
  }

  void read_tasks() {
    if (!query_.start.ended && !read_live_tasks()) return;
    read_ended(shard_.completed_tasks, shard_.forgotten_tasks, [this](const TaskSummary& task) {
      if (wants(filter_, task)) page_.view.tasks.push_back(task);
    });
  }

  // False: the page is full.
  bool read_live_tasks() {
    const PageStart& start = query_.start;
    auto agent = shard_.agents.lower_bound(std::max(start.agent, filter_.agent));
    for (; agent != shard_.agents.end() && !is_past(agent->first); ++agent, ++looked_at_) {
      const auto& tasks = agent->second->tasks;
      const bool is_wanted_agent = is_id(filter_.agent, agent->first) &&
                                   is_text(filter_.hostname, agent->second->description->hostname);
      auto it = agent->first == start.agent && start.agent.valid()
                    ? tasks.upper_bound(TaskKeyView{start.framework, start.task})
                    : tasks.begin();
      if (!is_wanted_agent) it = tasks.end();
      for (; it != tasks.end(); ++it, ++looked_at_) {
        if (is_full()) {
          stop_before(agent, it);
          return false;
        }
        if (!wants(filter_, it->first, it->second)) continue;
        page_.view.tasks.push_back(summarise(*agent->second, it->first, it->second));
      }
      if (is_full()) {
        // After the last that the agent can have.
        stop_after_agent(agent->first);
        return false;
      }
    }
    return true;
  }

  template <typename Agent, typename Task>
  void stop_before(Agent agent, Task task) {
    if (task == agent->second->tasks.begin()) {
      return stop_after({.agent = agent->first});
    }
    const TaskKey& last = std::prev(task)->first;
    stop_after({.agent = agent->first, .framework = last.framework, .task = last.id});
  }

  void stop_after_agent(AgentId agent) {
    const auto next = shard_.agents.upper_bound(agent);
    if (next == shard_.agents.end()) return stop_after({.ended = true});
    stop_after({.agent = next->first});
  }

  // `forgotten`: how many have left the front of `all`.
  template <typename T, typename Each>
  void read_ended(const std::deque<T>& all, std::uint64_t forgotten, Each each) {
    const std::uint64_t from =
        query_.start.ended ? std::max(query_.start.sequence, forgotten) : forgotten;
    const std::uint64_t end = forgotten + all.size();
    for (std::uint64_t at = from; at < end; ++at, ++looked_at_) {
      if (is_full()) return stop_after({.ended = true, .sequence = at});
      each(all[at - forgotten]);
    }
  }

  const Shard& shard_;
  const PageQuery& query_;
  const PageFilter& filter_;
  const TimePoint now_;
  std::size_t looked_at_ = 0;
  Page page_;
};

}  // namespace

Page read_page(const Shard& shard, const PageQuery& query, TimePoint now) {
  return Reading(shard, query, now).run();
}

}  // namespace shoal::core
