#include "cli/top_rows.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/status.h"

namespace shoal::cli {
namespace {

// Per second; nullopt when no time has passed, or it went back (another life of the agent).
std::optional<double> rate(double before, double now, std::int64_t before_ms, std::int64_t now_ms) {
  if (now_ms <= before_ms || now < before) return std::nullopt;
  return (now - before) * 1000 / static_cast<double>(now_ms - before_ms);
}

const AgentUsage* usage_of(const TopLook& look, core::AgentId id) {
  for (std::size_t i = 0; i < look.agents.agents.size() && i < look.usage.size(); ++i) {
    if (look.agents.agents[i].id == id) return look.usage[i].ok() ? &*look.usage[i] : nullptr;
  }
  return nullptr;
}

std::map<core::AgentId, const AgentUsage*> usage_by_agent(const TopLook& look) {
  std::map<core::AgentId, const AgentUsage*> found;
  for (std::size_t i = 0; i < look.agents.agents.size() && i < look.usage.size(); ++i) {
    if (look.usage[i].ok()) found.emplace(look.agents.agents[i].id, &*look.usage[i]);
  }
  return found;
}

void add_rates(const AgentUsage& before, const AgentUsage& now, const std::string& run,
               TopTaskRow& row) {
  const auto found = before.tasks.find(run);
  if (found == before.tasks.end()) return;
  const auto since = [&](double was, double is) {
    return rate(was, is, before.sampled_ms, now.sampled_ms);
  };
  if (!row.cpus_used.has_value()) {
    row.cpus_used = since(found->second.cpu_seconds, row.usage->cpu_seconds);
  }
  if (found->second.throttled_seconds.has_value() && row.usage->throttled_seconds.has_value()) {
    row.cpus_throttled = since(*found->second.throttled_seconds, *row.usage->throttled_seconds);
  }
  row.read_per_second = since(static_cast<double>(found->second.read_bytes),
                              static_cast<double>(row.usage->read_bytes));
  row.written_per_second = since(static_cast<double>(found->second.written_bytes),
                                 static_cast<double>(row.usage->written_bytes));
}

}  // namespace

std::vector<TopAgentRow> top_agents(const TopLook& before, const TopLook& now) {
  const auto earlier = usage_by_agent(before);
  std::vector<TopAgentRow> rows;
  for (std::size_t i = 0; i < now.agents.agents.size() && i < now.usage.size(); ++i) {
    TopAgentRow row;
    row.agent = &now.agents.agents[i];
    if (!now.usage[i].ok()) {
      row.error = core::message_of(now.usage[i].status());
    } else {
      row.usage = &*now.usage[i];
      row.cpus_used = row.usage->cpus_used;
      const auto found = earlier.find(row.agent->id);
      if (found != earlier.end()) {
        const AgentUsage& was = *found->second;
        if (!row.cpus_used.has_value()) {
          row.cpus_used = rate(was.busy_seconds, row.usage->busy_seconds, was.sampled_ms,
                               row.usage->sampled_ms);
        }
        row.agent_cpus_used = rate(was.agent_cpu_seconds, row.usage->agent_cpu_seconds,
                                   was.sampled_ms, row.usage->sampled_ms);
      }
    }
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(), [](const TopAgentRow& a, const TopAgentRow& b) {
    return std::tie(a.agent->hostname, a.agent->id) < std::tie(b.agent->hostname, b.agent->id);
  });
  return rows;
}

std::vector<TopTaskRow> top_tasks(const TopLook& before, const TopLook& now) {
  std::map<std::pair<std::string, std::string>, const core::TaskSummary*> known;
  for (const core::TaskSummary& task : now.tasks.tasks) {
    known.emplace(std::pair(core::to_string(task.framework), task.id), &task);
  }
  const auto earlier = usage_by_agent(before);
  std::vector<TopTaskRow> rows;
  for (const core::AgentSummary& agent : now.agents.agents) {
    const AgentUsage* usage = usage_of(now, agent.id);
    if (usage == nullptr) continue;
    const auto was = earlier.find(agent.id);
    for (const auto& [run, task] : usage->tasks) {
      TopTaskRow row;
      row.agent = &agent;
      row.usage = &task;
      row.cpus_used = task.cpus_used;
      const auto summary = known.find({task.framework, task.task});
      if (summary != known.end()) row.task = summary->second;
      if (was != earlier.end()) add_rates(*was->second, *usage, run, row);
      rows.push_back(row);
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const TopTaskRow& a, const TopTaskRow& b) {
    const double a_cpus = a.cpus_used.value_or(0);
    const double b_cpus = b.cpus_used.value_or(0);
    if (a_cpus != b_cpus) return a_cpus > b_cpus;
    return a.usage->rss_bytes > b.usage->rss_bytes;
  });
  return rows;
}

}  // namespace shoal::cli
