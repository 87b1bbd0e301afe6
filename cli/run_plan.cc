#include "cli/run_plan.h"

#include <algorithm>
#include <array>

#include "cli/exit_code.h"
#include "cli/explain.h"
#include "core/ids.h"
#include "core/status.h"
#include "sdk/operations.h"

namespace shoal::cli {
namespace {

using core::ExplainCause;

std::uint32_t count_of(const core::Explanation& explanation, ExplainCause cause) {
  return explanation.counts[static_cast<std::size_t>(cause)];
}

// What nobody but an operator changes while the agents are registered.
constexpr std::array<ExplainCause, 4> kLastingCauses = {
    ExplainCause::kTooSmall, ExplainCause::kConstraint, ExplainCause::kGpu, ExplainCause::kRegion};

std::string agents_word(std::uint32_t count) {
  return count == 1 ? "the only agent has" : fmt::format("the most on one of {} agents is", count);
}

// Of which kinds no agent has enough, with the most there is.
std::string explain_size(const Demand& demand, const core::Explanation& explanation) {
  const core::Quantities wanted = demand.scalars.all_quantities();
  std::string most;
  for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
    const core::Milli largest = explanation.largest_total[kind];
    if (largest >= wanted[kind]) continue;
    if (!most.empty()) most += ';';
    most += fmt::format("{}:{}", core::kResourceNames[kind], core::milli_to_string(largest));
  }
  if (most.empty()) return "no one agent has all of it";
  return fmt::format(
      "{} {}", agents_word(explanation.agents - count_of(explanation, ExplainCause::kNotActive)),
      most);
}

// Ports that a task of the offer's role may have: plain ones and reserved ones.
core::PortSet ports_of(const core::Resources& resources) {
  core::PortSet ports = resources.ports;
  for (const core::Lot& lot : resources.lots) {
    if (!lot.tags->revocable) ports.add(lot.amounts.ports);
  }
  return ports;
}

bool has_volume(const core::Resources& resources, const std::string& id) {
  return !sdk::find_volume(resources, id).empty();
}

}  // namespace

std::optional<core::Resources> take(const Demand& demand, const core::Resources& free) {
  core::Resources wanted = demand.scalars;
  if (demand.ports > 0) {
    const core::PortSet ports = ports_of(free);
    if (ports.count() < demand.ports) return std::nullopt;
    wanted.ports = ports.lowest(demand.ports);
  }
  for (const std::string& id : demand.volumes) {
    const core::Resources volume = sdk::find_volume(free, id);
    if (volume.empty()) return std::nullopt;
    const core::Lot& lot = *volume.lots.begin();
    wanted.lots.add(lot.tags, lot.amounts);
  }
  absl::StatusOr<core::Resources> taken = core::resolve(wanted, free);
  if (!taken.ok()) return std::nullopt;
  return *std::move(taken);
}

std::string to_string(const Demand& demand) {
  std::string text = core::to_string(demand.scalars);
  if (demand.ports > 0) {
    text += fmt::format(", {} port{}", demand.ports, demand.ports == 1 ? "" : "s");
  }
  for (const std::string& id : demand.volumes) text += fmt::format(", volume {}", id);
  return text;
}

WaitReason explain_wait(const Demand& demand, const core::Explanation& explanation) {
  std::uint32_t lasting = 0;
  for (const ExplainCause cause : kLastingCauses) lasting += count_of(explanation, cause);
  const std::uint32_t active =
      explanation.agents -
      std::min(explanation.agents, count_of(explanation, ExplainCause::kNotActive));
  if (lasting == 0 || lasting < active) return {summary_of(explanation), false};
  if (count_of(explanation, ExplainCause::kTooSmall) == active) {
    return {fmt::format("no agent is large enough for {}: {}", to_string(demand),
                        explain_size(demand, explanation)),
            true};
  }
  return {fmt::format("no agent can hold {}: {}", to_string(demand), summary_of(explanation)),
          true};
}

bool has_room(const core::Explanation& explanation) {
  return count_of(explanation, ExplainCause::kOffered) > 0 ||
         count_of(explanation, ExplainCause::kWillBeOffered) > 0;
}

std::string explain_parts(const Demand& demand, const std::vector<core::AgentSummary>& agents) {
  std::uint32_t most_ports = 0;
  for (const core::AgentSummary& agent : agents) {
    if (agent.state != core::AgentState::kActive) continue;
    core::PortSet free = ports_of(agent.total);
    free.subtract(ports_of(agent.used));
    most_ports = std::max(most_ports, free.count());
  }
  if (most_ports < demand.ports) {
    return fmt::format("{} ports are wanted, at most {} are free on one agent", demand.ports,
                       most_ports);
  }
  for (const std::string& id : demand.volumes) {
    const bool exists = std::any_of(agents.begin(), agents.end(),
                                    [&](const auto& agent) { return has_volume(agent.total, id); });
    if (!exists) return fmt::format("no agent has a volume '{}'", id);
    const bool is_free = std::any_of(agents.begin(), agents.end(), [&](const auto& agent) {
      return has_volume(agent.total, id) && !has_volume(agent.used, id);
    });
    if (!is_free) return fmt::format("volume '{}' is in use", id);
  }
  return "";
}

std::string task_prefix(std::string_view name, std::string_view command) {
  constexpr std::size_t kMost = 80;
  if (!name.empty()) return std::string(name.substr(0, kMost));
  command.remove_prefix(std::min(command.size(), command.find_last_of('/') + 1));
  std::string prefix;
  for (const char c : command.substr(0, 40)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
    prefix += fits ? c : '_';
  }
  return prefix.empty() ? "task" : prefix;
}

int exit_code_of_task(const sdk::TaskStatus& status) {
  if (status.reason == core::TaskReason::kMaxCompletionTime) return kExitTimedOut;
  if (status.exit_signal.has_value()) return kExitSignalBase + *status.exit_signal;
  if (status.exit_code.has_value()) return *status.exit_code;
  if (status.state == core::TaskState::kFinished) return kExitOk;
  if (status.reason == core::TaskReason::kLaunchFailed) {
    // As a shell does: there is no such program, or it is not fit to be run.
    const bool is_missing = status.message.find(": not found") != std::string::npos ||
                            status.message.ends_with(": no such file");
    return is_missing ? kExitCommandNotFound : kExitCommandNotExecutable;
  }
  return kExitFailed;
}

bool is_worth_relaunching(const sdk::TaskStatus& status, bool was_started) {
  if (was_started) return false;
  if (status.state == core::TaskState::kDropped) return true;
  switch (status.reason) {
    case core::TaskReason::kInvalidOffers:
    case core::TaskReason::kAgentDisconnected:
    case core::TaskReason::kAgentRemoved:
    case core::TaskReason::kAgentRestarted:
    case core::TaskReason::kAgentUnknown:
    case core::TaskReason::kTaskUnknown:
    case core::TaskReason::kReconciliation:
      return status.state != core::TaskState::kUnreachable;
    default:
      return false;
  }
}

}  // namespace shoal::cli
