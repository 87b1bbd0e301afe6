#include "agent/executor.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "agent/errno_status.h"
#include "agent/oom_score.h"
#include "agent/sandbox.h"
#include "agent/supervisor/record.h"
#include "agent/volumes.h"
#include "core/status.h"
#include "core/trace_id.h"
#include "net/clock.h"
#include "net/fd_watcher.h"

namespace shoal::agent {

namespace {

constexpr std::chrono::milliseconds kSearchPause{20};
constexpr int kMaxSearches = 50;
constexpr int kLastWaitMs = 3000;  // a supervisor needs a second at most after SIGUSR1
constexpr std::uint32_t kMaxListedPorts = 256;

// Also the reserved ones: to the task a port is a port.
core::PortSet all_ports(const core::Resources& resources) {
  core::PortSet ports = resources.ports;
  for (const core::Lot& lot : resources.lots) ports.add(lot.amounts.ports);
  return ports;
}

// Without a user it stays the agent's own.
absl::Status give_to(const std::optional<TaskUser>& user, const Sandbox& sandbox) {
  if (!user.has_value()) return absl::OkStatus();
  for (const UniqueFd* each : {&sandbox.directory, &sandbox.stdout_file, &sandbox.stderr_file}) {
    if (::fchown(each->get(), user->uid, user->groups.front()) != 0) {
      return errno_status(errno, fmt::format("giving {} to {}", sandbox.path, user->name));
    }
  }
  return absl::OkStatus();
}

// As the first process of a container the agent inherits what killed supervisors leave.
void reap_inherited() {
  if (::getpid() != 1) return;
  for (const pid_t pid : all_processes()) {
    const auto stat = read_proc_stat(pid);
    if (stat && stat->parent == 1 && stat->ended()) ::waitpid(pid, nullptr, WNOHANG);
  }
}

}  // namespace

// What is made before a supervisor is started. The disk's until on_prepared().
struct ProcessExecutor::Preparation {
  RunId id;
  core::Resources resources;
  std::optional<TaskUser> user;  // none: the agent's own
  wire::TaskDescription wishes;  // read_only_paths and network of the task's description
  wire::ByteVector record;
  SpawnRequest spawn;
  // What came of it.
  absl::Status outcome;
  Sandbox sandbox;
  CheckpointFiles files;
  core::Duration took{};
};

// What is done when a supervisor has ended. The disk's until on_buried().
struct ProcessExecutor::Burial {
  RunId id;
  const UniqueFd* pidfd = nullptr;
  // What came of it.
  absl::StatusOr<ExitRecord> exit = absl::UnknownError("not read");
};

struct ProcessExecutor::Run {
  core::FrameworkId framework;
  RunId id;
  std::unique_ptr<Preparation> preparation;  // until it has a supervisor
  std::unique_ptr<Burial> burial;            // since it has none any more
  bool is_doomed = false;                    // killed before it was started
  Supervised supervised;
  std::unique_ptr<net::FdWatcher> report_watcher;  // of supervised.report: goes before it
  std::unique_ptr<net::FdWatcher> end_watcher;     // of supervised.process.pidfd
  bool is_started = false;                         // on_started() was called, or is not due
  core::TimePoint launched_at;                     // when launch() was called
  std::optional<std::string> failure;              // why it could not be started
  bool is_unheard = false;                         // its supervisor has ended without a word
  int searches = 0;

  TaskKey key() const { return {framework, id.task_id}; }
  const UniqueFd& pidfd() const { return supervised.process.pidfd; }
  bool has_supervisor() const { return pidfd().valid(); }
};

std::string ports_text(const core::PortSet& ports) {
  const bool listed = ports.count() <= kMaxListedPorts;
  std::string text;
  for (const core::PortRange& range : ports.ranges()) {
    if (!listed) {
      text += fmt::format("{}{}-{}", text.empty() ? "" : ",", range.begin, range.end);
      continue;
    }
    for (std::uint32_t port = range.begin; port <= range.end; ++port) {
      text += fmt::format("{}{}", text.empty() ? "" : ",", port);
    }
  }
  return text;
}

absl::StatusOr<std::unique_ptr<ProcessExecutor>> ProcessExecutor::create(
    net::Reactor& reactor, ExecutorEvents* events, ProcessExecutorOptions options) {
  auto spawner = Spawner::create(options.supervisor);
  if (!spawner.ok()) return spawner.status();
  return std::unique_ptr<ProcessExecutor>(
      new ProcessExecutor(reactor, events, std::move(options), *std::move(spawner)));
}

ProcessExecutor::ProcessExecutor(net::Reactor& reactor, ExecutorEvents* events,
                                 ProcessExecutorOptions options, Spawner spawner)
    : reactor_(reactor),
      events_(events),
      options_(std::move(options)),
      spawner_(std::move(spawner)),
      boot_id_(read_boot_id()),
      random_(options_.seed),
      search_timer_(reactor, [this] { search(); }),
      disk_(reactor) {
  hook_ = reactor_.at_turn_end([this] { tell_failures(); });
}

ProcessExecutor::~ProcessExecutor() {
  reactor_.remove_hook(hook_);
  const bool has_cgroups =
      options_.isolation != nullptr && options_.isolation->cgroups() != nullptr;
  if (has_cgroups && runs_.empty()) options_.isolation->cgroups()->close();
}

// --- starting ---

void ProcessExecutor::launch(const LaunchRequest& request) {
  const absl::Status admitted = runs_.contains({request.framework, request.task})
                                    ? absl::AlreadyExistsError("the task has a process")
                                    : admit(request);
  if (admitted.ok()) return;
  counters_.failed.add();
  reactor_.run_again();
  failures_.push_back(
      {request.framework, std::string(request.task), std::string(core::message_of(admitted))});
}

// Everything that needs no disk.
absl::Status ProcessExecutor::admit(const LaunchRequest& request) {
  const auto user = user_of(request);
  if (!user.ok()) return user.status();
  auto record = encode_task_record(request, boot_id_);
  if (!record.ok()) return record.status();
  auto run = std::make_unique<Run>();
  run->launched_at = net::monotonic_now();
  run->framework = request.framework;
  run->id = {core::to_string(request.framework), std::string(request.task),
             core::to_string(core::draw_uuid(random_))};
  auto preparation = std::make_unique<Preparation>();
  preparation->id = run->id;
  preparation->resources = request.resources;
  if (*user != nullptr) preparation->user = **user;
  preparation->wishes.read_only_paths = request.description.read_only_paths;
  preparation->wishes.network = request.description.network;
  preparation->record = *std::move(record);
  preparation->spawn = describe(request, run->id, sandbox_path(options_.data_dir, run->id), *user);
  run->preparation = std::move(preparation);
  records_[{run->framework, run->id.task_id}].push_back(run->id);
  disk_.add([this, work = run->preparation.get()] { prepare(*work); },
            [this, ready = run.get()] { on_prepared(*ready); });
  const TaskKey key = run->key();
  runs_.emplace(key, std::move(run));
  return absl::OkStatus();
}

// On the pool: reads nothing of the executor that ever changes.
void ProcessExecutor::prepare(Preparation& preparation) const {
  const core::TimePoint begin = net::monotonic_now();
  preparation.outcome = [&]() -> absl::Status {
    auto sandbox = create_sandbox(options_.data_dir, preparation.id);
    if (!sandbox.ok()) return sandbox.status();
    preparation.sandbox = *std::move(sandbox);
    const TaskUser* user = preparation.user.has_value() ? &*preparation.user : nullptr;
    absl::Status done = link_volumes(options_.data_dir, preparation.sandbox.directory.get(),
                                     preparation.resources, user);
    if (done.ok()) done = give_to(preparation.user, preparation.sandbox);
    if (done.ok()) done = apply_wishes(preparation);
    if (!done.ok()) return done;
    // Before anything is started: what runs is on record.
    auto files = write_checkpoint(options_.data_dir, preparation.id, preparation.record);
    if (!files.ok()) return files.status();
    preparation.files = *std::move(files);
    preparation.spawn.settings.push_back(oom_setting_of(own_oom_score()));
    const auto error = Spawner::find_program(preparation.spawn);
    return error.has_value() ? absl::InternalError(error->message) : absl::OkStatus();
  }();
  preparation.took = net::monotonic_now() - begin;
}

void ProcessExecutor::on_prepared(Run& run) {
  const absl::Status started = start(run);
  run.preparation.reset();
  if (started.ok()) return;
  counters_.failed.add();
  const auto node = runs_.extract(run.key());  // first: the callback may launch
  events_->on_failed(run.framework, run.id.task_id, core::message_of(started));
}

absl::Status ProcessExecutor::start(Run& run) {
  Preparation& ready = *run.preparation;
  counters_.files.observe(ready.took);
  if (!ready.outcome.ok()) return ready.outcome;
  if (run.is_doomed) return absl::CancelledError("killed before it was started");
  options_.on_checkpoint(std::move(ready.files));
  ready.spawn.stdout_fd = ready.sandbox.stdout_file.get();
  ready.spawn.stderr_fd = ready.sandbox.stderr_file.get();
  const core::TimePoint begin = net::monotonic_now();
  SpawnResult result = spawner_.spawn(ready.spawn);
  counters_.spawn.observe(net::monotonic_now() - begin);
  if (!result.ok()) return absl::InternalError(result.error.message);
  run.supervised = *std::move(result.supervised);
  absl::Status watched = watch(run);
  // It cannot be followed: it must not run. Its end is nobody's business.
  if (!watched.ok()) (void)send_signal(run.pidfd(), SIGUSR1);
  return watched;
}

SpawnRequest ProcessExecutor::describe(const LaunchRequest& request, const RunId& id,
                                       const std::string& sandbox, const TaskUser* user) const {
  const wire::TaskDescription& task = request.description;
  SpawnRequest spawn;
  spawn.shell = task.shell;
  spawn.arguments.push_back(task.command);
  spawn.arguments.insert(spawn.arguments.end(), task.arguments.begin(), task.arguments.end());
  spawn.working_directory = task.working_directory.empty() ? sandbox
                            : task.working_directory.front() == '/'
                                ? task.working_directory
                                : fmt::format("{}/{}", sandbox, task.working_directory);
  spawn.environment.emplace_back("HOME", sandbox);
  if (user != nullptr) spawn.environment.emplace_back("USER", user->name);
  spawn.environment.emplace_back("TRACEPARENT", core::trace_parent(request.framework, id.task_id));
  spawn.environment.insert(spawn.environment.end(), task.environment.begin(),
                           task.environment.end());
  // After the task's own: these are true. agent/leftovers.h finds processes by them.
  spawn.environment.emplace_back("SHOAL_TASK_ID", id.task_id);
  spawn.environment.emplace_back("SHOAL_FRAMEWORK_ID", id.framework_id);
  spawn.environment.emplace_back("SHOAL_AGENT_ID", core::to_string(request.agent));
  spawn.environment.emplace_back("SHOAL_SANDBOX", sandbox);
  spawn.environment.emplace_back("SHOAL_PORTS", ports_text(all_ports(request.resources)));
  spawn.task_uuid = id.run_uuid;
  spawn.run_folder = run_folder(options_.data_dir, id);
  spawn.boot_id = boot_id_;
  if (options_.isolation != nullptr) {
    options_.isolation->apply(id.run_uuid, request.resources, user, &spawn);
  }
  return spawn;
}

absl::Status ProcessExecutor::apply_wishes(Preparation& preparation) const {
  const wire::TaskDescription& task = preparation.wishes;
  if (options_.isolation == nullptr) {
    if (task.read_only_paths.empty() && task.network == wire::TaskNetwork::kHost) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError("this agent does not isolate its tasks");
  }
  std::vector<std::string> writable = {preparation.sandbox.path};
  for (const core::Lot& lot : preparation.resources.lots) {
    if (lot.tags->volume.has_value()) writable.push_back(volume_path(options_.data_dir, *lot.tags));
  }
  return options_.isolation->apply_wishes(task, writable, &preparation.spawn);
}

absl::StatusOr<const TaskUser*> ProcessExecutor::user_of(const LaunchRequest& request) {
  if (options_.isolation != nullptr) return options_.isolation->user_of(request.description.user);
  if (request.description.user.empty()) return nullptr;
  return absl::FailedPreconditionError("this agent runs all tasks as its own user");
}

// Puts the supervisor, and its report if it is due, in the loop.
absl::Status ProcessExecutor::watch(Run& run) {
  auto end = net::FdWatcher::create(reactor_, run.pidfd().get(),
                                    [this, &run](net::FdEvents) { on_supervisor_ended(run); });
  if (!end.ok()) return end.status();
  run.end_watcher = *std::move(end);
  run.end_watcher->watch(true, false);
  if (run.is_started) return absl::OkStatus();
  auto report = net::FdWatcher::create(reactor_, run.supervised.report.get(),
                                       [this, &run](net::FdEvents) { on_report(run); });
  if (!report.ok()) return report.status();
  run.report_watcher = *std::move(report);
  run.report_watcher->watch(true, false);
  return absl::OkStatus();
}

void ProcessExecutor::on_report(Run& run) {
  const StartResult result = read_start(run.supervised);
  if (result.outcome == StartResult::Outcome::kPending) return;
  run.report_watcher.reset();
  run.supervised.report.reset();
  run.is_started = true;
  if (result.outcome == StartResult::Outcome::kFailed) {
    counters_.failed.add();
    run.failure = result.error.message;  // told when the supervisor is gone
    run.is_unheard = result.stage == StartStage::kStarted;
    return;
  }
  counters_.launch.observe(net::monotonic_now() - run.launched_at);
  events_->on_started(run.framework, run.id.task_id);
}

void ProcessExecutor::tell_failures() {
  for (const Failure& failure : std::exchange(failures_, {})) {
    events_->on_failed(failure.framework, failure.task, failure.why);
  }
}

absl::Status ProcessExecutor::adopt(std::vector<LiveRun> live, const std::vector<RunId>& over) {
  for (const RunId& id : over) {
    const auto framework = core::parse_framework_id(id.framework_id);
    if (framework.ok()) records_[{*framework, id.task_id}].push_back(id);
    const auto exit = read_exit(options_.data_dir, id);
    mark_sandbox_ended(options_.data_dir, id, exit.ok() ? exit->ended_ms : net::wall_now_ms());
  }
  for (LiveRun& found : live) {
    auto run = std::make_unique<Run>();
    run->framework = found.framework;
    run->id = std::move(found.id);
    run->supervised.process = {found.pid, std::move(found.pidfd)};
    run->is_started = true;
    if (absl::Status watched = watch(*run); !watched.ok()) return watched;
    records_[{run->framework, run->id.task_id}].push_back(run->id);
    const TaskKey key = run->key();
    runs_.emplace(key, std::move(run));
  }
  return absl::OkStatus();
}

// --- ending ---

void ProcessExecutor::kill(core::FrameworkId framework, std::string_view task, KillMode mode) {
  const auto it = runs_.find({framework, task});
  if (it == runs_.end()) return;
  if (!it->second->has_supervisor()) {
    it->second->is_doomed = true;
    return;
  }
  const UniqueFd& supervisor = it->second->pidfd();
  // A failure means that it has ended: on_supervisor_ended() tells.
  (void)send_signal(supervisor, mode == KillMode::kTerminate ? SIGTERM : SIGUSR1);
  (void)send_signal(supervisor, SIGCONT);  // the task, of the same user, may have stopped it
}

void ProcessExecutor::on_supervisor_ended(Run& run) {
  run.end_watcher.reset();
  if (!run.is_started) on_report(run);
  run.burial = std::make_unique<Burial>();
  run.burial->id = run.id;
  run.burial->pidfd = &run.pidfd();
  disk_.add([this, work = run.burial.get()] { bury(*work); }, [this, &run] { on_buried(run); });
}

// On the pool, as prepare().
void ProcessExecutor::bury(Burial& burial) const {
  (void)wait_exited(*burial.pidfd);  // one of an earlier agent is reaped by somebody else
  (void)end_cgroups(burial.id);  // the supervisor's work, if it lived and the task made none itself
  burial.exit = read_exit(options_.data_dir, burial.id);
  mark_sandbox_ended(options_.data_dir, burial.id, net::wall_now_ms());
}

void ProcessExecutor::on_buried(Run& run) {
  const bool has_told = run.burial->exit.ok() || (run.failure.has_value() && !run.is_unheard);
  if (has_told) return conclude(run);
  // It was killed. The leader dies with it; the rest has to be found.
  lost_.push_back(&run);
  search_timer_.start(core::Duration{0});
}

// True: nothing is left there.
bool ProcessExecutor::end_cgroups(const RunId& id) const {
  const TaskIsolation* isolation = options_.isolation;
  if (isolation == nullptr || isolation->cgroups() == nullptr) return true;
  return isolation->cgroups()->end(id.run_uuid);
}

// The run is over: out of the table, and told.
void ProcessExecutor::conclude(Run& run) {
  const auto& exit = run.burial->exit;
  const auto node = runs_.extract(run.key());  // first: the callback may launch
  const core::FrameworkId framework = run.framework;
  const std::string& task = run.id.task_id;
  if (run.failure.has_value()) {
    events_->on_failed(framework, task, *run.failure);
  } else if (exit.ok()) {
    events_->on_exited(framework, task, exit->exit);
  } else {
    events_->on_lost(framework, task,
                     absl::IsNotFound(exit.status())
                         ? "its supervisor was killed: how it ended is not known"
                         : core::message_of(exit.status()));
  }
}

// Looks at every process of the machine, for all that are lost.
void ProcessExecutor::search() {
  if (!sought_.empty()) return;  // the next round takes who came meanwhile
  for (const Run* run : lost_) sought_.push_back(run->id);
  disk_.add(
      [this] {
        HuntOptions options;
        found_none_ = true;
        for (const RunId& id : sought_) {
          options.doomed.insert(id.run_uuid);
          found_none_ = end_cgroups(id) && found_none_;
        }
        found_none_ = Hunt(std::move(options)).round() == 0 && found_none_;
        reap_inherited();
      },
      [this] { on_searched(); });
}

void ProcessExecutor::on_searched() {
  const std::vector<RunId> sought = std::exchange(sought_, {});
  std::vector<Run*> over;
  std::erase_if(lost_, [&](Run* run) {
    const bool was_sought = std::any_of(sought.begin(), sought.end(), [&](const RunId& id) {
      return id.run_uuid == run->id.run_uuid;
    });
    const bool is_done = was_sought && (found_none_ || ++run->searches >= kMaxSearches);
    if (is_done) over.push_back(run);
    return is_done;
  });
  for (Run* run : over) conclude(*run);
  if (!lost_.empty()) search_timer_.start(kSearchPause);
}

void ProcessExecutor::forget(core::FrameworkId framework, std::string_view task) {
  const auto found = records_.find({framework, std::string(task)});
  if (found == records_.end() || runs_.contains({framework, task})) return;
  // What cannot be removed is found, and removed, by the next agent.
  for (RunId& id : found->second) {
    disk_.add([this, id = std::move(id)] { (void)remove_checkpoint(options_.data_dir, id); });
  }
  records_.erase(found);
}

bool ProcessExecutor::is_in_use(const RunId& id) const {
  const auto framework = core::parse_framework_id(id.framework_id);
  if (!framework.ok()) return false;
  const auto found = records_.find({*framework, id.task_id});
  return found != records_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const RunId& known) { return known.run_uuid == id.run_uuid; });
}

absl::flat_hash_set<std::string> ProcessExecutor::in_use() const {
  absl::flat_hash_set<std::string> uuids;
  for (const auto& [key, runs] : records_) {
    for (const RunId& id : runs) uuids.insert(id.run_uuid);
  }
  return uuids;
}

std::vector<SupervisedTask> ProcessExecutor::supervised() const {
  std::vector<SupervisedTask> tasks;
  tasks.reserve(runs_.size());
  for (const auto& [key, run] : runs_) {
    if (!run->has_supervisor()) continue;
    tasks.push_back({run->framework, run->id, run->supervised.process.pid});
  }
  return tasks;
}

void ProcessExecutor::end_all() {
  disk_.settle();
  for (const auto& [key, run] : runs_) {
    if (!run->has_supervisor()) continue;
    (void)send_signal(run->pidfd(), SIGUSR1);
    (void)send_signal(run->pidfd(), SIGCONT);
  }
  HuntOptions rest;
  for (const auto& [key, run] : runs_) {
    if (!run->has_supervisor()) continue;
    pollfd ended{run->pidfd().get(), POLLIN, 0};
    ::poll(&ended, 1, kLastWaitMs);
    (void)wait_exited(run->pidfd());
    if (!read_exit(options_.data_dir, run->id).ok()) rest.doomed.insert(run->id.run_uuid);
    run->end_watcher.reset();
    run->report_watcher.reset();
  }
  if (!rest.doomed.empty()) kill_leftovers(std::move(rest));
  if (options_.isolation != nullptr && options_.isolation->cgroups() != nullptr) {
    options_.isolation->cgroups()->end_all_but({});
  }
  search_timer_.stop();
  lost_.clear();
  sought_.clear();
  const auto gone = std::exchange(runs_, {});
  for (const auto& [key, run] : gone) forget(run->framework, run->id.task_id);
  disk_.settle();
}

}  // namespace shoal::agent
