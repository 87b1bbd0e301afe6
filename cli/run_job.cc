#include "cli/run_job.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/text.h"
#include "net/address.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::milliseconds kSayWhatIsMissing{1000};
constexpr std::chrono::milliseconds kLookAgain{3000};
constexpr std::chrono::milliseconds kAskAfterLaunched{2000};
constexpr int kUnknownEnough = 2;  // an agent that is just back may not have been heard everywhere
constexpr std::chrono::milliseconds kTakeBack{1000};     // filter for offers that are too small
constexpr std::chrono::milliseconds kKillLimit{10'000};  // for ends that never come
constexpr std::uint32_t kMaxAttempts = 10;
// Tasks and their descriptions share one message with a limit; the next offer brings the rest.
constexpr std::size_t kMaxTasksPerOffer = 256;

}  // namespace

RunJob::RunJob(const RunVerb& verb, std::string_view suffix)
    : verb_(verb),
      prefix_(fmt::format("{}-{}", task_prefix(verb.name, verb.command.front()), suffix)),
      demand_{verb.resources, verb.ports, verb.volumes},
      instances_(verb.instances) {
  for (std::uint32_t i = 0; i < verb.instances; ++i) {
    instances_[i].index = i;
    const std::string prefix = verb.instances > 1 ? fmt::format("[{}] ", i) : "";
    for (auto& prefixer : instances_[i].prefixers) {
      prefixer = std::make_unique<LinePrefixer>(prefix);
    }
  }
}

void RunJob::attach(sdk::SchedulerDriver& driver) {
  host_ = &driver;
  driver_ = &driver.session();
  net::Reactor& reactor = driver.reactor();
  logs_ = std::make_unique<LogHub>(reactor);
  const auto on_drained = [this] {
    logs_->resume();
    finish_when_done();
  };
  const auto on_broken = [this](const absl::Status& why) { on_broken_output(why); };
  pumps_[0] = std::make_unique<OutputPump>(reactor, STDOUT_FILENO,
                                           OutputPump::Events{on_drained, on_broken});
  pumps_[1] =
      std::make_unique<OutputPump>(reactor, STDERR_FILENO, OutputPump::Events{on_drained, nullptr});
  wait_timer_ = std::make_unique<net::Timer>(reactor, [this] {
    is_patient_ = false;
    ask_why();
    if (is_waiting()) wait_timer_->start(kLookAgain);
  });
  launched_timer_ = std::make_unique<net::Timer>(reactor, [this] { ask_after_launched(); });
  kill_limit_ = std::make_unique<net::Timer>(reactor, [this] {
    say("some tasks did not end; leaving them to the master");
    leave();
  });
  time_limit_ = std::make_unique<net::Timer>(reactor, [this] {
    say(fmt::format("not done after {}: killing it", duration_to_string(*verb_.timeout)));
    end_all(kExitTimedOut);
  });
  if (verb_.timeout.has_value()) time_limit_->start(*verb_.timeout);
}

void RunJob::detach() {
  for (auto& pump : pumps_) pump.reset();
  for (auto* timer : {&wait_timer_, &launched_timer_, &time_limit_, &kill_limit_}) timer->reset();
  operator_.reset();
  logs_.reset();
}

int RunJob::exit_code() const {
  if (forced_exit_.has_value()) return *forced_exit_;
  for (const Instance& instance : instances_) {
    if (instance.exit_code != 0) return instance.exit_code;
  }
  return kExitOk;
}

std::string RunJob::task_id(const Instance& instance) const {
  std::string id = prefix_;
  if (verb_.instances > 1) id += fmt::format(".{}", instance.index);
  if (instance.attempt > 0) id += fmt::format(".r{}", instance.attempt);
  return id;
}

std::size_t RunJob::pending() const {
  return static_cast<std::size_t>(
      std::count_if(instances_.begin(), instances_.end(),
                    [](const Instance& instance) { return instance.phase == Phase::kPending; }));
}

// --- launching ---

void RunJob::subscribed(sdk::Driver& driver, core::FrameworkId id) {
  (void)id;
  if (was_disconnected_) {
    say("the master is back");
    was_disconnected_ = false;
    driver.reconcile();
    for (Instance& instance : instances_) instance.unknown = 0;
    launched_timer_->start(kAskAfterLaunched);
    if (suppressed_) driver.suppress();
    if (forced_exit_.has_value()) end_all(*forced_exit_);  // the kills may have been lost
  }
  ask_why();  // at once: what can never be is not waited for
  is_patient_ = true;
  wait_timer_->start(kSayWhatIsMissing);
}

void RunJob::offers(sdk::Driver& driver, absl::Span<const sdk::Offer> offers) {
  for (const sdk::Offer& offer : offers) {
    const bool is_wanted = !forced_exit_.has_value() && pending() > 0;
    if (!is_wanted) {
      driver.decline({&offer, 1});
    } else if (!use_offer(offer)) {
      driver.decline({&offer, 1}, kTakeBack);
    }
  }
  if (!suppressed_ && (forced_exit_.has_value() || pending() == 0)) {
    suppressed_ = true;
    driver.suppress();
  }
}

bool RunJob::use_offer(const sdk::Offer& offer) {
  core::Resources free = offer.resources;
  std::vector<sdk::TaskSpec> tasks;
  std::vector<Instance*> launched;
  for (Instance& instance : instances_) {
    if (instance.phase != Phase::kPending) continue;
    const std::optional<core::Resources> taken = take(demand_, free);
    if (!taken.has_value() || tasks.size() >= kMaxTasksPerOffer) break;
    free -= *taken;
    instance.task = task_id(instance);
    tasks.push_back(spec_of(instance, *taken));
    launched.push_back(&instance);
  }
  if (tasks.empty()) return false;
  const absl::Status status = driver_->accept({&offer, 1}, tasks, core::Duration::zero());
  if (!status.ok()) {
    fail(std::string(core::message_of(status)));
    return false;
  }
  logs_->warm(offer.address);
  for (Instance* instance : launched) {
    instance->phase = Phase::kLaunched;
    instance->address = offer.address;
    by_task_[instance->task] = instance->index;
  }
  last_reason_.clear();
  return true;
}

sdk::TaskSpec RunJob::spec_of(const Instance& instance, const core::Resources& resources) const {
  sdk::TaskSpec spec;
  spec.id = instance.task;
  spec.name = task_prefix(verb_.name, verb_.command.front());
  spec.resources = resources;
  wire::TaskDescription& description = spec.description;
  description.command = verb_.command.front();
  description.arguments.assign(verb_.command.begin() + 1, verb_.command.end());
  description.working_directory = verb_.directory;
  description.user = verb_.user;
  description.read_only_paths = verb_.read_only;
  if (verb_.no_network) description.network = wire::TaskNetwork::kNone;
  if (verb_.max_completion_time.has_value()) {
    description.max_completion_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(*verb_.max_completion_time).count();
  }
  description.environment.emplace_back("SHOAL_INSTANCE", fmt::format("{}", instance.index));
  description.environment.emplace_back("SHOAL_INSTANCES", fmt::format("{}", verb_.instances));
  std::uint32_t number = 0;
  const core::Amounts amounts = core::whole(resources);
  for (const core::PortRange& range : amounts.ports.ranges()) {
    for (std::uint32_t port = range.begin; port <= range.end; ++port) {
      const std::string text = fmt::format("{}", port);
      if (number == 0) description.environment.emplace_back("PORT", text);
      description.environment.emplace_back(fmt::format("PORT{}", number++), text);
    }
  }
  // What the user says wins: every name once.
  for (const auto& [name, value] : verb_.environment) {
    std::erase_if(description.environment,
                  [&name = name](const auto& pair) { return pair.first == name; });
    description.environment.emplace_back(name, value);
  }
  return spec;
}

// --- what becomes of them ---

void RunJob::update(sdk::Driver& driver, const sdk::TaskStatus& status) {
  (void)driver;
  const auto found = by_task_.find(status.task);
  if (found == by_task_.end()) return;
  Instance& instance = instances_[found->second];
  if (instance.task != status.task || instance.phase == Phase::kEnded) return;
  const bool is_unknown = status.state == core::TaskState::kUnknown;  // of a reconciliation
  if (is_unknown && ++instance.unknown < kUnknownEnough) return;
  // The update that tells of this end comes too, and says why.
  if (status.is_terminal() && status.reason == core::TaskReason::kReconciliation) return;
  if (status.is_terminal() || is_unknown) {
    const bool was_started = instance.phase == Phase::kStarted;
    if (!forced_exit_.has_value() && is_worth_relaunching(status, was_started) &&
        instance.attempt + 1 < kMaxAttempts) {
      return launch_again(instance, status);
    }
    return on_ended(instance, status);
  }
  if (status.state == core::TaskState::kUnreachable) {
    return say(fmt::format("{}: its agent does not answer; waiting for it", instance.task));
  }
  if (status.state == core::TaskState::kRunning || status.state == core::TaskState::kKilling) {
    instance.phase = Phase::kStarted;
    start_logs(instance);
  }
}

// What was on its way when the master went may have reached nobody. Another master does not know
// it, which it only says when it is asked by name, and not while agents are missing.
void RunJob::ask_after_launched() {
  std::vector<std::string> open;
  for (const Instance& instance : instances_) {
    if (instance.phase == Phase::kLaunched) open.push_back(instance.task);
  }
  if (open.empty()) return;
  driver_->reconcile(open);
  launched_timer_->start(kAskAfterLaunched);
}

void RunJob::launch_again(Instance& instance, const sdk::TaskStatus& status) {
  by_task_.erase(instance.task);
  ++instance.attempt;
  instance.phase = Phase::kPending;
  if (instance.attempt > 2) {
    say(fmt::format("{} was not started ({}); trying again", instance.task,
                    core::printable(status.message, 200)));
  }
  suppressed_ = false;
  driver_->revive();
  is_patient_ = true;
  wait_timer_->start(kSayWhatIsMissing);
}

void RunJob::on_ended(Instance& instance, const sdk::TaskStatus& status) {
  instance.phase = Phase::kEnded;
  instance.exit_code = exit_code_of_task(status);
  const bool ran = status.exit_code.has_value() || status.exit_signal.has_value();
  if (status.reason == core::TaskReason::kAgentDraining) {
    say(fmt::format("{}: an operator drains its agent", instance.task));
  } else if (ran && status.reason == core::TaskReason::kReconciliation && !status.message.empty()) {
    // It ended while this was not connected: the master tells why in words.
    say(fmt::format("{}: {}", instance.task, core::printable(status.message, 1000)));
  }
  if (ran) {
    start_logs(instance);
  } else if (status.state != core::TaskState::kFinished) {
    std::string why(core::name_of(status.state));
    if (!status.message.empty()) why += ": " + core::printable(status.message, 1000);
    say(fmt::format("{}: {}", instance.task, why));
  }
  finish_when_done();
}

void RunJob::start_logs(Instance& instance) {
  if (instance.has_logs) return;
  instance.has_logs = true;
  for (const core::LogStream stream : {core::LogStream::kStdout, core::LogStream::kStderr}) {
    const std::uint32_t index = instance.index;
    const auto which = static_cast<std::size_t>(stream);
    ++instance.open_logs;
    LogHub::Callbacks callbacks;
    callbacks.on_data = [this, index, which](std::string_view bytes) {
      pumps_[which]->write(instances_[index].prefixers[which]->add(bytes));
      if (pumps_[which]->is_full()) logs_->pause();
    };
    callbacks.on_gap = [this, index, which](std::uint64_t bytes) {
      pumps_[which]->write(instances_[index].prefixers[which]->finish());
      say(fmt::format("{}: {} bytes were cut off here: the log is bounded", instances_[index].task,
                      bytes));
    };
    callbacks.on_end = [this, index, stream](const absl::Status& status) {
      on_log_end(index, stream, status);
    };
    logs_->tail(instance.address, {driver_->framework_id(), instance.task, stream, 0, true},
                std::move(callbacks));
  }
}

void RunJob::on_log_end(std::uint32_t index, core::LogStream stream, const absl::Status& status) {
  Instance& instance = instances_[index];
  const auto which = static_cast<std::size_t>(stream);
  --instance.open_logs;
  pumps_[which]->write(instance.prefixers[which]->finish());
  if (absl::IsUnavailable(status) && instance.phase != Phase::kEnded) {
    if (instance.open_logs == 0) {
      say(fmt::format("{}: lost its agent; waiting to hear what became of it", instance.task));
    }
  } else if (!status.ok()) {
    say(fmt::format("{}: the rest of its {} is not to be had: {}", instance.task,
                    stream == core::LogStream::kStdout ? "output" : "stderr",
                    core::message_of(status)));
  }
  finish_when_done();
}

// --- the end ---

void RunJob::finish_when_done() {
  const bool done = std::all_of(instances_.begin(), instances_.end(), [](const Instance& each) {
    return each.phase == Phase::kEnded && each.open_logs == 0;
  });
  if (!done) return;
  for (const auto& pump : pumps_) {
    if (pump->pending() > 0 && !pump->is_broken()) return;  // on_drained comes back here
  }
  leave();
}

void RunJob::leave() {
  if (left_) return;
  left_ = true;
  driver_->teardown();
}

void RunJob::end_all(int exit_code) {
  forced_exit_ = exit_code;
  for (Instance& instance : instances_) {
    if (instance.phase == Phase::kPending) {
      instance.phase = Phase::kEnded;
    } else if (instance.phase != Phase::kEnded) {
      driver_->kill(instance.task);
    }
  }
  if (!kill_limit_->is_active()) kill_limit_->start(kKillLimit);
  finish_when_done();
}

void RunJob::fail(const std::string& message) {
  say(message);
  end_all(kExitFailed);
}

void RunJob::on_signal(std::string_view name, int exit_code) {
  if (forced_exit_.has_value()) return leave();
  const auto running = std::count_if(instances_.begin(), instances_.end(), [](const auto& each) {
    return each.phase == Phase::kLaunched || each.phase == Phase::kStarted;
  });
  if (running > 0) {
    say(fmt::format("{}: killing {} task{} (again to leave at once)", name, running,
                    running == 1 ? "" : "s"));
  }
  end_all(exit_code);
}

void RunJob::on_broken_output(const absl::Status& why) {
  if (forced_exit_.has_value()) return finish_when_done();
  if (absl::IsCancelled(why)) return end_all(kExitOk);  // `| head` has seen enough
  fail(std::string(core::message_of(why)));
}

void RunJob::disconnected(sdk::Driver& driver) {
  (void)driver;
  was_disconnected_ = true;
  say(fmt::format("lost the master at {}; trying to come back", verb_.master));
}

void RunJob::refused(sdk::Driver& driver, core::RefusalCode code, std::string_view message) {
  (void)driver;
  // A late offer: updates of the dropped tasks follow. A task to kill that ended meanwhile.
  if (code == core::RefusalCode::kInvalidOffer || code == core::RefusalCode::kNotFound) return;
  if (forced_exit_.has_value()) return;
  fail(fmt::format("the master refused: {}", core::printable(message, 1000)));
}

// --- waiting ---

void RunJob::ask_why() {
  if (!is_waiting()) return;
  // A master that cannot say leaves us waiting without a word.
  driver_->explain(demand_.scalars, verb_.role).IgnoreError();
}

void RunJob::explanation(sdk::Driver& driver, const core::Explanation& explanation) {
  (void)driver;
  if (!is_waiting()) return;
  const WaitReason reason = explain_wait(demand_, explanation);
  const bool any_launched = pending() < instances_.size();
  if (reason.never && !verb_.wait && !any_launched) {
    return fail(fmt::format("{} (--wait waits for another agent)", reason.text));
  }
  if (is_patient_) return;
  const bool has_parts = demand_.ports > 0 || !demand_.volumes.empty();
  if (has_parts && has_room(explanation)) return ask_for_parts(reason.text);
  say_waiting(reason.text);
}

void RunJob::ask_for_parts(const std::string& otherwise) {
  if (operator_ == nullptr || operator_->has_failed()) {
    const auto masters = net::parse_master_list(verb_.master);
    if (!masters.ok()) return;
    operator_ = std::make_unique<sdk::OperatorConnection>(host_->reactor(), *masters);
  }
  operator_->query(core::QueryKind::kAgents, "",
                   [this, otherwise](const absl::StatusOr<core::ClusterView>& view) {
                     if (!view.ok() || !is_waiting()) return;
                     const std::string parts = explain_parts(demand_, view->agents);
                     say_waiting(parts.empty() ? otherwise : parts);
                   });
}

void RunJob::say_waiting(const std::string& reason) {
  if (reason == last_reason_) return;
  last_reason_ = reason;
  say(fmt::format("waiting for {}: {}", to_string(demand_), reason));
}

}  // namespace shoal::cli
