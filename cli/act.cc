#include "cli/act.h"

#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "cli/exit_code.h"
#include "cli/log_hub.h"
#include "cli/lookup.h"
#include "cli/output_pump.h"
#include "cli/terminal.h"
#include "core/status.h"
#include "core/text.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

// The one task that `name` means: an id, or FRAMEWORK/ID. Errors: NOT_FOUND, FAILED_PRECONDITION
// when several frameworks have a task of that id.
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

// Copies one log to stdout until its end. CANCELLED when nobody reads; ABORTED after Ctrl-C.
absl::Status copy_log(const core::TaskSummary& task, const LogsVerb& verb) {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  absl::Status result;
  bool ended = false;
  const auto stop = [&](const absl::Status& status) {
    result = status;
    (*reactor)->stop();
  };
  LogHub hub(**reactor);
  OutputPump pump(**reactor, STDOUT_FILENO,
                  {[&] {
                     hub.resume();
                     if (ended) (*reactor)->stop();
                   },
                   [&](const absl::Status& why) { stop(why); }});
  auto interrupted = net::SignalWatcher::create(**reactor, SIGINT,
                                                [&] { stop(absl::AbortedError("interrupted")); });
  sdk::LogRequest request;
  request.framework = task.framework;
  request.task = task.id;
  request.stream = verb.from_stderr ? core::LogStream::kStderr : core::LogStream::kStdout;
  request.follow = verb.follow;
  hub.tail(task.agent_address, request,
           {[&](std::string_view bytes) {
              pump.write(bytes);
              if (pump.is_full()) hub.pause();
            },
            [&](const absl::Status& status) {
              ended = true;
              result = status;
              if (pump.pending() == 0) (*reactor)->stop();
            }});
  (*reactor)->run();
  return result;
}

}  // namespace

int run_logs(const LogsVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  const auto task = find_task(**client, verb.task);
  if (!task.ok()) return report(task.status());
  if (task->agent_address.empty()) {
    say(fmt::format("'{}' has no log: it never reached an agent, or the agent serves none",
                    task->id));
    return kExitNotFound;
  }
  const absl::Status status = copy_log(*task, verb);
  if (status.ok() || absl::IsCancelled(status)) return kExitOk;
  if (absl::IsAborted(status)) return kExitInterrupted;
  say(core::message_of(status));
  // Only the master's absence is "unreachable" to a script.
  return absl::IsNotFound(status) ? kExitNotFound : kExitFailed;
}

int run_kill(const KillVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  const auto task = find_task(**client, verb.task);
  if (!task.ok()) return report(task.status());
  if (core::is_terminal(task->state)) {
    say(fmt::format("'{}' has ended already ({})", task->id, core::name_of(task->state)));
    return kExitOk;
  }
  const absl::Status status = (*client)->kill(task->framework, task->id, verb.grace_ms);
  if (!status.ok()) return report(status);
  say(fmt::format("'{}' is asked to end", task->id));
  return kExitOk;
}

int run_teardown(const TeardownVerb& verb) {
  const auto framework = core::parse_framework_id(verb.framework);
  if (!framework.ok()) {
    say(core::message_of(framework.status()));
    return kExitUsage;
  }
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  const absl::Status status = (*client)->teardown(*framework);
  if (!status.ok()) return report(status);
  say(fmt::format("{} is ended", verb.framework));
  return kExitOk;
}

}  // namespace shoal::cli
