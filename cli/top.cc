#include "cli/top.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cli/agent_http.h"
#include "cli/bytes.h"
#include "cli/exit_code.h"
#include "cli/json_reader.h"
#include "cli/page.h"
#include "cli/table.h"
#include "cli/top_rows.h"
#include "core/status.h"
#include "core/text.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

using Align = Table::Align;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// --- reading ---

std::optional<double> pressure_of(const rapidjson::Value& machine, const char* resource) {
  const rapidjson::Value* all = member(machine, "pressure");
  const rapidjson::Value* one = all == nullptr ? nullptr : member(*all, resource);
  if (one == nullptr || !one->IsObject()) return std::nullopt;
  return number_of(*one, "some_avg10");
}

std::optional<double> counted(const rapidjson::Value& task, const char* key) {
  const rapidjson::Value* value = member(task, key);
  if (value == nullptr || !value->IsNumber()) return std::nullopt;
  return value->GetDouble();
}

void read_machine(const rapidjson::Value& machine, AgentUsage& usage) {
  usage.cpus = count_of(machine, "cpus");
  if (const rapidjson::Value* modes = member(machine, "cpu_seconds"); modes != nullptr) {
    for (const char* mode : {"user", "nice", "system", "irq", "softirq", "steal"}) {
      usage.busy_seconds += number_of(*modes, mode);
    }
  }
  const rapidjson::Value* load = member(machine, "load");
  if (load != nullptr && load->IsArray() && load->Size() > 0 && (*load)[0].IsNumber()) {
    usage.load1 = (*load)[0].GetDouble();
  }
  usage.memory_bytes = count_of(machine, "memory_bytes");
  usage.memory_available_bytes = count_of(machine, "memory_available_bytes");
  usage.disk_bytes = count_of(machine, "disk_bytes");
  usage.disk_free_bytes = count_of(machine, "disk_free_bytes");
  usage.cpu_pressure = pressure_of(machine, "cpu");
  usage.memory_pressure = pressure_of(machine, "memory");
  usage.io_pressure = pressure_of(machine, "io");
}

}  // namespace

absl::StatusOr<AgentUsage> parse_usage(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  const rapidjson::Value* machine =
      document.HasParseError() ? nullptr : member(document, "machine");
  const rapidjson::Value* tasks = machine == nullptr ? nullptr : member(document, "tasks");
  if (tasks == nullptr || !tasks->IsArray()) {
    return core::invalid("the agent's answer does not say what is used");
  }
  AgentUsage usage;
  usage.sampled_ms = static_cast<std::int64_t>(count_of(document, "sampled_ms"));
  read_machine(*machine, usage);
  if (const rapidjson::Value* self = member(document, "process"); self != nullptr) {
    usage.agent_cpu_seconds =
        number_of(*self, "cpu_user_seconds") + number_of(*self, "cpu_system_seconds");
    usage.agent_rss_bytes = count_of(*self, "memory_rss_bytes");
  }
  for (const rapidjson::Value& task : tasks->GetArray()) {
    AgentUsage::OfTask of;
    of.framework = text_of(task, "framework");
    of.task = text_of(task, "task");
    of.cpu_seconds = number_of(task, "cpu_user_seconds") + number_of(task, "cpu_system_seconds");
    of.throttled_seconds = counted(task, "cpu_throttled_seconds");
    of.memory_bytes = counted(task, "memory_bytes");
    of.memory_peak_bytes = counted(task, "memory_peak_bytes");
    of.rss_bytes = count_of(task, "memory_rss_bytes");
    of.processes = count_of(task, "processes");
    of.threads = count_of(task, "threads");
    of.read_bytes = count_of(task, "disk_read_bytes");
    of.written_bytes = count_of(task, "disk_written_bytes");
    usage.tasks.insert_or_assign(text_of(task, "run"), std::move(of));
  }
  return usage;
}

absl::StatusOr<AgentUsage> reported_usage(const core::AgentSummary& agent,
                                          const std::vector<const core::TaskSummary*>& tasks) {
  const core::MachineUse& machine = agent.machine;
  if (!machine.is_known()) return absl::NotFoundError("the agent has not reported yet");
  const auto percent = [](std::int32_t hundredths) {
    return hundredths == core::kNoPressure ? std::nullopt
                                           : std::optional<double>(hundredths / 100.0);
  };
  AgentUsage usage;
  usage.sampled_ms = machine.reported_ms;
  usage.cpus_used = machine.cpus_milli / 1000.0;
  usage.load1 = machine.load1_milli / 1000.0;
  usage.memory_bytes = machine.memory_bytes;
  usage.memory_available_bytes = machine.memory_bytes - machine.memory_used_bytes;
  usage.disk_bytes = machine.disk_bytes;
  usage.disk_free_bytes = machine.disk_bytes - machine.disk_used_bytes;
  usage.cpu_pressure = percent(machine.cpu_pressure);
  usage.memory_pressure = percent(machine.memory_pressure);
  usage.io_pressure = percent(machine.io_pressure);
  for (const core::TaskSummary* task : tasks) {
    if (!task->use.is_known()) continue;
    AgentUsage::OfTask of;
    of.framework = core::to_string(task->framework);
    of.task = task->id;
    of.cpus_used = task->use.cpus_milli / 1000.0;
    of.rss_bytes = std::uint64_t{task->use.memory_kib} * 1024;
    usage.tasks.insert_or_assign(of.framework + " " + of.task, std::move(of));
  }
  return usage;
}

// --- writing ---

namespace {

std::string cpus_text(const std::optional<double>& used) {
  return used.has_value() ? fmt::format("{:.2f}", *used) : "-";
}

// Of how many, where that is known.
std::string busy_text(const std::optional<double>& used, std::uint64_t cpus) {
  return cpus == 0 ? cpus_text(used) : fmt::format("{}/{}", cpus_text(used), cpus);
}

std::string percent_text(const std::optional<double>& percent) {
  return percent.has_value() ? fmt::format("{:.1f}", *percent) : "-";
}

std::string rate_text(const std::optional<double>& rate) {
  return rate.has_value() ? bytes_to_string(static_cast<std::uint64_t>(*rate)) : "-";
}

Table agents_table(const std::vector<TopAgentRow>& rows) {
  Table table({{"HOST", Align::kLeft, true},
               {"STATE"},
               {"CPUS", Align::kRight},
               {"LOAD", Align::kRight},
               {"MEM", Align::kRight},
               {"DISK", Align::kRight},
               {"PSI c/m/i %", Align::kRight},
               {"TASKS", Align::kRight},
               {"AGENT", Align::kLeft, true}});
  for (const TopAgentRow& row : rows) {
    const bool active = row.agent->state == core::AgentState::kActive;
    const Cell state{std::string(core::name_of(row.agent->state)),
                     active ? Colour::kGreen : Colour::kRed};
    const std::string tasks = fmt::format("{}", row.agent->tasks);
    if (row.usage == nullptr) {
      const std::string none = "-";
      table.add_row({row.agent->hostname, state, none, none, none, none, none, tasks, row.error});
      continue;
    }
    const AgentUsage& usage = *row.usage;
    const auto part = [](std::uint64_t free, std::uint64_t total) {
      return fmt::format("{}/{}", bytes_to_string(total - std::min(free, total)),
                         bytes_to_string(total));
    };
    table.add_row(
        {row.agent->hostname, state, busy_text(row.cpus_used, usage.cpus),
         fmt::format("{:.2f}", usage.load1), part(usage.memory_available_bytes, usage.memory_bytes),
         part(usage.disk_free_bytes, usage.disk_bytes),
         fmt::format("{}/{}/{}", percent_text(usage.cpu_pressure),
                     percent_text(usage.memory_pressure), percent_text(usage.io_pressure)),
         tasks, core::to_string(row.agent->id)});
  }
  return table;
}

Table tasks_table(const std::vector<TopTaskRow>& rows, std::size_t shown) {
  Table table({{"TASK", Align::kLeft, true},
               {"HOST", Align::kLeft, true},
               {"CPUS", Align::kRight},
               {"THROTTLED", Align::kRight},
               {"MEM", Align::kRight},
               {"PROCS", Align::kRight},
               {"THREADS", Align::kRight},
               {"READ/s", Align::kRight},
               {"WRITE/s", Align::kRight}});
  for (std::size_t i = 0; i < shown; ++i) {
    const TopTaskRow& row = rows[i];
    std::string cpus = cpus_text(row.cpus_used);
    std::string memory = bytes_to_string(row.usage->rss_bytes);
    if (row.task != nullptr) {
      const core::Amounts given = core::whole(row.task->resources);
      cpus += "/" + core::milli_to_string(given.cpus);
      memory += "/" + core::milli_to_string(given.mem) + " MiB";
    }
    table.add_row({row.usage->task, row.agent->hostname, cpus, cpus_text(row.cpus_throttled),
                   memory, fmt::format("{}", row.usage->processes),
                   fmt::format("{}", row.usage->threads), rate_text(row.read_per_second),
                   rate_text(row.written_per_second)});
  }
  return table;
}

void put(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}
void put(Writer& writer, const char* key, std::uint64_t value) {
  writer.Key(key);
  writer.Uint64(value);
}
void put(Writer& writer, const char* key, const std::optional<double>& value) {
  writer.Key(key);
  if (value.has_value()) {
    writer.Double(*value);
  } else {
    writer.Null();
  }
}

void put_agent(Writer& writer, const TopAgentRow& row) {
  writer.StartObject();
  put(writer, "id", core::to_string(row.agent->id));
  put(writer, "hostname", row.agent->hostname);
  put(writer, "address", row.agent->address);
  put(writer, "state", std::string(core::name_of(row.agent->state)));
  put(writer, "tasks", std::uint64_t{row.agent->tasks});
  put(writer, "error", row.error);
  const AgentUsage none;
  const AgentUsage& usage = row.usage == nullptr ? none : *row.usage;
  put(writer, "cpus", usage.cpus);
  put(writer, "cpus_used", row.cpus_used);
  put(writer, "load1", std::optional<double>(usage.load1));
  put(writer, "memory_bytes", usage.memory_bytes);
  put(writer, "memory_available_bytes", usage.memory_available_bytes);
  put(writer, "disk_bytes", usage.disk_bytes);
  put(writer, "disk_free_bytes", usage.disk_free_bytes);
  put(writer, "cpu_pressure", usage.cpu_pressure);
  put(writer, "memory_pressure", usage.memory_pressure);
  put(writer, "io_pressure", usage.io_pressure);
  put(writer, "agent_cpus_used", row.agent_cpus_used);
  put(writer, "agent_memory_bytes", usage.agent_rss_bytes);
  writer.EndObject();
}

void put_task(Writer& writer, const TopTaskRow& row) {
  writer.StartObject();
  put(writer, "id", row.usage->task);
  put(writer, "framework", row.usage->framework);
  put(writer, "agent", core::to_string(row.agent->id));
  put(writer, "hostname", row.agent->hostname);
  put(writer, "cpus_used", row.cpus_used);
  put(writer, "cpu_seconds", std::optional<double>(row.usage->cpu_seconds));
  put(writer, "cpu_throttled_seconds", row.usage->throttled_seconds);
  put(writer, "cpus_throttled", row.cpus_throttled);
  put(writer, "memory_rss_bytes", row.usage->rss_bytes);
  put(writer, "memory_bytes", row.usage->memory_bytes);
  put(writer, "memory_peak_bytes", row.usage->memory_peak_bytes);
  put(writer, "processes", row.usage->processes);
  put(writer, "threads", row.usage->threads);
  put(writer, "disk_read_bytes", row.usage->read_bytes);
  put(writer, "disk_written_bytes", row.usage->written_bytes);
  put(writer, "disk_read_per_second", row.read_per_second);
  put(writer, "disk_written_per_second", row.written_per_second);
  std::optional<double> cpus;
  std::optional<double> mem_mib;
  if (row.task != nullptr) {
    const core::Amounts given = core::whole(row.task->resources);
    cpus = static_cast<double>(given.cpus) / 1000;
    mem_mib = static_cast<double>(given.mem) / 1000;
  }
  put(writer, "cpus", cpus);
  put(writer, "mem_mib", mem_mib);
  writer.EndObject();
}

}  // namespace

std::string top_to_table(const TopLook& before, const TopLook& now, std::uint32_t most,
                         const Terminal& terminal) {
  std::string out = agents_table(top_agents(before, now)).render(terminal);
  const std::vector<TopTaskRow> tasks = top_tasks(before, now);
  if (tasks.empty()) return out;
  const std::size_t shown = most == 0 ? tasks.size() : std::min<std::size_t>(most, tasks.size());
  out += "\n" + tasks_table(tasks, shown).render(terminal);
  if (shown < tasks.size()) out += fmt::format("and {} more tasks\n", tasks.size() - shown);
  return out;
}

std::string top_to_json(const TopLook& before, const TopLook& now) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("agents");
  writer.StartArray();
  for (const TopAgentRow& row : top_agents(before, now)) put_agent(writer, row);
  writer.EndArray();
  writer.Key("tasks");
  writer.StartArray();
  for (const TopTaskRow& row : top_tasks(before, now)) put_task(writer, row);
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

// --- looking ---

namespace {

// More agents than this are not asked one by one unless the operator says so.
constexpr std::size_t kMostAsked = 200;

bool asks_agents(TopSource source, const TopLook& found) {
  if (source != TopSource::kAuto) return source == TopSource::kAgents;
  return found.agents.agents.size() <= kMostAsked;
}

void take_reports(TopLook& found) {
  std::map<core::AgentId, std::vector<const core::TaskSummary*>> tasks;
  for (const core::TaskSummary& task : found.tasks.tasks) tasks[task.agent].push_back(&task);
  for (const core::AgentSummary& agent : found.agents.agents) {
    found.usage.push_back(reported_usage(agent, tasks[agent.id]));
  }
}

absl::StatusOr<TopLook> look(sdk::OperatorClient& client, net::Reactor& reactor, TopSource source) {
  TopLook found;
  auto agents = client.query(core::QueryKind::kAgents);
  if (!agents.ok()) return agents.status();
  found.agents = *std::move(agents);
  auto tasks = client.query(core::QueryKind::kTasks);
  if (!tasks.ok()) return tasks.status();
  found.tasks = *std::move(tasks);
  if (!asks_agents(source, found)) {
    take_reports(found);
    return found;
  }
  std::vector<AgentQuestion> questions;
  for (const core::AgentSummary& agent : found.agents.agents) {
    const bool is_there = agent.state == core::AgentState::kActive;
    questions.push_back({is_there ? agent.address : "", "/v1/usage"});
  }
  for (auto& answer : ask_agents(reactor, questions)) {
    if (answer.ok()) {
      found.usage.push_back(parse_usage(answer->body));
    } else {
      found.usage.emplace_back(answer.status());
    }
  }
  return found;
}

void wait(net::Reactor& reactor, core::Duration time) {
  net::Timer timer(reactor, [&reactor] { reactor.stop(); });
  timer.start(time);
  reactor.run();
}

int report(const absl::Status& status) {
  say(core::message_of(status));
  return exit_code_of(status);
}

}  // namespace

int run_top(const TopVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return report(reactor.status());
  auto before = look(**client, **reactor, verb.source);
  if (!before.ok()) return report(before.status());
  const bool is_json = verb.format != OutputFormat::kTable;
  const bool redraws = !is_json && describe_stdout().is_terminal;
  const bool goes_on = !verb.once && (redraws || verb.format == OutputFormat::kJsonLines);
  if (goes_on && redraws) {
    const std::string first = top_to_table(*before, *before, verb.most, describe_stdout());
    const int shown = print_output("\x1b[2J" + redrawn(first, terminal_lines() - 1));
    if (shown != kExitOk) return shown;
  }
  for (;;) {
    wait(**reactor, verb.interval);
    auto now = look(**client, **reactor, verb.source);
    if (!now.ok()) return report(now.status());
    std::string shown = is_json ? top_to_json(*before, *now)
                                : top_to_table(*before, *now, verb.most, describe_stdout());
    // Again each time: a window may have changed its size.
    if (goes_on && redraws) shown = redrawn(shown, terminal_lines() - 1);
    if (const int code = print_output(shown); code != kExitOk || !goes_on) return code;
    before = std::move(now);
  }
}

}  // namespace shoal::cli
