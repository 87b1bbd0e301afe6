// Settings of the daemons and of the client verbs: what may be set, what was found, and where.
// Every key is the long name of a flag; which there are follows from the flags (flags_settings.cc).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::cli {

// Bounds on what is read.
inline constexpr std::size_t kMaxSettingsFileBytes = std::size_t{256} * 1024;
inline constexpr std::size_t kMaxSettingsFiles = 64;  // in the folder beside the file
inline constexpr std::size_t kMaxSettingBytes = std::size_t{64} * 1024;
inline constexpr std::size_t kMaxSettingValues = 256;  // of a key that takes an array

enum class KeyKind : std::uint8_t { kText, kNumber, kSwitch };

struct Key {
  std::string name;  // as the flag, without its dashes before it: "offer-timeout"
  KeyKind kind = KeyKind::kText;
  bool repeats = false;      // an array of such values
  std::string default_text;  // empty: none, or not set
};

struct Section {
  std::string name;  // "master"
  std::vector<Key> keys;
};

struct Origin {
  enum class Kind : std::uint8_t { kDefault, kFile, kEnvironment, kFlag };
  Kind kind = Kind::kDefault;
  std::string name;        // the file, the variable, the flag; empty: of a default
  std::uint32_t line = 0;  // of kFile, from 1
  std::uint32_t column = 0;
};

// "/etc/shoal/shoal.toml:3:10", "SHOAL_MASTER_LISTEN", "--listen", "default".
std::string describe(const Origin& origin);

struct Setting {
  std::string section;
  std::string key;
  std::vector<std::string> values;  // one, unless the key repeats; of a switch "true" or "false"
  Origin origin;
};

struct Mistake {
  std::string section;  // which was meant, if one can tell; empty: all of them
  Origin origin;
  std::string what;
};
std::string describe(const Mistake& mistake);

// What one file or the environment says.
struct Findings {
  std::vector<Setting> settings;
  std::vector<Mistake> mistakes;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

// The variables of a key, the stronger one last: SHOAL_MASTER_LISTEN; SHOAL_OUTPUT for [client];
// and an agent's master is also SHOAL_MASTER.
std::vector<std::string> variables_of(std::string_view section, std::string_view key);

// Reads the variables of all keys, and complains of those that are named like one and are none. An
// empty variable is as if it were not there.
Findings read_environment(const Environment& environment, const std::vector<Section>& sections);

// nullptr: there is none. The key may be written with underscores.
const Section* find_section(const std::vector<Section>& sections, std::string_view name);
const Key* find_key(const Section& section, std::string_view name);

// "unknown key 'x'; did you mean 'y'?"
std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known);
std::vector<std::string> names_of(const std::vector<Section>& sections);
std::vector<std::string> names_of(const Section& section);

// All that was found in all places, the weakest first.
struct Settings {
  std::vector<std::string> files;  // that were read; printable
  std::vector<Setting> settings;
  std::vector<Mistake> mistakes;  // in order of their places

  // What holds: the strongest. nullptr: nobody says it.
  const Setting* find(std::string_view section, std::string_view key) const;
};

// What may be set. `check` tells which values are not good ones, and are not told of yet.
struct Schema {
  std::vector<Section> sections;
  std::function<std::vector<Mistake>(const Settings&)> check;
};

}  // namespace shoal::cli
