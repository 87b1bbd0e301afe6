// A line of a daemon's log, as a value and as text. Pure: who writes it, and when, is net/log.h.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace shoal::core {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError, kOff };

// What a line is about; each has a level of its own.
enum class LogModule : std::uint8_t {
  kMaster,    // start and end, agents and frameworks that come and go
  kAgent,     // likewise, of an agent
  kNet,       // connections, and room for them
  kApi,       // requests of HTTP
  kRegistry,  // what is stored
  kElection,  // who leads
  kTasks,     // launches and ends
  kDisk,      // sandboxes and logs of tasks
};
inline constexpr std::size_t kLogModules = 8;

std::string_view name_of(LogLevel level);
std::string_view name_of(LogModule module);

using LogLevels = std::array<LogLevel, kLogModules>;  // by module

inline constexpr LogLevels all_at(LogLevel level) {
  LogLevels levels{};
  levels.fill(level);
  return levels;
}

// Changes `levels`: parts between commas, one after another, each LEVEL (of all modules) or
// MODULE=LEVEL, as in "warn,net=debug". Errors: INVALID_ARGUMENT, and `levels` is as it was.
absl::Status parse_log_levels(std::string_view text, LogLevels& levels);

// A fact beside the message. Lives as long as the text that it was made of.
struct LogField {
  LogField(std::string_view field, std::string_view value) : name(field), text(value) {}
  template <std::integral Number>
  LogField(std::string_view field, Number value)
      : name(field), number(std::to_string(value)), is_number(true) {}

  std::string_view name;
  std::string_view text;
  std::string number;
  bool is_number = false;
};

struct LogEntry {
  LogModule module = LogModule::kMaster;
  LogLevel level = LogLevel::kInfo;
  std::string_view message;
  std::initializer_list<LogField> fields;
};

// What was longer is cut.
inline constexpr std::size_t kMaxLogText = 4096;

// For people: "shoal master: a peer was refused session=7 why=bad magic\n"; from kWarn on the level
// is said before the message. `daemon`: "master" or "agent".
std::string log_text(std::string_view daemon, const LogEntry& entry);

// For machines, an object on a line: {"time":"2026-01-31T12:00:00.250Z","level":"info",
// "daemon":"master","module":"net","message":…, and the fields}. Text is as
// core::json_text writes it: always valid JSON and UTF-8, on one line.
std::string log_json(std::string_view daemon, std::int64_t wall_ms, const LogEntry& entry);

}  // namespace shoal::core
