#include "cli/act.h"

#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/exit_code.h"
#include "cli/log_hub.h"
#include "cli/lookup.h"
#include "cli/output_pump.h"
#include "cli/terminal.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/clock.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

// How long a follower waits for an agent that has gone: what the master grants it.
constexpr core::Duration kAgentPatience = core::kAgentReregisterTimeout;

// Copies one log to stdout from `*offset` on until its end, and counts. CANCELLED when nobody
// reads; ABORTED after Ctrl-C.
absl::Status copy_log(const core::TaskSummary& task, const LogsVerb& verb, std::uint64_t* offset) {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  absl::Status result;
  bool ended = false;
  char last = '\n';  // that was written
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
  request.offset = *offset;
  hub.tail(task.agent_address, request,
           {[&](std::string_view bytes) {
              *offset += bytes.size();
              if (!bytes.empty()) last = bytes.back();
              pump.write(bytes);
              if (pump.is_full()) hub.pause();
            },
            [&](const absl::Status& status) {
              ended = true;
              result = status;
              if (pump.pending() == 0) (*reactor)->stop();
            },
            [&](std::uint64_t bytes) {
              *offset += bytes;
              if (last != '\n') pump.write("\n");  // what follows is another line
              last = '\n';
              say(fmt::format("{} bytes were cut off here: the log is bounded", bytes));
            }});
  (*reactor)->run();
  return result;
}

// The same, and on from there when the agent comes back, at whichever address.
absl::Status follow_log(sdk::OperatorClient& client, core::TaskSummary task, const LogsVerb& verb) {
  std::uint64_t offset = 0;
  std::optional<core::TimePoint> lost_at;
  for (;;) {
    const std::uint64_t before = offset;
    absl::Status status = copy_log(task, verb, &offset);
    if (!absl::IsUnavailable(status) || !verb.follow) return status;
    if (!lost_at.has_value() || offset != before) {
      lost_at = net::monotonic_now();
      say("lost the agent; waiting for it to come back");
    }
    if (net::monotonic_now() - *lost_at > kAgentPatience) return status;
    auto again = find_task(client, fmt::format("{}/{}", core::to_string(task.framework), task.id));
    if (!again.ok()) return again.status();
    task = *std::move(again);
  }
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
  const absl::Status status = follow_log(**client, *task, verb);
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
