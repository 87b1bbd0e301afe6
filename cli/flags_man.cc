// Pages of the manual.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/exit_code.h"
#include "cli/flag_parser.h"
#include "cli/flags.h"
#include "cli/man.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "core/limits.h"

namespace shoal::cli {
namespace {

// Text as it is: nothing in it is a request or an escape.
std::string troff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    at_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
  }
  return out;
}

std::string page_name(std::string_view verb) {
  std::string name = "shoal-" + std::string(verb);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string head(std::string_view name, std::string_view about) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return fmt::format(".TH {} 1 \"\" \"shoal {}\" \"Shoal\"\n.SH NAME\n{} \\- {}\n", troff(upper),
                     troff(version_info().version), troff(name), troff(about));
}

// A verb or action with one line about it, for a list.
std::string entry_line(const VerbEntry& entry) {
  return fmt::format(".TP\n.B shoal {}\n{}\n", troff(entry.name), troff(entry.about));
}

std::string describe(const CLI::Option& option) {
  std::string names;
  if (option.get_positional()) {
    names = fmt::format("\\fI{}\\fR", troff(option.get_name(true)));
  }
  for (const std::string& name : option.get_snames()) {
    names += fmt::format("\\fB\\-{}\\fR, ", troff(name));
  }
  for (const std::string& name : option.get_lnames()) {
    names += fmt::format("\\fB\\-\\-{}\\fR", troff(name));
  }
  if (!option.get_positional() && option.get_items_expected_max() > 0) {
    names += fmt::format(" \\fI{}\\fR", troff(option.get_type_name()));
  }
  std::string about = option.get_description();
  if (option.get_required()) about += "; required";
  if (!option.get_default_str().empty()) {
    about += fmt::format("; by default {}", option.get_default_str());
  }
  return fmt::format(".TP\n{}\n{}\n", names, troff(about));
}

std::string examples(std::string_view text) {
  return fmt::format(".SH EXAMPLES\n.nf\n{}\n.fi\n", troff(text));
}

std::string main_page() {
  std::string text = head("shoal", "a cluster manager in one binary");
  text += ".SH SYNOPSIS\n.B shoal\n.I VERB\n[OPTIONS]\n.SH VERBS\n";
  for (const VerbEntry& entry : all_verbs()) text += entry_line(entry);
  const std::string about = overview();
  text += fmt::format(".SH NOTES\n.nf\n{}.fi\n", troff(about.substr(about.rfind("\n\n") + 2)));
  return text;
}

std::string group_page(const VerbEntry& group) {
  std::string text = head(page_name(group.name), group.about);
  text += fmt::format(".SH SYNOPSIS\n.B shoal {}\n.I ACTION\n[OPTIONS]\n.SH ACTIONS\n",
                      troff(group.name));
  for (const VerbEntry& entry : all_actions()) {
    if (is_action_of(entry, group.name)) text += entry_line(entry);
  }
  return text;
}

std::string verb_page(const VerbEntry& entry) {
  CLI::App app;
  app.set_help_flag("-h,--help", "this text");
  Parser parser(app, fmt::format("127.0.0.1:{}", core::kDefaultMasterPort));
  const Finish unused = entry.define(parser);
  std::string text = head(page_name(entry.name), entry.about);
  text += fmt::format(".SH SYNOPSIS\n.B shoal {}\n[OPTIONS]\n", troff(entry.name));
  std::string options;
  for (const CLI::Option* option : app.get_options()) {
    options += describe(*option);
    if (!option->get_positional()) continue;
    const std::string name = troff(option->get_name(true));
    text += option->get_required() ? fmt::format("\\fI{}\\fR\n", name)
                                   : fmt::format("[\\fI{}\\fR]\n", name);
  }
  text += ".SH OPTIONS\n" + options + examples(entry.example);
  return text + ".SH SEE ALSO\n.BR shoal (1)\n";
}

}  // namespace

std::vector<std::string> man_page_names() {
  std::vector<std::string> names = {"shoal"};
  for (const VerbEntry& entry : all_verbs()) {
    if (entry.name != "help") names.push_back(page_name(entry.name));
  }
  for (const VerbEntry& entry : all_actions()) names.push_back(page_name(entry.name));
  return names;
}

std::string man_page(std::string_view name) {
  if (name == "shoal") return main_page();
  for (const VerbEntry& entry : all_actions()) {
    if (page_name(entry.name) == name) return verb_page(entry);
  }
  for (const VerbEntry& entry : all_verbs()) {
    if (entry.name == "help" || page_name(entry.name) != name) continue;
    return entry.define == nullptr ? group_page(entry) : verb_page(entry);
  }
  return "";
}

int run_man(const std::vector<std::string>& words) {
  std::string text;
  if (words.empty()) {
    for (const std::string& name : man_page_names()) text += name + "\n";
    return print_output(text);
  }
  text = man_page(words.front());
  if (!text.empty()) return print_output(text);
  say(fmt::format("no page '{}'", core::printable(words.front())));
  return kExitUsage;
}

}  // namespace shoal::cli
