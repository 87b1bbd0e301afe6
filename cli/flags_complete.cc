// What may follow the words of a command line, from the verbs and their flags; and the flags of
// `shoal completion`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "cli/complete.h"
#include "cli/flag_parser.h"

namespace shoal::cli {
namespace {

using Words = std::vector<std::string>;

// Which things' ids a flag or a positional word takes.
std::optional<core::QueryKind> ids_of(const std::string& name, std::string_view verb) {
  if (name == "TASK") return core::QueryKind::kTasks;
  if (name == "AGENT") return core::QueryKind::kAgents;
  if (name == "FRAMEWORK" || name == "--framework") return core::QueryKind::kFrameworks;
  if (name == "ROLE" || name == "--role") return core::QueryKind::kRoles;
  if (name != "ID") return std::nullopt;
  if (verb == "tasks") return core::QueryKind::kTasks;
  if (verb == "agents") return core::QueryKind::kAgents;
  if (verb == "frameworks") return core::QueryKind::kFrameworks;
  return core::QueryKind::kOffers;
}

std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// The first line of a help text, short enough for a list.
std::string brief(const std::string& text) {
  const std::size_t end = std::min(text.find_first_of("\n;"), text.find(" ("));
  return text.substr(0, end);
}

class Completing {
 public:
  Completing(std::string_view begun, std::string_view default_master,
             const SettingsSources& sources)
      : begun_(begun), default_master_(default_master), sources_(sources) {}

  void offer(std::string_view word, std::string_view about) {
    if (!word.starts_with(begun_)) return;
    out_.candidates.push_back({out_.front + std::string(word), std::string(about)});
  }

  void offer_verbs() {
    for (const VerbEntry& entry : all_verbs()) offer(entry.name, entry.about);
  }

  void offer_actions(std::string_view group) {
    for (const VerbEntry& entry : all_actions()) {
      if (is_action_of(entry, group)) offer(entry.name.substr(group.size() + 1), entry.about);
    }
  }

  // `words` stand between the verb and the one being written.
  void offer_for(const VerbEntry& entry, const Words& words) {
    if (std::find(words.begin(), words.end(), "--") != words.end()) {
      out_.files = true;  // a command
      return;
    }
    CLI::App app;
    app.set_help_flag("-h,--help", "this text");
    Parser parser(app, default_master_);
    const Finish unused = entry.define(parser);
    read(app, words);
    if (waiting_ != nullptr) {
      offer_values(*waiting_, long_name(*waiting_), entry.name);
    } else if (const std::size_t equals = begun_.find('=');
               begun_.starts_with("--") && equals != std::string::npos) {
      const CLI::Option* option = app.get_option_no_throw(std::string(begun_.substr(0, equals)));
      out_.front = begun_.substr(0, equals + 1);
      begun_.remove_prefix(equals + 1);
      if (option != nullptr) offer_values(*option, long_name(*option), entry.name);
    } else if (begun_.starts_with('-')) {
      offer_flags(app);
    } else {
      offer_positional(app, entry.name);
    }
    if (out_.ids.has_value()) out_.master = master();
  }

  Completion take() { return std::move(out_); }

 private:
  // What was written so far: which flags, how many other words, and whether a value is due.
  void read(const CLI::App& app, const Words& words) {
    for (const std::string& word : words) {
      if (waiting_ != nullptr) {
        take_value(word);
      } else if (word.starts_with('-') && word.size() > 1) {
        const std::size_t equals = word.find('=');
        const CLI::Option* option = app.get_option_no_throw(word.substr(0, equals));
        if (option == nullptr) continue;
        given_.push_back(option);
        if (!takes_value(*option)) continue;
        waiting_ = option;
        if (equals != std::string::npos) take_value(word.substr(equals + 1));
      } else {
        ++positional_;
      }
    }
  }

  void take_value(const std::string& value) {
    if (long_name(*waiting_) == "--master") master_ = value;
    waiting_ = nullptr;
  }

  void offer_flags(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
      const bool again = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
      const bool given = std::find(given_.begin(), given_.end(), option) != given_.end();
      const std::string name = long_name(*option);
      if (name.empty() || (given && !again)) continue;
      offer(name, brief(option->get_description()));
    }
  }

  void offer_positional(const CLI::App& app, std::string_view verb) {
    std::size_t left = positional_;
    for (const CLI::Option* option : app.get_options()) {
      if (!option->get_positional()) continue;
      if (left-- > 0) continue;
      offer_values(*option, option->get_name(true), verb);
      return;
    }
    if (begun_.empty()) offer_flags(app);
  }

  void offer_values(const CLI::Option& option, const std::string& name, std::string_view verb) {
    const std::string type = option.get_type_name();
    if (type.find('|') != std::string::npos) {
      for (const std::string_view word : core::split(type, '|')) offer(word, "");
    }
    out_.files = type == "FILE" || type == "FOLDER";
    out_.ids = ids_of(name, verb);
  }

  // Mistakes of the configuration are told by the verb itself.
  std::string master() const {
    if (!master_.empty()) return master_;
    SettingsRequest request;
    request.only = "client";
    const Settings settings = load_settings(sources_, request, flags_schema("", {}));
    const Setting* setting = settings.find("client", "master");
    return setting == nullptr ? std::string(default_master_) : setting->values.front();
  }

  std::string_view begun_;
  std::string_view default_master_;
  const SettingsSources& sources_;
  Completion out_;
  std::vector<const CLI::Option*> given_;
  const CLI::Option* waiting_ = nullptr;
  std::size_t positional_ = 0;
  std::string master_;
};

const VerbEntry* find_entry(absl::Span<const VerbEntry> entries, std::string_view name) {
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [name](const VerbEntry& entry) { return entry.name == name; });
  return at == entries.end() ? nullptr : &*at;
}

// `before` are the words before the one that is being written; the first is the group.
void complete_in_group(const Words& before, Completing& completing) {
  const std::string& group = before.front();
  // `shoal weight ROLE WEIGHT`
  const VerbEntry* without = group == "weight" ? find_entry(all_actions(), "weight set") : nullptr;
  if (before.size() == 1) {
    completing.offer_actions(group);
    if (without != nullptr) completing.offer_for(*without, {});
    return;
  }
  if (const VerbEntry* action = find_entry(all_actions(), group + " " + before[1])) {
    completing.offer_for(*action, Words(before.begin() + 2, before.end()));
  } else if (without != nullptr) {
    completing.offer_for(*without, Words(before.begin() + 1, before.end()));
  }
}

}  // namespace

Completion complete(const Words& words, std::string_view default_master,
                    const SettingsSources& sources) {
  // Not `? "" : …`, which would be a copy that is gone at the end of the line.
  const std::string_view begun = words.empty() ? std::string_view() : words.back();
  Completing completing(begun, default_master, sources);
  const Words before(words.begin(), words.empty() ? words.end() : words.end() - 1);
  if (before.empty()) {
    completing.offer_verbs();
  } else if (before.front() == "help") {
    if (before.size() == 1) completing.offer_verbs();
    if (before.size() == 2) completing.offer_actions(before[1]);
  } else if (const VerbEntry* entry = find_entry(all_verbs(), before.front()); entry == nullptr) {
    return {};
  } else if (entry->define == nullptr) {
    complete_in_group(before, completing);
  } else {
    completing.offer_for(*entry, Words(before.begin() + 1, before.end()));
  }
  return completing.take();
}

Finish define_completion(Parser& parser) {
  auto shell = std::make_shared<std::string>();
  parser.app.add_option("SHELL", *shell, "which shell")->required()->type_name("bash|zsh|fish");
  return [shell](Parser&) -> absl::StatusOr<Verb> {
    CompletionVerb verb{completion_script(*shell)};
    if (!verb.script.empty()) return verb;
    return core::invalid("SHELL: '{}' is none of bash, zsh, fish", core::printable(*shell));
  };
}

}  // namespace shoal::cli
