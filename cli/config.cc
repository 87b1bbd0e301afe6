#include "cli/config.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>

#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace shoal::cli {
namespace {

constexpr std::array<std::string_view, 6> kSecretWords = {"token",      "secret",     "password",
                                                          "passphrase", "credential", "key"};

constexpr std::size_t kMostMistakes = 100;  // that are told one by one

// What holds of one key.
struct Effective {
  std::vector<std::string> values;  // empty: not set, and no default
  Origin origin;
};

Effective effective(const Settings& settings, const Section& section, const Key& key) {
  if (const Setting* setting = settings.find(section.name, key.name)) {
    return {setting->values, setting->origin};
  }
  if (key.default_text.empty()) return {};
  return {{key.default_text}, {}};
}

// Takes digits off the front. False: there are none.
bool take_digits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(end);
  return end > 0;
}

// A number as TOML and JSON both write it; a flag is less strict.
bool is_plain_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool leads_with_zero = text.starts_with('0');
  const std::size_t before = text.size();
  if (!take_digits(text) || (leads_with_zero && before - text.size() > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  if (text.starts_with('e')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += fmt::format("\\{}", c);
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_value(const Key& key, const std::vector<std::string>& values) {
  std::vector<std::string> texts;
  for (const std::string& value : values) {
    const bool bare =
        key.kind == KeyKind::kSwitch || (key.kind == KeyKind::kNumber && is_plain_number(value));
    texts.push_back(bare ? value : toml_text(value));
  }
  if (key.repeats) return fmt::format("[{}]", fmt::join(texts, ", "));
  return texts.front();
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& writer, const char* key, std::string_view text) {
  writer.Key(key);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put_value(Writer& writer, const Key& key, const std::string& value) {
  if (key.kind == KeyKind::kSwitch) {
    writer.Bool(value == "true");
  } else if (key.kind == KeyKind::kNumber && is_plain_number(value)) {
    writer.RawValue(value.data(), value.size(), rapidjson::kNumberType);
  } else {
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
}

std::string_view name_of(Origin::Kind kind) {
  switch (kind) {
    case Origin::Kind::kFile:
      return "file";
    case Origin::Kind::kEnvironment:
      return "environment";
    case Origin::Kind::kFlag:
      return "flag";
    case Origin::Kind::kDefault:
      break;
  }
  return "default";
}

void put_setting(Writer& writer, const Section& section, const Key& key, const Effective& of) {
  writer.StartObject();
  put(writer, "section", section.name);
  put(writer, "key", key.name);
  writer.Key("value");
  if (of.values.empty() && !key.repeats) {
    writer.Null();
  } else if (!key.repeats) {
    put_value(writer, key, of.values.front());
  } else {
    writer.StartArray();
    for (const std::string& value : of.values) put_value(writer, key, value);
    writer.EndArray();
  }
  put(writer, "origin", name_of(of.origin.kind));
  put(writer, "where", of.origin.kind == Origin::Kind::kDefault ? "" : describe(of.origin));
  writer.EndObject();
}

std::vector<std::string> used_variables(const Settings& settings) {
  std::vector<std::string> names;
  for (const Setting& setting : settings.settings) {
    const Origin& origin = setting.origin;
    if (origin.kind != Origin::Kind::kEnvironment) continue;
    if (std::find(names.begin(), names.end(), origin.name) != names.end()) continue;
    names.push_back(origin.name);
  }
  return names;
}

int print_check(const Settings& settings) {
  std::string text = "ok\n";
  for (const std::string& file : settings.files) {
    text += fmt::format("file {}\n", file);
  }
  for (const std::string& name : used_variables(settings)) {
    text += fmt::format("variable {}\n", name);
  }
  if (settings.files.empty()) text += "no file\n";
  return print_output(text);
}

}  // namespace

std::string mistakes_to_text(const std::vector<Mistake>& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes) {
    text += fmt::format("shoal: {}\n", describe(mistake));
    if (&mistake - mistakes.data() + 1 < static_cast<std::ptrdiff_t>(kMostMistakes)) continue;
    const std::size_t left = mistakes.size() - kMostMistakes;
    if (left > 0) text += fmt::format("shoal: and {} more\n", left);
    break;
  }
  return text;
}

Settings masked(Settings settings) {
  constexpr std::string_view kMask = "***";
  for (Setting& setting : settings.settings) {
    const bool is_secret = std::any_of(
        kSecretWords.begin(), kSecretWords.end(),
        [&setting](std::string_view word) { return setting.key.find(word) != std::string::npos; });
    for (std::string& value : setting.values) {
      if (is_secret) value = kMask;
      for (std::size_t at = 0; (at = value.find("://", at)) != std::string::npos;) {
        at += 3;
        const std::size_t end = std::min(value.find_first_of("/,", at), value.size());
        const std::size_t mark = std::string_view(value).substr(0, end).rfind('@');
        if (mark != std::string::npos && mark > at) value.replace(at, mark - at, kMask);
      }
    }
  }
  return settings;
}

std::string settings_to_toml(const Settings& settings, const std::vector<Section>& sections) {
  std::string text;
  for (const Section& section : sections) {
    text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section.name);
    for (const Key& key : section.keys) {
      const Effective of = effective(settings, section, key);
      const std::string line = of.values.empty() && !key.repeats
                                   ? fmt::format("# {} =", key.name)
                                   : fmt::format("{} = {}", key.name, toml_value(key, of.values));
      text += fmt::format("{:<40} # {}\n", line, describe(of.origin));
    }
  }
  return text;
}

std::string settings_to_json(const Settings& settings, const std::vector<Section>& sections) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  for (const Section& section : sections) {
    for (const Key& key : section.keys) {
      put_setting(writer, section, key, effective(settings, section, key));
    }
  }
  writer.EndArray();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

int run_config(const ConfigVerb& verb) {
  if (!verb.settings.mistakes.empty()) {
    write_fully(2, mistakes_to_text(verb.settings.mistakes)).IgnoreError();
    return kExitUsage;
  }
  if (verb.action == ConfigVerb::Action::kCheck) return print_check(verb.settings);
  return print_output(verb.as_json ? settings_to_json(verb.settings, verb.sections)
                                   : settings_to_toml(verb.settings, verb.sections));
}

}  // namespace shoal::cli
