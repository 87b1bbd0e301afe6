#include "master/registry_ages.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

namespace shoal::master {
namespace {

using core::ForgottenAgent;
using core::ForgottenFramework;

// Ids that began before `limit`.
template <typename Id>
std::vector<std::pair<std::int64_t, Id>> before(const absl::btree_map<Id, std::int64_t>& since,
                                                std::int64_t limit) {
  std::vector<std::pair<std::int64_t, Id>> found;
  for (const auto& [id, began_ms] : since) {
    if (began_ms < limit) found.emplace_back(began_ms, id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void RegistryAges::note(const core::RegistryRow& row) {
  if (const auto* agent = std::get_if<core::RegisteredAgent>(&row)) {
    if (agent->standing == core::AgentStanding::kGone) {
      agents_.try_emplace(agent->id, agent->since_ms);
    } else {
      agents_.erase(agent->id);
    }
  } else if (const auto* framework = std::get_if<core::RegisteredFramework>(&row)) {
    if (framework->standing == core::FrameworkStanding::kRemoved) {
      frameworks_.try_emplace(framework->id, framework->since_ms);
    } else {
      frameworks_.erase(framework->id);
    }
  } else if (const auto* of_agent = std::get_if<ForgottenAgent>(&row)) {
    agents_.erase(of_agent->id);
  } else if (const auto* of_framework = std::get_if<ForgottenFramework>(&row)) {
    frameworks_.erase(of_framework->id);
  }
}

std::vector<core::RegistryRow> RegistryAges::take_old(std::int64_t wall_ms, core::Duration max_age,
                                                      std::size_t most_agents) {
  const std::int64_t limit = wall_ms - max_age / std::chrono::milliseconds(1);
  std::vector<core::RegistryRow> rows;
  auto agents = before(agents_, limit);
  if (agents_.size() - agents.size() > most_agents) {
    const std::size_t more = agents_.size() - most_agents;
    agents = before(agents_, std::numeric_limits<std::int64_t>::max());
    agents.resize(more);
  }
  for (const auto& [since_ms, id] : agents) rows.emplace_back(ForgottenAgent{id});
  for (const auto& [since_ms, id] : before(frameworks_, limit)) {
    rows.emplace_back(ForgottenFramework{id});
  }
  for (const core::RegistryRow& row : rows) note(row);
  return rows;
}

}  // namespace shoal::master
