// Agents as a whole: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/duration.h"
#include "cli/flag_parser.h"

namespace shoal::cli {
namespace {

void add_common(Parser& parser, core::AgentAction action, ManageVerb& verb) {
  verb.action = action;
  add_master_option(parser);
  parser.app.add_option("AGENT", verb.agent, "the agent's id, or its hostname")->required();
}

absl::Status finish_common(ManageVerb& verb, const Parser& parsed) {
  if (auto ok = finish_shared(parsed, &verb.master); !ok.ok()) return ok;
  if (verb.agent.empty()) return core::invalid("AGENT: is empty");
  return absl::OkStatus();
}

Finish define_plain(Parser& parser, core::AgentAction action) {
  auto verb = std::make_shared<ManageVerb>();
  add_common(parser, action, *verb);
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_common(*verb, parsed); !ok.ok()) return ok;
    return *verb;
  };
}

}  // namespace

Finish define_deactivate(Parser& parser) {
  return define_plain(parser, core::AgentAction::kDeactivate);
}

Finish define_reactivate(Parser& parser) {
  return define_plain(parser, core::AgentAction::kReactivate);
}

Finish define_gone(Parser& parser) {
  auto verb = std::make_shared<ManageVerb>();
  add_common(parser, core::AgentAction::kMarkGone, *verb);
  parser.app.add_flag("--force", verb->force, "also an agent that is active, and its tasks");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_common(*verb, parsed); !ok.ok()) return ok;
    return *verb;
  };
}

Finish define_drain(Parser& parser) {
  struct Texts {
    std::string max_grace;
    std::string timeout;
    bool no_wait = false;
  };
  auto verb = std::make_shared<ManageVerb>();
  add_common(parser, core::AgentAction::kDrain, *verb);
  auto texts = std::make_shared<Texts>();
  CLI::App& app = parser.app;
  app.add_option("--max-grace", texts->max_grace,
                 "no task gets longer than this between SIGTERM and SIGKILL (else its own grace)");
  app.add_flag("--mark-gone", verb->mark_gone,
               "when it is drained it is gone for good: killed tasks are TASK_GONE_BY_OPERATOR");
  app.add_flag("--no-wait", texts->no_wait, "end at once, the drain goes on");
  app.add_option("--timeout", texts->timeout, "wait no longer than this; the drain goes on");
  return [verb, texts](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_common(*verb, parsed); !ok.ok()) return ok;
    verb->wait = !texts->no_wait;
    if (!texts->max_grace.empty()) {
      const auto grace = parse_duration(texts->max_grace);
      if (!grace.ok()) return core::invalid("--max-grace: {}", core::message_of(grace.status()));
      verb->max_grace_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*grace).count();
    }
    if (!texts->timeout.empty()) {
      const auto timeout = parse_duration(texts->timeout);
      if (!timeout.ok()) return core::invalid("--timeout: {}", core::message_of(timeout.status()));
      verb->timeout = *timeout;
    }
    return *verb;
  };
}

}  // namespace shoal::cli
