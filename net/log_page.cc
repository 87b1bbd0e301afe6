#include "net/log_page.h"

#include <fmt/core.h>

namespace shoal::net {

std::string log_levels_json(const Log& log) {
  const core::LogLevels levels = log.levels();
  std::string list;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    list += fmt::format(R"({}"{}":"{}")", list.empty() ? "" : ",",
                        core::name_of(static_cast<core::LogModule>(i)), core::name_of(levels[i]));
  }
  return fmt::format("{{\"levels\":{{{}}},\"lines\":{},\"dropped\":{}}}\n", list, log.lines(),
                     log.dropped());
}

absl::Status change_log_levels(Log& log, std::string_view levels) {
  core::LogLevels changed = log.levels();
  if (absl::Status parsed = core::parse_log_levels(levels, changed); !parsed.ok()) return parsed;
  log.set_levels(changed);
  log.write(core::LogModule::kApi, core::LogLevel::kInfo, "an operator changed the log's levels",
            {{"levels", levels}});
  return absl::OkStatus();
}

void append_log_metrics(core::MetricsText& out, const Log* log) {
  if (log == nullptr) return;
  out.one("shoal_daemon_log_lines_total", "counter", "Lines of the daemon's own log.",
          log->lines());
  out.one("shoal_daemon_log_dropped_total", "counter",
          "Lines that were lost because nobody took them from stderr in time.", log->dropped());
}

}  // namespace shoal::net
