// From the words of a command line to a verb's options. The flags library is named only in
// flags.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "cli/settings_load.h"

namespace shoal::cli {

// Either a verb to perform, or a text to print and the code to end with: help (0, on stdout) or a
// usage error (2, on stderr).
struct ParsedCommand {
  std::optional<Verb> verb;
  int exit_code = 0;
  std::string text;
  // Of a verb: what was read from files and the environment, and the long names of the flags that
  // were typed.
  Settings settings;
  std::vector<std::string> typed;
};

// `words` are the arguments after the program's name. What no flag says comes from `sources`;
// `default_master` is used where nobody names one.
ParsedCommand parse_command_line(const std::vector<std::string>& words,
                                 std::string_view default_master,
                                 const SettingsSources& sources = {});

// The list of verbs: what `shoal help` prints.
std::string overview();

}  // namespace shoal::cli
