// What may be waited for: words to options.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "cli/duration.h"
#include "cli/flag_parser.h"
#include "cli/suggest.h"
#include "cli/wait.h"

namespace shoal::cli {
namespace {

absl::StatusOr<std::vector<std::string>> parse_states(WaitVerb::Kind kind,
                                                      const std::string& text) {
  const std::vector<std::string> known = states_to_wait_for(kind);
  std::vector<std::string> states;
  for (const std::string_view part : core::split(text, ',')) {
    const std::string word = state_word(core::strip(part));
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      const std::string near = nearest(word, known);
      return core::invalid("--for: '{}' is none of {}{}", core::printable(part),
                           fmt::join(known, ", "),
                           near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    states.push_back(word);
  }
  return states;
}

Finish define_wait(Parser& parser, WaitVerb::Kind kind, const char* argument, const char* about) {
  struct Texts {
    WaitVerb verb;
    std::string states;
    std::string timeout;
  };
  auto texts = std::make_shared<Texts>();
  texts->verb.kind = kind;
  add_master_option(parser);
  parser.app.add_option(argument, texts->verb.name, about)->required();
  parser.app.add_option("--for", texts->states, "the state to wait for, or several between commas")
      ->required()
      ->type_name(fmt::format("{}", fmt::join(states_to_wait_for(kind), "|")));
  parser.app.add_option("--timeout", texts->timeout, "wait no longer than this, and end with 6");
  return [texts, argument](Parser& parsed) -> absl::StatusOr<Verb> {
    WaitVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
    if (verb.name.empty()) return core::invalid("{}: is empty", argument);
    auto states = parse_states(verb.kind, texts->states);
    if (!states.ok()) return states.status();
    verb.states = *std::move(states);
    if (texts->timeout.empty()) return verb;
    const auto timeout = parse_duration(texts->timeout);
    if (!timeout.ok()) return core::invalid("--timeout: {}", core::message_of(timeout.status()));
    verb.timeout = *timeout;
    return verb;
  };
}

}  // namespace

Finish define_wait_task(Parser& parser) {
  return define_wait(parser, WaitVerb::Kind::kTask, "TASK", "the task's id, or FRAMEWORK/TASK");
}

Finish define_wait_agent(Parser& parser) {
  return define_wait(parser, WaitVerb::Kind::kAgent, "AGENT", "the agent's id, or its hostname");
}

Finish define_wait_framework(Parser& parser) {
  return define_wait(parser, WaitVerb::Kind::kFramework, "FRAMEWORK",
                     "the framework's id, or its name");
}

}  // namespace shoal::cli
