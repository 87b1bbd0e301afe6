// Between flags and settings: every long flag of a daemon is a key of its section. Also the flags
// of `shoal config`.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "cli/flag_parser.h"
#include "core/limits.h"

namespace shoal::cli {
namespace {

// What every client verb takes from the configuration.
Finish define_client(Parser& parser) {
  add_master_option(parser);
  add_format_option(parser);
  return [](Parser& parsed) -> absl::StatusOr<Verb> {
    VolumesVerb verb;
    if (auto ok = finish_shared(parsed, &verb.master, &verb.format); !ok.ok()) return ok;
    return verb;
  };
}

struct SectionEntry {
  std::string_view name;
  Finish (*define)(Parser&);
};

constexpr std::array<SectionEntry, 4> kSections = {{
    {"master", define_master},
    {"agent", define_agent},
    {"dev", define_dev},
    {"client", define_client},
}};

// The flags of one section, to look at or to try.
struct SectionFlags {
  explicit SectionFlags(const SectionEntry& entry)
      : parser(app, fmt::format("127.0.0.1:{}", core::kDefaultMasterPort)),
        finish(entry.define(parser)) {}
  CLI::App app;
  Parser parser;
  Finish finish;
};

const SectionEntry& entry_of(std::string_view section) {
  return *std::find_if(kSections.begin(), kSections.end(),
                       [section](const SectionEntry& entry) { return entry.name == section; });
}

// "" for what is no key: positional words, and flags that are about the flags.
std::string key_of(const CLI::Option& option) {
  if (option.get_lnames().empty()) return "";
  const std::string& name = option.get_lnames().front();
  return name == "help" || name == "config" ? "" : name;
}

KeyKind kind_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return KeyKind::kSwitch;
  return option.get_type_name() == "NUMBER" ? KeyKind::kNumber : KeyKind::kText;
}

bool repeats(const CLI::Option& option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

Section section_of(const SectionEntry& entry) {
  const SectionFlags flags(entry);
  Section section{std::string(entry.name), {}};
  for (const CLI::Option* option : flags.app.get_options()) {
    const std::string name = key_of(*option);
    if (name.empty()) continue;
    Key key{name, kind_of(*option), repeats(*option), option->get_default_str()};
    if (key.kind == KeyKind::kSwitch) key.default_text = "false";
    section.keys.push_back(std::move(key));
  }
  return section;
}

void add_words(std::vector<std::string>& words, const CLI::Option& option, const Setting& setting) {
  const std::string flag = "--" + setting.key;
  for (const std::string& value : setting.values) {
    // The library takes "--flag=" for a flag whose value follows.
    if (option.get_items_expected_max() == 0 || !value.empty()) {
      words.push_back(fmt::format("{}={}", flag, value));
    } else {
      words.insert(words.end(), {flag, value});
    }
  }
}

// Throws the library's errors.
void parse(CLI::App& app, std::vector<std::string> words) {
  std::reverse(words.begin(), words.end());
  app.parse(words);
}

// Tries the settings of one section, together: what one flag may be can depend on another.
class SectionCheck {
 public:
  // `typed` are words for the same flags, which hold over settings.
  SectionCheck(const SectionEntry& entry, const Settings& all, std::vector<std::string> typed)
      : entry_(entry), all_(all), typed_(std::move(typed)) {
    const SectionFlags flags(entry_);
    const std::vector<std::string> given = given_in(typed_);
    for (const CLI::Option* option : flags.app.get_options()) {
      const std::string key = key_of(*option);
      const Setting* setting = all_.find(entry_.name, key);
      if (setting == nullptr || std::find(given.begin(), given.end(), key) != given.end()) continue;
      good_.settings.push_back(*setting);
      holding_.push_back(setting);
    }
  }

  std::vector<Mistake> run() {
    while (drop_a_bad_one()) {
    }
    for (const Setting& setting : all_.settings) {
      if (setting.section == entry_.name) try_overridden(setting);
    }
    return std::move(mistakes_);
  }

 private:
  // The flags among words that were parsed well before.
  std::vector<std::string> given_in(const std::vector<std::string>& words) const {
    SectionFlags flags(entry_);
    for (CLI::Option* option : flags.app.get_options()) option->required(false);
    parse(flags.app, words);
    return given_flags(flags.app);
  }

  // As if the flags were given: the words of `settings`, what was typed, and something for what is
  // needed and not there.
  absl::Status attempt(const Settings& settings, const std::vector<std::string>& typed) const {
    const SectionFlags probe(entry_);
    SectionFlags flags(entry_);
    try {
      const std::vector<std::string> given = given_in(typed);
      std::vector<std::string> words = words_of(settings, entry_.name, probe.app, given);
      for (const CLI::Option* option : probe.app.get_options()) {
        const std::string key = key_of(*option);
        if (!option->get_required() || settings.find(entry_.name, key) != nullptr) continue;
        if (std::find(given.begin(), given.end(), key) != given.end()) continue;
        words.push_back(fmt::format("--{}=x", key));
      }
      words.insert(words.end(), typed.begin(), typed.end());
      parse(flags.app, std::move(words));
    } catch (const CLI::ParseError& error) {
      return core::invalid("{}", error.what());
    }
    return flags.finish(flags.parser).status();
  }

  bool drop_a_bad_one() {
    const absl::Status status = attempt(good_, typed_);
    if (status.ok()) return false;
    for (auto at = good_.settings.begin(); at != good_.settings.end(); ++at) {
      if (!is_about(status, at->key)) continue;
      complain(*at, status);
      good_.settings.erase(at);
      return true;
    }
    return false;  // of a flag that was typed, or that is not there: told when the verb is parsed
  }

  // A value that does not hold, among those of files and variables that do.
  void try_overridden(const Setting& setting) {
    if (std::find(holding_.begin(), holding_.end(), &setting) != holding_.end()) return;
    Settings settings = good_;
    settings.settings.push_back(setting);
    const absl::Status status = attempt(settings, {});
    if (!status.ok() && is_about(status, setting.key)) complain(setting, status);
  }

  static bool is_about(const absl::Status& status, std::string_view key) {
    return core::message_of(status).starts_with(fmt::format("--{}: ", key));
  }

  void complain(const Setting& setting, const absl::Status& status) {
    const std::string_view what = core::message_of(status).substr(setting.key.size() + 4);
    const bool from_file = setting.origin.kind == Origin::Kind::kFile;
    mistakes_.push_back({setting.section, setting.origin,
                         from_file ? fmt::format("[{}] {}: {}", setting.section, setting.key, what)
                                   : std::string(what)});
  }

  const SectionEntry& entry_;
  const Settings& all_;
  const std::vector<std::string> typed_;
  std::vector<const Setting*> holding_;
  Settings good_;  // those of them that were not found bad yet
  std::vector<Mistake> mistakes_;
};

// What was typed for a verb, as settings that hold over all others.
absl::Status add_typed(const std::string& section, const std::vector<std::string>& words,
                       Settings& settings) {
  SectionFlags flags(entry_of(section));
  for (CLI::Option* option : flags.app.get_options()) option->required(false);
  try {
    parse(flags.app, words);
  } catch (const CLI::ParseError& error) {
    return core::invalid("after --: {}", core::printable(error.what(), 300));
  }
  Settings typed;
  for (const CLI::Option* option : flags.app.get_options()) {
    const std::string key = key_of(*option);
    if (key.empty() || option->count() == 0) continue;
    typed.settings.push_back({section, key, option->results(), {Origin::Kind::kFlag, "--" + key}});
  }
  const std::vector<Mistake> mistakes = SectionCheck(entry_of(section), typed, {}).run();
  if (!mistakes.empty()) return core::invalid("after --: {}", describe(mistakes.front()));
  for (Setting& setting : typed.settings) settings.settings.push_back(std::move(setting));
  return absl::OkStatus();
}

Settings load(const Parser& parsed, const Schema& schema) {
  SettingsRequest request;
  if (parsed.app.get_option("--config")->count() > 0) request.file = parsed.config;
  return load_settings(*parsed.sources, request, schema);
}

absl::StatusOr<Verb> finish_dump(const std::string& section, const std::string& format,
                                 const Parser& parsed) {
  ConfigVerb verb;
  verb.action = ConfigVerb::Action::kDump;
  if (format != "toml" && format != "json") {
    return core::invalid("--output: '{}' is neither toml nor json", core::printable(format));
  }
  verb.as_json = format == "json";
  Schema schema = flags_schema("", {});
  verb.settings = load(parsed, schema);
  verb.sections = schema.sections;
  if (parsed.app.get_option("SECTION")->count() == 0) {
    if (parsed.command.empty()) return verb;
    return core::invalid("flags after -- need a SECTION whose flags they are");
  }
  const Section* wanted = find_section(schema.sections, section);
  if (wanted == nullptr) {
    return core::invalid("SECTION: {}",
                         unknown_name("section", section, names_of(schema.sections)));
  }
  verb.sections = {*wanted};
  if (auto ok = add_typed(wanted->name, parsed.command, verb.settings); !ok.ok()) return ok;
  return verb;
}

}  // namespace

std::string_view section_of_verb(std::string_view verb) {
  for (const SectionEntry& entry : kSections) {
    if (entry.name == verb) return entry.name;
  }
  return verb.starts_with("config ") || verb == "completion" ? "" : "client";
}

Schema flags_schema(std::string_view verb, std::vector<std::string> typed) {
  Schema schema;
  for (const SectionEntry& entry : kSections) schema.sections.push_back(section_of(entry));
  schema.check = [verb, typed = std::move(typed)](const Settings& settings) {
    std::vector<Mistake> mistakes;
    for (const SectionEntry& entry : kSections) {
      const bool is_own = entry.name == verb;
      SectionCheck check(entry, settings, is_own ? typed : std::vector<std::string>());
      for (Mistake& mistake : check.run()) {
        mistakes.push_back(std::move(mistake));
      }
    }
    return mistakes;
  };
  return schema;
}

std::vector<std::string> words_of(const Settings& settings, std::string_view section,
                                  const CLI::App& app, const std::vector<std::string>& typed) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    const std::string key = key_of(*option);
    const Setting* setting = settings.find(section, key);
    if (setting == nullptr || std::find(typed.begin(), typed.end(), key) != typed.end()) continue;
    add_words(words, *option, *setting);
  }
  return words;
}

std::vector<std::string> given_flags(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0 && !option->get_lnames().empty()) {
      names.push_back(option->get_lnames().front());
    }
  }
  return names;
}

Finish define_config_check(Parser& parser) {
  add_config_option(parser);
  return [](Parser& parsed) -> absl::StatusOr<Verb> {
    ConfigVerb verb;
    verb.settings = load(parsed, flags_schema("", {}));
    return verb;
  };
}

Finish define_config_dump(Parser& parser) {
  struct Texts {
    std::string section;
    std::string format = "toml";
  };
  auto texts = std::make_shared<Texts>();
  add_config_option(parser);
  std::vector<std::string_view> names;
  for (const SectionEntry& entry : kSections) names.push_back(entry.name);
  parser.app.add_option("SECTION", texts->section, "only this one")
      ->type_name(fmt::format("{}", fmt::join(names, "|")));
  parser.app.add_option("-o,--output", texts->format, "how it is written")
      ->type_name("toml|json")
      ->capture_default_str();
  return [texts](Parser& parsed) { return finish_dump(texts->section, texts->format, parsed); };
}

}  // namespace shoal::cli
