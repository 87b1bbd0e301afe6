#include "cli/explain.h"

#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/lookup.h"
#include "cli/suggest.h"
#include "cli/terminal.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

// The id of the one framework that `word` means: an id, or the name of one that has not ended.
absl::StatusOr<core::FrameworkId> find_framework(sdk::OperatorClient& client,
                                                 const std::string& word) {
  if (const auto id = core::parse_framework_id(word); id.ok()) return *id;
  auto view = client.query(core::QueryKind::kFrameworks);
  if (!view.ok()) return view.status();
  std::vector<std::string> names;
  std::vector<core::FrameworkId> found;
  for (const core::FrameworkSummary& framework : view->frameworks) {
    if (framework.state == core::FrameworkState::kCompleted) continue;
    names.push_back(framework.name);
    if (framework.name == word) found.push_back(framework.id);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    std::string message = fmt::format("no framework '{}'", core::printable(word));
    const std::string near = nearest(word, names);
    if (!near.empty()) message += fmt::format("; did you mean '{}'?", core::printable(near));
    return absl::NotFoundError(message);
  }
  std::string message = fmt::format(
      "{} frameworks are called '{}'; say which by its id:", found.size(), core::printable(word));
  for (const core::FrameworkId id : found) message += "\n  " + core::to_string(id);
  return absl::FailedPreconditionError(message);
}

std::string line(std::string_view name, std::string_view value) {
  return fmt::format("{:<11} {}\n", fmt::format("{}:", name), core::printable(value, 1000));
}

}  // namespace

std::string summary_of(const core::Explanation& explanation) {
  if (explanation.agents == 0) return "no agents are registered";
  std::string text =
      fmt::format("{} agent{}", explanation.agents, explanation.agents == 1 ? "" : "s");
  std::string_view separator = ": ";
  for (std::size_t i = 0; i < explanation.counts.size(); ++i) {
    if (explanation.counts[i] == 0) continue;
    text += fmt::format("{}{} {}", separator, explanation.counts[i],
                        core::describe(static_cast<core::ExplainCause>(i)));
    separator = ", ";
  }
  return text;
}

std::string render_explanation(const core::Explanation& explanation) {
  std::string state = explanation.connected ? "connected" : "not connected";
  if (explanation.suppressed) state += ", suppressed";
  std::string text;
  text += line("framework", fmt::format("{} ({})", core::to_string(explanation.framework),
                                        explanation.name.empty() ? "-" : explanation.name));
  text += line("role", explanation.role.empty() ? "all of its roles" : explanation.role);
  text +=
      line("wanted", explanation.wanted.empty() ? "anything" : core::to_string(explanation.wanted));
  text += line("state", state);
  text += line("agents", fmt::format("{}", explanation.agents));
  for (std::size_t i = 0; i < explanation.counts.size(); ++i) {
    if (explanation.counts[i] == 0) continue;
    text += fmt::format("{:>11} {}\n", explanation.counts[i],
                        core::describe(static_cast<core::ExplainCause>(i)));
  }
  text += line("most of all", core::to_string(explanation.largest_total));
  text += line("most free", core::to_string(explanation.largest_free));
  text += line("verdict", explanation.verdict);
  return text;
}

int run_explain(const ExplainVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  const auto framework = find_framework(**client, verb.framework);
  if (!framework.ok()) return report(framework.status());
  core::Explain question;
  question.framework = *framework;
  question.role = verb.role;
  question.resources = verb.resources;
  const auto explanation = (*client)->explain(question);
  if (!explanation.ok()) return report(explanation.status());
  if (!explanation->known) {
    say(fmt::format("no framework '{}'", core::printable(verb.framework)));
    return kExitNotFound;
  }
  return print_output(verb.format == OutputFormat::kTable ? render_explanation(*explanation)
                                                          : to_json(*explanation));
}

}  // namespace shoal::cli
