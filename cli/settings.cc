#include "cli/settings.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/suggest.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

// Set for every task, so that a daemon that runs as one sees it.
constexpr std::string_view kOfTasks = "SHOAL_AGENT_ID";

std::string upper(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c == '-') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

const std::string* find_variable(const Environment& environment, std::string_view name) {
  for (const auto& [variable, value] : environment) {
    if (variable == name && !value.empty()) return &value;
  }
  return nullptr;
}

class EnvironmentReading {
 public:
  void read(const Section& section, const Key& key, std::string_view variable,
            const std::string& text) {
    Origin origin{Origin::Kind::kEnvironment, std::string(variable)};
    std::string value = text;
    if (text.size() > kMaxSettingBytes) {
      complain(section, origin, fmt::format("more than {} bytes", kMaxSettingBytes));
      return;
    }
    if (key.kind == KeyKind::kSwitch) {
      if (text == "1") value = "true";
      if (text == "0") value = "false";
      if (value != "true" && value != "false") {
        complain(section, origin,
                 fmt::format("'{}' is neither true nor false", core::printable(text)));
        return;
      }
    }
    found_.settings.push_back({section.name, key.name, {std::move(value)}, std::move(origin)});
  }

  // Variables that look like a key of the section and are none.
  void find_unknown(const Environment& environment, const Section& section) {
    const std::string front = fmt::format("SHOAL_{}_", upper(section.name));
    std::vector<std::string> known;
    for (const Key& key : section.keys) known.push_back(front + upper(key.name));
    for (const auto& [variable, value] : environment) {
      if (!variable.starts_with(front) || value.empty() || variable == kOfTasks) continue;
      if (std::find(known.begin(), known.end(), variable) != known.end()) continue;
      complain(section, {Origin::Kind::kEnvironment, core::printable(variable, 80)},
               unknown_name("variable", variable, known));
    }
  }

  Findings take() { return std::move(found_); }

 private:
  void complain(const Section& section, Origin origin, std::string what) {
    found_.mistakes.push_back({section.name, std::move(origin), std::move(what)});
  }

  Findings found_;
};

}  // namespace

std::string describe(const Origin& origin) {
  if (origin.kind == Origin::Kind::kDefault) return "default";
  if (origin.line == 0) return origin.name;
  return fmt::format("{}:{}:{}", origin.name, origin.line, origin.column);
}

std::string describe(const Mistake& mistake) {
  return fmt::format("{}: {}", describe(mistake.origin), mistake.what);
}

std::vector<std::string> variables_of(std::string_view section, std::string_view key) {
  if (section == "client") return {"SHOAL_" + upper(key)};
  std::vector<std::string> names;
  if (section == "agent" && key == "master") names.emplace_back("SHOAL_MASTER");
  names.push_back(fmt::format("SHOAL_{}_{}", upper(section), upper(key)));
  return names;
}

Findings read_environment(const Environment& environment, const std::vector<Section>& sections) {
  EnvironmentReading reading;
  for (const Section& section : sections) {
    for (const Key& key : section.keys) {
      for (const std::string& variable : variables_of(section.name, key.name)) {
        const std::string* value = find_variable(environment, variable);
        if (value != nullptr) reading.read(section, key, variable, *value);
      }
    }
    if (section.name != "client") reading.find_unknown(environment, section);
  }
  return reading.take();
}

const Section* find_section(const std::vector<Section>& sections, std::string_view name) {
  for (const Section& section : sections) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

const Key* find_key(const Section& section, std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  for (const Key& key : section.keys) {
    if (key.name == dashed) return &key;
  }
  return nullptr;
}

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known) {
  std::string message = fmt::format("unknown {} '{}'", what, core::printable(name, 80));
  const std::string near = nearest(name, known);
  if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
  return message;
}

std::vector<std::string> names_of(const std::vector<Section>& sections) {
  std::vector<std::string> names;
  for (const Section& section : sections) names.push_back(section.name);
  return names;
}

std::vector<std::string> names_of(const Section& section) {
  std::vector<std::string> names;
  for (const Key& key : section.keys) names.push_back(key.name);
  return names;
}

const Setting* Settings::find(std::string_view section, std::string_view key) const {
  for (auto at = settings.rbegin(); at != settings.rend(); ++at) {
    if (at->section == section && at->key == key) return &*at;
  }
  return nullptr;
}

}  // namespace shoal::cli
