// The agent as a daemon of its own: its reactor, and signals.
#include <signal.h>

#include <memory>
#include <utility>

#include "agent/agent.h"
#include "agent/oom_score.h"
#include "net/descriptor_limit.h"
#include "net/log.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"

namespace shoal::agent {
namespace {

void reload(Agent& agent, const AgentOptions& options) {
  const AgentReload told = options.reload();
  net::log_lines(options.log, core::LogModule::kAgent, told.lines);
  if (told.tuning.has_value()) agent.tune(*told.tuning);
}

}  // namespace

absl::Status run_agent(const AgentOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  net::raise_descriptor_limit();  // one for each running task
  protect_from_oom();             // where it may not, its tasks go first all the same
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();

  absl::Status outcome;
  Agent::Hooks hooks;
  hooks.on_stopped = [&](const absl::Status& status) {
    outcome = status;
    (*reactor)->stop();
  };
  auto agent = Agent::create(**reactor, options, std::move(hooks));
  if (!agent.ok()) return agent.status();
  const auto on_signal = [&agent] { (*agent)->shutdown(); };
  auto on_term = net::SignalWatcher::create(**reactor, SIGTERM, on_signal);
  if (!on_term.ok()) return on_term.status();
  auto on_int = net::SignalWatcher::create(**reactor, SIGINT, on_signal);
  if (!on_int.ok()) return on_int.status();
  auto on_usr1 = net::SignalWatcher::create(**reactor, SIGUSR1,
                                            [&agent] { (*agent)->shutdown(OnStop::kKill); });
  if (!on_usr1.ok()) return on_usr1.status();
  std::unique_ptr<net::SignalWatcher> on_hang_up;
  if (options.reload) {
    auto watcher = net::SignalWatcher::create(**reactor, SIGHUP,
                                              [&agent, &options] { reload(**agent, options); });
    if (!watcher.ok()) return watcher.status();
    on_hang_up = *std::move(watcher);
  }
  (*reactor)->run();
  return outcome;
}

}  // namespace shoal::agent
