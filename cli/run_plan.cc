#include "cli/run_plan.h"

#include <algorithm>
#include <array>

#include "cli/exit_code.h"
#include "core/ids.h"
#include "core/status.h"

namespace shoal::cli {
namespace {

// One kind of resource as a number, so that all kinds are explained by the same code.
struct Kind {
  std::string_view name;
  core::Milli (*amount)(const core::Resources&);
};
constexpr std::array<Kind, 5> kKinds = {{
    {"cpus", [](const core::Resources& r) { return r.cpus; }},
    {"mem", [](const core::Resources& r) { return r.mem; }},
    {"disk", [](const core::Resources& r) { return r.disk; }},
    {"gpus", [](const core::Resources& r) { return r.gpus; }},
    {"ports", [](const core::Resources& r) { return core::Milli{r.ports.count()} * 1000; }},
}};

core::Milli amount_of(const Kind& kind, const Demand& demand) {
  if (kind.name == "ports") return core::Milli{demand.ports} * 1000;
  return kind.amount(demand.scalars);
}

core::Milli free_of(const Kind& kind, const core::AgentSummary& agent) {
  return std::max<core::Milli>(
      0, kind.amount(agent.total) - kind.amount(agent.used) - kind.amount(agent.offered));
}

core::Milli unused_of(const Kind& kind, const core::AgentSummary& agent) {
  return std::max<core::Milli>(0, kind.amount(agent.total) - kind.amount(agent.used));
}

core::Milli total_of(const Kind& kind, const core::AgentSummary& agent) {
  return kind.amount(agent.total);
}

using AmountOf = core::Milli (*)(const Kind&, const core::AgentSummary&);

bool holds(const core::AgentSummary& agent, const Demand& demand, AmountOf amount) {
  return std::all_of(kKinds.begin(), kKinds.end(), [&](const Kind& kind) {
    return amount(kind, agent) >= amount_of(kind, demand);
  });
}

std::string agents_word(std::size_t count) {
  return count == 1 ? "the only agent" : fmt::format("the largest of {} agents", count);
}

std::string needs(const Demand& demand) {
  std::string text;
  for (const Kind& kind : kKinds) {
    if (amount_of(kind, demand) == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", kind.name, core::milli_to_string(amount_of(kind, demand)));
  }
  return text;
}

// The first kind of which no agent has enough, with the agent that has most of it.
std::string explain_kind(const Demand& demand, const std::vector<core::AgentSummary>& agents,
                         AmountOf amount) {
  for (const Kind& kind : kKinds) {
    const auto largest =
        std::max_element(agents.begin(), agents.end(), [&](const auto& a, const auto& b) {
          return std::pair(amount(kind, a), total_of(kind, a)) <
                 std::pair(amount(kind, b), total_of(kind, b));
        });
    const core::Milli wanted = amount_of(kind, demand);
    if (amount(kind, *largest) >= wanted) continue;
    return fmt::format("needs {} {}; {} has {} {} free of {}", kind.name,
                       core::milli_to_string(wanted), agents_word(agents.size()), kind.name,
                       core::milli_to_string(free_of(kind, *largest)),
                       core::milli_to_string(total_of(kind, *largest)));
  }
  return fmt::format("needs {} together; no single agent has all of it {}", needs(demand),
                     amount == total_of ? "" : "free");
}

}  // namespace

std::optional<core::Resources> take(const Demand& demand, const core::Resources& free) {
  core::Resources taken = demand.scalars;
  if (free.ports.count() < demand.ports) return std::nullopt;
  taken.ports = free.ports.lowest(demand.ports);
  if (!free.contains(taken)) return std::nullopt;
  return taken;
}

WaitReason explain_wait(const Demand& demand, const std::vector<core::AgentSummary>& agents) {
  std::vector<core::AgentSummary> active;
  for (const core::AgentSummary& agent : agents) {
    if (agent.state == core::AgentState::kActive) active.push_back(agent);
  }
  if (active.empty()) return {"no agents are registered", false};
  const auto any_holds = [&](AmountOf amount) {
    return std::any_of(active.begin(), active.end(),
                       [&](const auto& agent) { return holds(agent, demand, amount); });
  };
  if (!any_holds(total_of)) return {explain_kind(demand, active, total_of), true};
  if (!any_holds(unused_of)) return {explain_kind(demand, active, unused_of), false};
  if (!any_holds(free_of)) {
    return {fmt::format("needs {}, which is free but offered to other frameworks", needs(demand)),
            false};
  }
  return {fmt::format("needs {}, which is free; no offer has come yet", needs(demand)), false};
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
