#include "cli/scenario_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>

#include "bench/load/swarm_options.h"
#include "cli/duration.h"
#include "cli/toml_library.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

constexpr std::array<std::string_view, 8> kKeys = {"name", "duration",   "agents", "at_once",
                                                   "fail", "disconnect", "cut",    "restart"};

// Reads one file; collects what is wrong with it.
class Reading {
 public:
  load::Scenario read(const toml::table& file) {
    load::Scenario scenario;
    for (const auto& [key, value] : file) {
      if (key.str() != "phase") {
        complain(value,
                 fmt::format("unknown key '{}'; only [[phase]]", core::printable(key.str())));
      }
    }
    const toml::array* phases = file["phase"].as_array();
    if (phases == nullptr || phases->empty()) {
      complain(file, "there is no [[phase]]");
      return scenario;
    }
    if (phases->size() > load::kMaxPhases) {
      complain(*phases,
               fmt::format("{} phases are over the limit of {}", phases->size(), load::kMaxPhases));
      return scenario;
    }
    std::uint32_t agents = 0;
    for (const toml::node& node : *phases) {
      const toml::table* table = node.as_table();
      if (table == nullptr) {
        complain(node, "a phase is a table: [[phase]]");
        continue;
      }
      scenario.phases.push_back(phase(*table, agents, scenario.phases.size() + 1));
      agents = scenario.phases.back().agents;
    }
    return scenario;
  }
  const std::string& complaints() const { return complaints_; }

 private:
  void complain(const toml::node& where, std::string_view what) {
    if (!complaints_.empty()) complaints_ += '\n';
    complaints_ += fmt::format("line {}: {}", where.source().begin.line, what);
  }

  load::Phase phase(const toml::table& table, std::uint32_t agents, std::size_t number) {
    for (const auto& [key, value] : table) {
      if (std::find(kKeys.begin(), kKeys.end(), key.str()) == kKeys.end()) {
        complain(value, fmt::format("unknown key '{}'; known are name, duration, agents, at_once, "
                                    "fail, disconnect, cut, restart",
                                    core::printable(key.str())));
      }
    }
    load::Phase out;
    out.name = fmt::format("phase {}", number);
    if (const auto name = text(table, "name")) out.name = core::printable(*name, 60);
    out.duration = duration(table);
    out.agents = agents;
    read_agents(table, out);
    out.fail_per_minute = part(table, "fail", "/min");
    out.disconnect_per_minute = part(table, "disconnect", "/min");
    out.cut = part(table, "cut", "");
    out.restart = part(table, "restart", "");
    return out;
  }

  std::optional<std::string> text(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return std::nullopt;
    if (const auto value = node->value_exact<std::string>()) return *value;
    complain(*node, fmt::format("{}: a text is expected, in quotes", key));
    return std::nullopt;
  }

  core::Duration duration(const toml::table& table) {
    const auto words = text(table, "duration");
    if (!words.has_value()) {
      if (!table.contains("duration")) complain(table, "a phase needs a duration, as in \"30s\"");
      return {};
    }
    const auto parsed = parse_duration(*words);
    if (parsed.ok() && *parsed > core::Duration::zero()) return *parsed;
    complain(
        *table.get("duration"),
        fmt::format("duration: {}", parsed.ok() ? "is zero" : core::message_of(parsed.status())));
    return {};
  }

  void read_agents(const toml::table& table, load::Phase& out) {
    if (const toml::node* node = table.get("agents")) {
      const auto value = node->value_exact<std::int64_t>();
      if (value.has_value() && *value >= 0 && *value <= load::kMaxSwarmAgents) {
        out.agents = static_cast<std::uint32_t>(*value);
      } else {
        complain(*node,
                 fmt::format("agents: a number from 0 to {} is expected", load::kMaxSwarmAgents));
      }
    }
    if (const toml::node* node = table.get("at_once")) {
      const auto value = node->value_exact<bool>();
      if (!value.has_value()) complain(*node, "at_once: true or false is expected");
      out.at_once = value.value_or(false);
    }
  }

  double part(const toml::table& table, std::string_view key, std::string_view suffix) {
    const auto words = text(table, key);
    if (!words.has_value()) return 0;
    const auto parsed = parse_part(*words, suffix);
    if (parsed.ok()) return *parsed;
    complain(*table.get(key), fmt::format("{}: {}", key, core::message_of(parsed.status())));
    return 0;
  }

  std::string complaints_;
};

}  // namespace

absl::StatusOr<load::Scenario> parse_scenario(std::string_view text) {
  try {
    Reading reading;
    load::Scenario scenario = reading.read(toml::parse(text));
    if (!reading.complaints().empty()) return absl::InvalidArgumentError(reading.complaints());
    if (scenario.most_agents() == 0) return core::invalid("no phase has an agent");
    return scenario;
  } catch (const toml::parse_error& error) {
    return core::invalid("line {}: {}", error.source().begin.line,
                         core::printable(error.description(), 300));
  } catch (const std::invalid_argument& error) {
    return core::invalid("{}", error.what());
  }
}

}  // namespace shoal::cli
