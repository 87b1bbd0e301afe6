#include "cli/settings_file.h"

#include <fmt/core.h>

#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "cli/suggest.h"
#include "cli/toml_library.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

std::string_view name_of(KeyKind kind) {
  switch (kind) {
    case KeyKind::kNumber:
      return "a number";
    case KeyKind::kSwitch:
      return "true or false";
    case KeyKind::kText:
      break;
  }
  return "a text, in quotes,";
}

std::string_view name_of(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// The value as a flag would have it; nullopt: of another kind.
std::optional<std::string> text_of(const toml::node& node, KeyKind kind) {
  if (kind == KeyKind::kText) return node.value_exact<std::string>();
  if (kind == KeyKind::kSwitch) {
    const auto value = node.value_exact<bool>();
    if (!value.has_value()) return std::nullopt;
    return *value ? "true" : "false";
  }
  if (const auto whole = node.value_exact<std::int64_t>()) return fmt::format("{}", *whole);
  const auto broken = node.value_exact<double>();
  if (!broken.has_value() || !std::isfinite(*broken)) return std::nullopt;
  return *broken == 0 ? "0" : fmt::format("{}", *broken);
}

// Reads one file; collects what it says and what is wrong with it.
class Reading {
 public:
  Reading(const std::string& file, const std::vector<Section>& sections)
      : file_(file), sections_(sections) {}

  void read(const toml::table& table) {
    for (const auto& [name, node] : table) {
      const Section* section = find_section(sections_, name.str());
      if (section == nullptr) {
        const std::string meant = nearest(name.str(), names_of(sections_));
        complain(meant.empty() ? std::string(name.str()) : meant, name.source(),
                 unknown_section(name.str(), node));
      } else if (!node.is_table()) {
        complain(section->name, name.source(),
                 fmt::format("{0} is a section: [{0}]", section->name));
      } else {
        read_section(*section, *node.as_table());
      }
    }
  }

  void complain(const std::string& section, const toml::source_region& where, std::string what) {
    found_.mistakes.push_back({section, origin(where), std::move(what)});
  }

  Findings take() { return std::move(found_); }

 private:
  Origin origin(const toml::source_region& where) const {
    return {Origin::Kind::kFile, file_, where.begin.line, where.begin.column};
  }

  std::string unknown_section(std::string_view name, const toml::node& node) const {
    if (node.is_table()) return unknown_name("section", name, names_of(sections_));
    return fmt::format("'{}' is in no section", core::printable(name, 80));
  }

  void read_section(const Section& section, const toml::table& table) {
    std::set<std::string_view> seen;
    for (const auto& [name, node] : table) {
      const Key* key = find_key(section, name.str());
      if (key == nullptr) {
        complain(section.name, name.source(),
                 fmt::format("[{}] {}", section.name,
                             unknown_name("key", name.str(), names_of(section))));
      } else if (!seen.insert(key->name).second) {
        complain(section.name, name.source(),
                 fmt::format("[{}] {} is there twice, with dashes and with underscores",
                             section.name, key->name));
      } else {
        read_key(section, *key, node);
      }
    }
  }

  void read_key(const Section& section, const Key& key, const toml::node& node) {
    Setting setting{section.name, key.name, {}, origin(node.source())};
    const toml::array* array = node.as_array();
    if (!key.repeats) {
      if (!take_value(section, key, node, setting)) return;
    } else if (array == nullptr) {
      wrong_kind(section, key, node, "an array");
      return;
    } else if (array->size() > kMaxSettingValues) {
      complain_of(section, key, node, fmt::format("more than {} values", kMaxSettingValues));
      return;
    } else {
      bool good = true;
      for (const toml::node& element : *array) good &= take_value(section, key, element, setting);
      if (!good) return;
    }
    found_.settings.push_back(std::move(setting));
  }

  bool take_value(const Section& section, const Key& key, const toml::node& node,
                  Setting& setting) {
    std::optional<std::string> text = text_of(node, key.kind);
    if (!text.has_value()) {
      wrong_kind(section, key, node, name_of(key.kind));
      return false;
    }
    if (text->size() > kMaxSettingBytes) {
      complain_of(section, key, node, fmt::format("more than {} bytes", kMaxSettingBytes));
      return false;
    }
    if (text->find('\0') != std::string::npos) {
      complain_of(section, key, node, "holds a zero byte");
      return false;
    }
    setting.values.push_back(*std::move(text));
    return true;
  }

  void complain_of(const Section& section, const Key& key, const toml::node& node,
                   std::string_view what) {
    complain(section.name, node.source(), fmt::format("[{}] {}: {}", section.name, key.name, what));
  }

  void wrong_kind(const Section& section, const Key& key, const toml::node& node,
                  std::string_view wanted) {
    complain_of(section, key, node,
                fmt::format("{} is expected, not {}", wanted, name_of(node.type())));
  }

  const std::string& file_;
  const std::vector<Section>& sections_;
  Findings found_;
};

}  // namespace

Findings parse_settings(const std::string& file, std::string_view text,
                        const std::vector<Section>& sections) {
  Reading reading(file, sections);
  try {
    reading.read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    reading.complain("", error.source(), core::printable(error.description(), 300));
  } catch (const std::invalid_argument& error) {
    reading.complain("", {}, error.what());
  }
  return reading.take();
}

}  // namespace shoal::cli
