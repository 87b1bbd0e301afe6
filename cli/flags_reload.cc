// Settings read again, by the flags that they are.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "cli/config.h"
#include "cli/flag_parser.h"
#include "cli/reload.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

struct Value {
  std::string text;  // printable
  std::string where;
};

Value value_of(const Settings& settings, const Section& section, const Key& key) {
  const Setting* setting = settings.find(section.name, key.name);
  if (setting == nullptr) {
    return {key.default_text.empty() ? "not set" : key.default_text, "default"};
  }
  return {core::printable(fmt::format("{}", fmt::join(setting->values, ", ")), 200),
          describe(setting->origin)};
}

template <typename Texts>
bool contains(const Texts& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// "shoal: a\nshoal: b\n" as lines of the log.
std::vector<std::string> lines_of(std::string_view text) {
  constexpr std::string_view kPrefix = "shoal: ";
  std::vector<std::string> lines;
  for (std::string_view line : core::split(text, '\n')) {
    if (line.starts_with(kPrefix)) line.remove_prefix(kPrefix.size());
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

std::string describe_change(const Settings& before, const Settings& now, const Section& section,
                            const Key& key) {
  const Setting* old_setting = before.find(section.name, key.name);
  const Setting* new_setting = now.find(section.name, key.name);
  const std::vector<std::string> standard = {key.default_text};
  const auto& old_values = old_setting == nullptr ? standard : old_setting->values;
  const auto& new_values = new_setting == nullptr ? standard : new_setting->values;
  if (old_values == new_values) return "";
  const Value value = value_of(masked(now), section, key);
  return fmt::format("{}: {}, was {} ({})", key.name, value.text,
                     value_of(masked(before), section, key).text, value.where);
}

Rereading::Rereading(std::vector<std::string> words, std::string default_master,
                     SettingsSources sources, const ParsedCommand& first)
    : words_(std::move(words)),
      default_master_(std::move(default_master)),
      sources_(std::move(sources)),
      typed_(first.typed),
      first_(first.settings),
      last_(first.settings) {}

Rereading::Outcome Rereading::again(std::string_view section_name,
                                    absl::Span<const std::string_view> changeable) {
  ParsedCommand parsed = parse_command_line(words_, default_master_, sources_);
  if (!parsed.verb.has_value()) {
    Outcome outcome{std::nullopt, lines_of(parsed.text)};
    outcome.lines.emplace_back("SIGHUP: because of that the settings stay as they were");
    return outcome;
  }
  Outcome outcome{std::move(parsed.verb), {}};
  const Schema schema = flags_schema("", {});
  const Section& section = *find_section(schema.sections, section_name);
  for (const Key& key : section.keys) {
    if (contains(typed_, key.name)) continue;
    const bool can_change = contains(changeable, key.name);
    const std::string change =
        describe_change(can_change ? last_ : first_, parsed.settings, section, key);
    if (change.empty()) continue;
    outcome.lines.push_back(
        fmt::format("SIGHUP: {}{}", change, can_change ? "" : "; it needs a restart"));
  }
  if (outcome.lines.empty()) outcome.lines.emplace_back("SIGHUP: no setting has changed");
  last_ = std::move(parsed.settings);
  return outcome;
}

}  // namespace shoal::cli
