#include "core/log_line.h"

#include <fmt/core.h>

#include "core/json_text.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames = {"debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, kLogModules> kModuleNames = {
    "master", "agent", "net", "api", "registry", "election", "tasks", "disk"};

// The index of `name`; names.size() when it is none of them.
template <std::size_t kSize>
std::size_t find_name(const std::array<std::string_view, kSize>& names, std::string_view name) {
  std::size_t i = 0;
  while (i < kSize && names[i] != name) ++i;
  return i;
}

template <std::size_t kSize>
std::string list_of(const std::array<std::string_view, kSize>& names) {
  std::string list;
  for (const std::string_view name : names) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", name);
  }
  return list;
}

}  // namespace

std::string_view name_of(LogLevel level) { return kLevelNames[static_cast<std::size_t>(level)]; }

std::string_view name_of(LogModule module) {
  return kModuleNames[static_cast<std::size_t>(module)];
}

absl::Status parse_log_levels(std::string_view text, LogLevels& levels) {
  LogLevels changed = levels;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const bool is_of_all = equals == std::string_view::npos;
    const std::string_view level_name = is_of_all ? part : strip(part.substr(equals + 1));
    const std::size_t level = find_name(kLevelNames, level_name);
    if (level == kLevelNames.size()) {
      return invalid("'{}' is no level; there are {}", printable(level_name), list_of(kLevelNames));
    }
    if (is_of_all) {
      changed = all_at(static_cast<LogLevel>(level));
      continue;
    }
    const std::string_view module_name = strip(part.substr(0, equals));
    const std::size_t module = find_name(kModuleNames, module_name);
    if (module == kLogModules) {
      return invalid("'{}' is no module; there are {}", printable(module_name),
                     list_of(kModuleNames));
    }
    changed[module] = static_cast<LogLevel>(level);
  }
  levels = changed;
  return absl::OkStatus();
}

std::string log_text(std::string_view daemon, const LogEntry& entry) {
  const std::string_view level = entry.level == LogLevel::kWarn    ? "warning: "
                                 : entry.level == LogLevel::kError ? "error: "
                                                                   : "";
  std::string line =
      fmt::format("shoal {}: {}{}", daemon, level, printable(entry.message, kMaxLogText));
  for (const LogField& field : entry.fields) {
    line += fmt::format(" {}={}", field.name,
                        field.is_number ? field.number : printable(field.text, kMaxLogText));
  }
  line += '\n';
  return line;
}

std::string log_json(std::string_view daemon, std::int64_t wall_ms, const LogEntry& entry) {
  std::string line = fmt::format(
      "{{\"time\":\"{}\",\"level\":\"{}\",\"daemon\":\"{}\",\"module\":\"{}\",\"message\":{}",
      rfc3339(wall_ms), name_of(entry.level), daemon, name_of(entry.module),
      json_text(entry.message, kMaxLogText));
  for (const LogField& field : entry.fields) {
    line += fmt::format(",\"{}\":{}", field.name,
                        field.is_number ? field.number : json_text(field.text, kMaxLogText));
  }
  line += "}\n";
  return line;
}

}  // namespace shoal::core
