#include "cli/manage.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/exit_code.h"
#include "cli/lookup.h"
#include "cli/status_line.h"
#include "cli/terminal.h"
#include "core/status.h"
#include "core/text.h"
#include "net/clock.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::milliseconds kLook{250};

// Ctrl-C, from here on to the end of the program.
class Interrupt {
 public:
  Interrupt() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  }
  ~Interrupt() {
    if (fd_ >= 0) ::close(fd_);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // True when it came within this time.
  bool wait(std::chrono::milliseconds time) const {
    pollfd look{fd_, POLLIN, 0};
    return ::poll(&look, 1, static_cast<int>(time.count())) > 0;
  }

 private:
  int fd_ = -1;
};

std::string name_of(const core::AgentSummary& agent) {
  return fmt::format("{} ({})", core::printable(agent.hostname), core::to_string(agent.id));
}

std::string seconds_since(std::int64_t then_ms, std::int64_t now_ms) {
  return fmt::format("{:.1f} s",
                     static_cast<double>(std::max<std::int64_t>(now_ms - then_ms, 0)) / 1000.0);
}

// Until no task is left on the agent, the user has enough, or the time is up.
int wait_until_drained(sdk::OperatorClient& client, const core::AgentSummary& agent,
                       const ManageVerb& verb, const Interrupt& interrupt) {
  const std::int64_t begin = net::wall_now_ms();
  std::uint32_t most = agent.tasks;
  std::optional<StatusLine> line(std::in_place);
  for (;;) {
    auto view = client.query(core::QueryKind::kAgents, core::to_string(agent.id));
    const bool is_gone = absl::IsNotFound(view.status()) || (view.ok() && view->agents.empty());
    if (!is_gone && !view.ok()) return line.reset(), report(view.status());
    if (is_gone || view->agents[0].mode == core::AgentMode::kDrained) {
      line.reset();
      say(fmt::format("{} is drained{}: {} tasks ended in {}", name_of(agent),
                      is_gone ? " and gone" : "", most, seconds_since(begin, net::wall_now_ms())));
      return kExitOk;
    }
    const core::AgentSummary& present = view->agents[0];
    if (present.mode != core::AgentMode::kDraining) {
      line.reset();
      say(
          fmt::format("{} is no longer draining: the master has forgotten it, or somebody has "
                      "reactivated the agent",
                      name_of(agent)));
      return kExitFailed;
    }
    most = std::max(most, present.tasks);
    line->show(describe_drain(present, most, net::wall_now_ms()));
    if (interrupt.wait(kLook)) {
      line.reset();
      say("the drain goes on; 'shoal agents' shows its state");
      return kExitInterrupted;
    }
    if (verb.timeout.has_value() &&
        net::wall_now_ms() - begin > *verb.timeout / std::chrono::milliseconds(1)) {
      line.reset();
      say(fmt::format("{} tasks are left on {}; the drain goes on", present.tasks, name_of(agent)));
      return kExitTimedOut;
    }
  }
}

std::string_view outcome_of(core::AgentAction action) {
  switch (action) {
    case core::AgentAction::kDeactivate:
      return "is deactivated: nothing of it is offered, its tasks run on";
    case core::AgentAction::kReactivate:
      return "is offered again";
    case core::AgentAction::kDrain:
      return "is draining";
    case core::AgentAction::kMarkGone:
      return "is gone: its tasks are TASK_GONE_BY_OPERATOR, and it may not come back";
  }
  return "";
}

}  // namespace

std::string describe_drain(const core::AgentSummary& agent, std::uint32_t most,
                           std::int64_t now_ms) {
  if (agent.tasks == 0) {
    return fmt::format("draining {}: the last ends are not acknowledged yet, {}",
                       core::printable(agent.hostname),
                       seconds_since(agent.drain.started_ms, now_ms));
  }
  const std::string_view away =
      agent.state == core::AgentState::kActive ? "" : " (the agent is away)";
  return fmt::format("draining {}: {} of {} tasks left{}, {}", core::printable(agent.hostname),
                     agent.tasks, most, away, seconds_since(agent.drain.started_ms, now_ms));
}

int run_manage(const ManageVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  if (!client.ok()) return report(client.status());
  const auto agent = find_agent(**client, verb.agent);
  if (!agent.ok()) return report(agent.status());
  if (verb.action == core::AgentAction::kMarkGone && agent->state == core::AgentState::kActive &&
      !verb.force) {
    say(
        fmt::format("{} is active with {} tasks. 'shoal drain --mark-gone' lets them end first; "
                    "--force writes them off",
                    name_of(*agent), agent->tasks));
    return kExitFailed;
  }
  const Interrupt interrupt;
  const core::ManageAgent wanted{agent->id, verb.action, verb.max_grace_ms, verb.mark_gone};
  const absl::Status status = (*client)->manage_agent(wanted);
  if (!status.ok()) return report(status);
  if (verb.action == core::AgentAction::kDrain && verb.wait) {
    return wait_until_drained(**client, *agent, verb, interrupt);
  }
  say(fmt::format("{} {}", name_of(*agent), outcome_of(verb.action)));
  return kExitOk;
}

}  // namespace shoal::cli
