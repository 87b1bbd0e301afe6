// A configuration file: whatever it holds, it is read or refused, with a place within it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/config.h"
#include "cli/settings_file.h"

namespace {

using namespace shoal::cli;

const std::vector<Section>& sections() {
  static const std::vector<Section> kAll = {{"master",
                                             {{"listen", KeyKind::kText, false, "127.0.0.1:7070"},
                                              {"reactors", KeyKind::kNumber, false, "0"},
                                              {"insecure", KeyKind::kSwitch, false, "false"},
                                              {"label", KeyKind::kText, true, ""}}},
                                            {"agent", {{"data", KeyKind::kText, false, ""}}}};
  return kAll;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Findings found = parse_settings("f", text, sections());
  for (const Mistake& mistake : found.mistakes) {
    if (describe(mistake).find('\n') != std::string::npos) __builtin_trap();
  }
  for (const Setting& setting : found.settings) {
    const Section* section = find_section(sections(), setting.section);
    if (section == nullptr || find_key(*section, setting.key) == nullptr) __builtin_trap();
  }
  // What was read can be written, and says the same again.
  Settings settings;
  settings.settings = std::move(found.settings);
  const std::string toml = settings_to_toml(settings, sections());
  Findings again = parse_settings("f", toml, sections());
  if (!again.mistakes.empty()) __builtin_trap();
  Settings second;
  second.settings = std::move(again.settings);
  for (const Setting& setting : settings.settings) {
    const Setting* same = second.find(setting.section, setting.key);
    if (same == nullptr || same->values != setting.values) __builtin_trap();
  }
  return 0;
}
