// Settings of a daemon that runs, read again at SIGHUP: what may change does, what may not is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cli/flags.h"
#include "cli/settings.h"
#include "cli/settings_load.h"

namespace shoal::cli {

// What differs of one key, as the operator is told: "offer-timeout: 30s, was 60s
// (/etc/shoal/shoal.toml:3:17)"; empty: nothing. Secrets are not in it.
std::string describe_change(const Settings& before, const Settings& now, const Section& section,
                            const Key& key);

class Rereading {
 public:
  // How the command line was read at the start.
  Rereading(std::vector<std::string> words, std::string default_master, SettingsSources sources,
            const ParsedCommand& first);

  struct Outcome {
    std::optional<Verb> verb;  // nullopt: all stays as it is
    std::vector<std::string> lines;
  };
  // Reads files and variables again. `changeable`: keys of the section that take effect at once.
  // A mistake anywhere leaves everything as it was.
  Outcome again(std::string_view section, absl::Span<const std::string_view> changeable);

 private:
  const std::vector<std::string> words_;
  const std::string default_master_;
  const SettingsSources sources_;
  const std::vector<std::string> typed_;  // flags, which hold over settings
  const Settings first_;                  // what was read at the start
  Settings last_;
};

}  // namespace shoal::cli
