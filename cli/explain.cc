#include "cli/explain.h"

#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/lookup.h"
#include "cli/terminal.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

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
