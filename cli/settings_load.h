// Which files are read, and the whole of what they and the environment say.
#pragma once

#include <optional>
#include <string>

#include "cli/settings.h"

namespace shoal::cli {

// Where settings come from besides the flags. The empty one is no place at all.
struct SettingsSources {
  Environment environment;   // those that begin with SHOAL_
  std::string default_file;  // need not be there; empty: none
};

// This process' environment, and /etc/shoal/shoal.toml.
SettingsSources process_settings_sources();

struct SettingsRequest {
  // What --config said: a file that must be there, or "" for neither files nor variables.
  // nullopt: not given, which means SHOAL_CONFIG, else the default file.
  std::optional<std::string> file;
  // A verb that uses only this section: mistakes in others do not stop it, and a default file that
  // it may not read is as if it were not there. Empty: all.
  std::string only;
};

// Reads FILE, then FILE.d/*.toml in the order of their names, then the variables; the later one
// holds. Everything that is wrong is in `mistakes`.
Settings load_settings(const SettingsSources& sources, const SettingsRequest& request,
                       const Schema& schema);

}  // namespace shoal::cli
