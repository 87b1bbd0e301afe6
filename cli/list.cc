#include "cli/list.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/amounts.h"
#include "cli/bytes.h"
#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/page.h"
#include "cli/shares.h"
#include "cli/table.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "master/json_writer.h"
#include "net/clock.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

using Align = Table::Align;
using Details = std::vector<std::pair<std::string, std::string>>;

Colour colour_of(core::TaskState state) {
  switch (state) {
    case core::TaskState::kRunning:
      return Colour::kGreen;
    case core::TaskState::kStaging:
    case core::TaskState::kStarting:
    case core::TaskState::kKilling:
    case core::TaskState::kUnreachable:
    case core::TaskState::kUnknown:
      return Colour::kYellow;
    case core::TaskState::kFailed:
    case core::TaskState::kError:
    case core::TaskState::kLost:
    case core::TaskState::kDropped:
    case core::TaskState::kGone:
    case core::TaskState::kGoneByOperator:
      return Colour::kRed;
    case core::TaskState::kFinished:
    case core::TaskState::kKilled:
      return Colour::kNone;
  }
  return Colour::kNone;
}

std::string used_of(core::Milli used, core::Milli total) {
  return fmt::format("{}/{}", core::milli_to_string(used), core::milli_to_string(total));
}

std::string age(std::int64_t since_ms, std::int64_t now_ms) {
  if (since_ms == 0) return "-";
  return duration_to_string(
      std::chrono::milliseconds(std::max<std::int64_t>(0, now_ms - since_ms)));
}

std::string exit_of(const core::TaskSummary& task) {
  if (!task.has_exit) return core::is_terminal(task.state) ? "?" : "-";
  if (task.exit_signal > 0) return fmt::format("signal {}", task.exit_signal);
  return fmt::format("{}", task.exit_code);
}

std::string text_or_dash(const std::string& text) { return text.empty() ? "-" : text; }

// --- tables ---

// The state; of an active agent that is not offered why.
Cell state_of(const core::AgentSummary& agent) {
  if (agent.state != core::AgentState::kActive) {
    return {std::string(core::name_of(agent.state)), Colour::kRed};
  }
  if (agent.mode == core::AgentMode::kNormal) {
    return {std::string(core::name_of(agent.state)), Colour::kGreen};
  }
  return {std::string(core::name_of(agent.mode)), Colour::kYellow};
}

Table table_of(const std::vector<core::AgentSummary>& agents, std::int64_t now_ms) {
  Table table({{"ID"},
               {"HOST", Align::kLeft, true},
               {"STATE"},
               {"CPUS", Align::kRight},
               {"MEM MiB", Align::kRight},
               {"DISK MiB", Align::kRight},
               {"TASKS", Align::kRight},
               {"UP", Align::kRight}});
  for (const core::AgentSummary& agent : agents) {
    const core::Amounts used = core::whole(agent.used);
    const core::Amounts total = core::whole(agent.total);
    table.add_row({core::to_string(agent.id), agent.hostname, state_of(agent),
                   used_of(used.cpus, total.cpus), used_of(used.mem, total.mem),
                   used_of(used.disk, total.disk), fmt::format("{}", agent.tasks),
                   age(agent.registered_ms, now_ms)});
  }
  return table;
}

Table table_of(const std::vector<core::FrameworkSummary>& frameworks, std::int64_t now_ms) {
  Table table({{"ID"},
               {"NAME", Align::kLeft, true},
               {"USER", Align::kLeft, true},
               {"ROLES", Align::kLeft, true},
               {"STATE"},
               {"TASKS", Align::kRight},
               {"OFFERS", Align::kRight},
               {"CPUS", Align::kRight},
               {"MEM MiB", Align::kRight},
               {"SINCE", Align::kRight}});
  for (const core::FrameworkSummary& framework : frameworks) {
    const bool active = framework.state == core::FrameworkState::kActive;
    table.add_row(
        {core::to_string(framework.id),
         text_or_dash(framework.name),
         text_or_dash(framework.user),
         text_or_dash(fmt::format("{}", fmt::join(framework.roles, ","))),
         {std::string(core::name_of(framework.state)), active ? Colour::kGreen : Colour::kDim},
         fmt::format("{}", framework.tasks),
         fmt::format("{}", framework.offers),
         core::milli_to_string(framework.allocated.cpus),
         core::milli_to_string(framework.allocated.mem),
         age(framework.subscribed_ms, now_ms)});
  }
  return table;
}

Table table_of(const std::vector<core::TaskSummary>& tasks, std::int64_t now_ms) {
  Table table({{"ID", Align::kLeft, true},
               {"STATE"},
               {"EXIT", Align::kRight},
               {"CPUS", Align::kRight},
               {"MEM MiB", Align::kRight},
               {"HOST", Align::kLeft, true},
               {"AGE", Align::kRight},
               {"MESSAGE", Align::kLeft, true}});
  for (const core::TaskSummary& task : tasks) {
    table.add_row({task.id,
                   {std::string(core::name_of(task.state)), colour_of(task.state)},
                   exit_of(task),
                   core::milli_to_string(task.resources.cpus),
                   core::milli_to_string(task.resources.mem),
                   text_or_dash(task.hostname),
                   age(task.started_ms, now_ms),
                   task.message});
  }
  return table;
}

Table table_of(const std::vector<core::OfferSummary>& offers) {
  Table table({{"ID"},
               {"FRAMEWORK"},
               {"ROLE", Align::kLeft, true},
               {"HOST", Align::kLeft, true},
               {"RESOURCES", Align::kLeft, true},
               {"AGE", Align::kRight}});
  for (const core::OfferSummary& offer : offers) {
    table.add_row({core::to_string(offer.id), core::to_string(offer.framework),
                   text_or_dash(offer.role), offer.hostname, core::to_string(offer.resources),
                   duration_to_string(std::chrono::milliseconds(offer.age_ms))});
  }
  return table;
}

Table table_of(const std::vector<core::RoleSummary>& roles) {
  Table table({{"ROLE", Align::kLeft, true},
               {"WEIGHT", Align::kRight},
               {"FRAMEWORKS", Align::kRight},
               {"SHARE", Align::kRight},
               {"ALLOCATED"},
               {"OFFERED"},
               {"RESERVED"},
               {"LIMIT"},
               {"GUARANTEE"}});
  for (const core::RoleSummary& role : roles) {
    table.add_row({role.name, core::milli_to_string(role.weight),
                   fmt::format("{}", role.frameworks), share_of(role), or_dash(role.allocated),
                   or_dash(role.offered), or_dash(role.reserved),
                   or_dash(role.limits, core::kNoLimit), or_dash(role.guarantees)});
  }
  return table;
}

// --- details ---

std::string time_or_dash(std::int64_t wall_ms) {
  return wall_ms == 0 ? "-" : master::iso_time(wall_ms);
}

std::string reserved_in(const core::Resources& total) {
  const core::Resources reserved = reserved_of(total);
  return reserved.empty() ? "-" : core::to_string(reserved);
}

std::string busy_of(const core::MachineUse& machine) {
  if (!machine.is_known()) return "-";
  return fmt::format("{:.2f} cpus, {} of {} memory, {} of {} disk, at {}",
                     machine.cpus_milli / 1000.0, bytes_to_string(machine.memory_used_bytes),
                     bytes_to_string(machine.memory_bytes),
                     bytes_to_string(machine.disk_used_bytes), bytes_to_string(machine.disk_bytes),
                     time_or_dash(machine.reported_ms));
}

std::string use_of(const core::TaskUse& use) {
  if (!use.is_known()) return "-";
  return fmt::format("{:.2f} cpus, {} memory", use.cpus_milli / 1000.0,
                     bytes_to_string(std::uint64_t{use.memory_kib} * 1024));
}

Details details_of(const core::AgentSummary& agent) {
  Details details = {{"agent", core::to_string(agent.id)},
                     {"host", agent.hostname},
                     {"address", text_or_dash(agent.address)},
                     {"state", std::string(core::name_of(agent.state))},
                     {"mode", std::string(core::name_of(agent.mode))},
                     {"total", core::to_string(agent.total)},
                     {"used", core::to_string(agent.used)},
                     {"offered", core::to_string(agent.offered)},
                     {"reserved", reserved_in(agent.total)},
                     {"region", text_or_dash(agent.region)},
                     {"zone", text_or_dash(agent.zone)},
                     {"tasks", fmt::format("{}", agent.tasks)},
                     {"registered", time_or_dash(agent.registered_ms)},
                     {"machine", busy_of(agent.machine)}};
  for (const auto& [name, value] : agent.attributes) {
    details.emplace_back("attribute", fmt::format("{}:{}", name, value));
  }
  return details;
}

std::string suppressed_in(const core::FrameworkSummary& framework) {
  if (framework.suppressed) return "yes";
  if (framework.suppressed_roles.empty()) return "no";
  return fmt::format("in {}", fmt::join(framework.suppressed_roles, ","));
}

Details details_of(const core::FrameworkSummary& framework) {
  return {{"framework", core::to_string(framework.id)},
          {"name", text_or_dash(framework.name)},
          {"user", text_or_dash(framework.user)},
          {"roles", text_or_dash(fmt::format("{}", fmt::join(framework.roles, ",")))},
          {"state", std::string(core::name_of(framework.state))},
          {"suppressed", suppressed_in(framework)},
          {"tasks", fmt::format("{}", framework.tasks)},
          {"offers", fmt::format("{}", framework.offers)},
          {"allocated", core::to_string(framework.allocated)},
          {"subscribed", time_or_dash(framework.subscribed_ms)}};
}

Details details_of(const core::TaskSummary& task) {
  return {{"task", task.id},
          {"name", text_or_dash(task.name)},
          {"state", std::string(core::name_of(task.state))},
          {"reason", text_or_dash(std::string(core::name_of(task.reason)))},
          {"message", text_or_dash(task.message)},
          {"exit", exit_of(task)},
          {"framework", core::to_string(task.framework)},
          {"agent", task.agent.valid() ? core::to_string(task.agent) : "-"},
          {"host", text_or_dash(task.hostname)},
          {"logs at", text_or_dash(task.agent_address)},
          {"role", text_or_dash(task.role)},
          {"resources", core::to_string(task.resources)},
          {"uses", use_of(task.use)},
          {"started", time_or_dash(task.started_ms)},
          {"ended", time_or_dash(task.ended_ms)}};
}

Details details_of(const core::OfferSummary& offer) {
  return {{"offer", core::to_string(offer.id)},
          {"framework", core::to_string(offer.framework)},
          {"agent", core::to_string(offer.agent)},
          {"host", offer.hostname},
          {"role", text_or_dash(offer.role)},
          {"resources", core::to_string(offer.resources)},
          {"age", duration_to_string(std::chrono::milliseconds(offer.age_ms))}};
}

Details details_of(const core::RoleSummary& role) {
  return {{"role", role.name},
          {"weight", core::milli_to_string(role.weight)},
          {"frameworks", fmt::format("{}", role.frameworks)},
          {"share", share_of(role)},
          {"allocated", core::to_string(role.allocated)},
          {"offered", core::to_string(role.offered)},
          {"reserved", core::to_string(role.reserved)},
          {"consumed", core::to_string(role.consumed)},
          {"limits", core::to_string(role.limits, core::kNoLimit)},
          {"guarantees", core::to_string(role.guarantees)}};
}

template <typename T>
std::string blocks(const std::vector<T>& items) {
  std::string out;
  for (const T& item : items) {
    if (!out.empty()) out += '\n';
    for (const auto& [name, value] : details_of(item)) {
      out += fmt::format("{:<11} {}\n", name + ":", core::printable(value, 1000));
    }
  }
  return out;
}

template <typename T>
std::string ids(const std::vector<T>& items) {
  std::string out;
  for (const T& item : items) {
    if constexpr (std::is_same_v<T, core::TaskSummary>) {
      out += item.id;
    } else if constexpr (std::is_same_v<T, core::RoleSummary>) {
      out += item.name;
    } else {
      out += core::to_string(item.id);
    }
    out += '\n';
  }
  return out;
}

std::string_view word_of(core::QueryKind kind, bool plural) {
  switch (kind) {
    case core::QueryKind::kAgents:
      return plural ? "agents" : "agent";
    case core::QueryKind::kFrameworks:
      return plural ? "frameworks" : "framework";
    case core::QueryKind::kTasks:
      return plural ? "tasks" : "task";
    case core::QueryKind::kOffers:
      return plural ? "offers" : "offer";
    case core::QueryKind::kRoles:
      return plural ? "roles" : "role";
    case core::QueryKind::kCluster:
      break;
  }
  return "cluster";
}

std::size_t count_of(const core::ClusterView& view) {
  return view.agents.size() + view.frameworks.size() + view.tasks.size() + view.offers.size() +
         view.roles.size();
}

// A stable order: by age for tasks, by id otherwise.
void sort(core::ClusterView& view) {
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(view.agents.begin(), view.agents.end(), [](const auto& a, const auto& b) {
    return std::tie(a.hostname, a.id) < std::tie(b.hostname, b.id);
  });
  std::sort(view.frameworks.begin(), view.frameworks.end(), [](const auto& a, const auto& b) {
    return std::tie(a.subscribed_ms, a.id) < std::tie(b.subscribed_ms, b.id);
  });
  std::sort(view.tasks.begin(), view.tasks.end(), [](const auto& a, const auto& b) {
    return std::tie(a.started_ms, a.framework, a.id) < std::tie(b.started_ms, b.framework, b.id);
  });
  std::sort(view.offers.begin(), view.offers.end(), by_id);
  std::sort(view.roles.begin(), view.roles.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

}  // namespace

std::string render_list(const core::ClusterView& view, core::QueryKind kind, bool detailed,
                        const Terminal& terminal, std::int64_t now_ms) {
  switch (kind) {
    case core::QueryKind::kAgents:
      return detailed ? blocks(view.agents) : table_of(view.agents, now_ms).render(terminal);
    case core::QueryKind::kFrameworks:
      return detailed ? blocks(view.frameworks)
                      : table_of(view.frameworks, now_ms).render(terminal);
    case core::QueryKind::kTasks:
      return detailed ? blocks(view.tasks) : table_of(view.tasks, now_ms).render(terminal);
    case core::QueryKind::kOffers:
      return detailed ? blocks(view.offers) : table_of(view.offers).render(terminal);
    case core::QueryKind::kRoles:
      return detailed ? blocks(view.roles) : table_of(view.roles).render(terminal);
    case core::QueryKind::kCluster:
      break;
  }
  return "";
}

std::string render_names(const core::ClusterView& view, core::QueryKind kind) {
  switch (kind) {
    case core::QueryKind::kAgents:
      return ids(view.agents);
    case core::QueryKind::kFrameworks:
      return ids(view.frameworks);
    case core::QueryKind::kTasks:
      return ids(view.tasks);
    case core::QueryKind::kOffers:
      return ids(view.offers);
    case core::QueryKind::kRoles:
      return ids(view.roles);
    case core::QueryKind::kCluster:
      break;
  }
  return "";
}

namespace {

Page not_found(const ListVerb& verb) {
  return {.note = fmt::format("no {} '{}'", word_of(verb.kind, false), core::printable(verb.id)),
          .exit_code = kExitNotFound};
}

absl::StatusOr<Page> look(const ListVerb& verb, const Terminal& terminal) {
  // Nothing can have such an id, and the master would refuse the question.
  const std::size_t longest =
      verb.kind == core::QueryKind::kRoles ? core::kMaxRoleBytes : core::kMaxIdBytes;
  if (!core::is_clean_text(verb.id) || verb.id.size() > longest) return not_found(verb);
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return client.status();
  absl::StatusOr<core::ClusterView> view = (*client)->query(verb.kind, verb.id);
  if (!view.ok()) return view.status();
  if (!verb.id.empty() && count_of(*view) == 0) return not_found(verb);
  sort(*view);
  switch (verb.format) {
    case OutputFormat::kJson:
      return Page{.text = to_json(*view, verb.kind, false)};
    case OutputFormat::kJsonLines:
      return Page{.text = to_json(*view, verb.kind, true)};
    case OutputFormat::kName:
      return Page{.text = render_names(*view, verb.kind)};
    case OutputFormat::kTable:
      break;
  }
  if (count_of(*view) == 0) return Page{.note = fmt::format("no {}", word_of(verb.kind, true))};
  return Page{.text =
                  render_list(*view, verb.kind, !verb.id.empty(), terminal, net::wall_now_ms())};
}

}  // namespace

int run_list(const ListVerb& verb) {
  return show(verb.watch, verb.format,
              [&verb](const Terminal& terminal) { return look(verb, terminal); });
}

}  // namespace shoal::cli
