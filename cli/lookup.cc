#include "cli/lookup.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/operate_plan.h"
#include "cli/suggest.h"
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

absl::StatusOr<core::TaskSummary> find_task(sdk::OperatorClient& client, const std::string& name) {
  const absl::Status not_found =
      absl::NotFoundError(fmt::format("no task '{}'", core::printable(name, 200)));
  const std::size_t slash = name.find('/');
  std::string id = name;
  core::FrameworkId framework;
  if (slash != std::string::npos) {
    const auto parsed = core::parse_framework_id(std::string_view(name).substr(0, slash));
    if (!parsed.ok()) return not_found;
    framework = *parsed;
    id = name.substr(slash + 1);
  }
  if (!core::check_name(id, "task id").ok()) return not_found;
  auto view = client.query(core::QueryKind::kTasks, id);
  if (absl::IsNotFound(view.status())) return not_found;
  if (!view.ok()) return view.status();
  std::erase_if(view->tasks, [&](const core::TaskSummary& task) {
    return task.id != id || (framework.valid() && task.framework != framework);
  });
  if (view->tasks.empty()) return not_found;
  if (view->tasks.size() == 1) return std::move(view->tasks.front());
  std::string message =
      fmt::format("{} frameworks have a task '{}'; say which:", view->tasks.size(), id);
  for (const core::TaskSummary& task : view->tasks) {
    message += fmt::format("\n  {}/{}", core::to_string(task.framework), task.id);
  }
  return absl::FailedPreconditionError(message);
}

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

}  // namespace shoal::cli
