#include "cli/lookup.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/operate_plan.h"
#include "cli/terminal.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {

int report(const absl::Status& status) {
  say(core::message_of(status));
  return exit_code_of(status);
}

absl::StatusOr<core::AgentSummary> find_agent(sdk::OperatorClient& client,
                                              const std::string& word) {
  const bool is_id = core::parse_agent_id(word).ok();
  auto view = client.query(core::QueryKind::kAgents, is_id ? word : "");
  if (!view.ok() && !absl::IsNotFound(view.status())) return view.status();
  if (!is_id) {
    return choose_agent(view.ok() ? view->agents : std::vector<core::AgentSummary>(), word);
  }
  if (view.ok() && !view->agents.empty()) return std::move(view->agents.front());
  return absl::NotFoundError(fmt::format("no agent '{}'", core::printable(word)));
}

}  // namespace shoal::cli
