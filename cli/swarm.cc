#include "cli/swarm.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "bench/load/swarm.h"
#include "cli/exit_code.h"
#include "cli/scenario_file.h"
#include "cli/terminal.h"
#include "core/status.h"
#include "net/clock.h"
#include "net/descriptor_limit.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"
#include "net/timer.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr std::size_t kMaxScenarioFile = 1 << 20;
constexpr int kLooksPerLine = 10;        // on a terminal, and as JSON: a line a second
constexpr int kLooksPerPlainLine = 100;  // in a log: every ten seconds

class SwarmRun {
 public:
  explicit SwarmRun(SwarmVerb verb) : verb_(std::move(verb)), began_(net::monotonic_now()) {}
  int run();

 private:
  void look();
  void stop();
  void on_all_registered();
  void show_line();
  std::string phase() const;
  double seconds() const {
    return std::chrono::duration<double>(net::monotonic_now() - began_).count();
  }
  std::string json() const;

  const SwarmVerb verb_;
  const core::TimePoint began_;
  const bool is_live_ = ::isatty(STDERR_FILENO) == 1;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<load::Swarm> swarm_;
  load::SwarmTotals totals_;
  load::SwarmTotals before_;  // a line ago
  double line_at_ = 0;
  double registered_in_ = 0;  // seconds; 0: not yet
  int looks_ = 0;
  int exit_code_ = kExitOk;
};

int SwarmRun::run() {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) {
    say(core::message_of(reactor.status()));
    return kExitFailed;
  }
  reactor_ = *std::move(reactor);
  const auto stop = [this] { this->stop(); };
  auto on_int = net::SignalWatcher::create(*reactor_, SIGINT, stop);
  auto on_term = net::SignalWatcher::create(*reactor_, SIGTERM, stop);
  if (!on_int.ok() || !on_term.ok()) {
    say("cannot watch signals");
    return kExitFailed;
  }
  auto swarm = load::Swarm::create(verb_.options);
  if (!swarm.ok()) {
    say(core::message_of(swarm.status()));
    return absl::IsInvalidArgument(swarm.status()) ? kExitUsage : kExitFailed;
  }
  swarm_ = *std::move(swarm);
  net::Timer timer(*reactor_, [this] { look(); });
  timer.start_repeating(kLook);
  if (const absl::Status ran = swarm_->run(*reactor_); !ran.ok()) {
    say(core::message_of(ran));
    return kExitFailed;
  }
  if (is_live_) write_fully(STDERR_FILENO, "\r\033[K").IgnoreError();
  say(fmt::format("{} of {} agents were registered, {} tasks ran, {} sessions were lost",
                  totals_.registered, verb_.options.agents, totals_.tasks_started, totals_.lost));
  if (verb_.format != OutputFormat::kJson) return exit_code_;
  const int printed = print_output(json());
  return exit_code_ != kExitOk ? exit_code_ : printed;
}

void SwarmRun::stop() {
  totals_ = swarm_->totals();
  swarm_->stop();
}

void SwarmRun::look() {
  totals_ = swarm_->totals();
  if (registered_in_ == 0 && totals_.registered >= verb_.options.agents) on_all_registered();
  const load::Scenario& scenario = verb_.options.scenario;
  if (!scenario.empty() && net::monotonic_now() - began_ >= scenario.duration()) return stop();
  if (totals_.gave_up == verb_.options.agents) {
    exit_code_ = kExitFailed;
    return stop();
  }
  const bool is_often = is_live_ || verb_.format == OutputFormat::kJsonLines;
  if (++looks_ % (is_often ? kLooksPerLine : kLooksPerPlainLine) == 0) show_line();
}

void SwarmRun::on_all_registered() {
  registered_in_ = seconds();
  if (is_live_) write_fully(STDERR_FILENO, "\r\033[K").IgnoreError();
  say(fmt::format("{} agents registered in {:.1f} s", totals_.registered, registered_in_));
  if (verb_.ready_file.empty()) return;
  const absl::Status written = net::write_file_atomically(verb_.ready_file, json());
  if (written.ok()) return;
  say(core::message_of(written));
  exit_code_ = kExitFailed;
  stop();
}

void SwarmRun::show_line() {
  const double now = seconds();
  const double past = now - std::exchange(line_at_, now);
  const auto started = static_cast<double>(totals_.tasks_started - before_.tasks_started);
  before_ = totals_;
  if (verb_.format == OutputFormat::kJsonLines) return write_fully(1, json()).IgnoreError();
  if (verb_.format == OutputFormat::kJson && !is_live_) return;
  const std::string line = fmt::format(
      "{}{}/{} agents, {} tasks, {:.0f} launches/s, {} sessions lost", phase(), totals_.registered,
      verb_.options.agents, totals_.tasks, started / past, totals_.lost);
  if (!is_live_) return say(line);
  write_fully(STDERR_FILENO, fmt::format("\r\033[K{}", line)).IgnoreError();
}

// "ramp: "; nothing without a scenario.
std::string SwarmRun::phase() const {
  const load::Scenario& scenario = verb_.options.scenario;
  const std::size_t at = scenario.phase_at(net::monotonic_now() - began_);
  return at < scenario.phases.size() ? scenario.phases[at].name + ": " : "";
}

std::string SwarmRun::json() const {
  return fmt::format(
      "{{\"seconds\":{:.3f},\"agents\":{},\"registered\":{},\"register_s\":{:.3f},"
      "\"registrations\":{},\"lost\":{},\"gave_up\":{},\"failures\":{},\"disconnects\":{},"
      "\"tasks\":{},\"tasks_started\":{},\"tasks_ended\":{},\"pid\":{}}}\n",
      seconds(), verb_.options.agents, totals_.registered, registered_in_, totals_.registrations,
      totals_.lost, totals_.gave_up, totals_.failures, totals_.disconnects, totals_.tasks,
      totals_.tasks_started, totals_.tasks_ended, ::getpid());
}

}  // namespace

int run_swarm(const SwarmVerb& asked) {
  net::raise_descriptor_limit();  // one for each agent of a thread
  SwarmVerb verb = asked;
  if (!verb.scenario_file.empty()) {
    const auto text = net::read_whole_file(verb.scenario_file, kMaxScenarioFile);
    if (!text.ok()) {
      say(fmt::format("--scenario: {}", core::message_of(text.status())));
      return kExitUsage;
    }
    auto scenario = parse_scenario(*text);
    if (!scenario.ok()) {
      say(fmt::format("--scenario: {}:\n{}", verb.scenario_file,
                      core::message_of(scenario.status())));
      return kExitUsage;
    }
    verb.options.scenario = *std::move(scenario);
    verb.options.agents = verb.options.scenario.most_agents();
  }
  return SwarmRun(std::move(verb)).run();
}

}  // namespace shoal::cli
