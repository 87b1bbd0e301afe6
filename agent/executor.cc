#include "agent/executor.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "agent/leftovers.h"
#include "agent/sandbox.h"
#include "agent/volumes.h"
#include "core/status.h"
#include "net/fd_watcher.h"

namespace shoal::agent {

namespace {

// Strays are looked for a little later, once for many exits; and now and then while tasks run, so
// that orphans which end by themselves do not stay zombies.
constexpr std::chrono::milliseconds kSweepSoon{20};
constexpr std::chrono::milliseconds kSweepInterval{1000};
constexpr int kLastWaitMs = 100;  // at most ten times, for processes that were sent SIGKILL
constexpr int kLastWaits = 10;
constexpr std::uint32_t kMaxListedPorts = 256;

// Also the reserved ones: to the task a port is a port.
core::PortSet all_ports(const core::Resources& resources) {
  core::PortSet ports = resources.ports;
  for (const core::Lot& lot : resources.lots) ports.add(lot.amounts.ports);
  return ports;
}

}  // namespace

struct ProcessExecutor::Run {
  core::FrameworkId framework;
  std::string task;
  std::string uuid;
  SpawnedProcess process;
  std::unique_ptr<net::FdWatcher> watcher;  // of process.pidfd: goes before it
  bool is_told = false;                     // on_started was called

  TaskKey key() const { return {framework, task}; }
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
  auto spawner = Spawner::create();
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
      tree_(options_.ownership),
      boot_id_(read_boot_id()),
      random_(options_.seed),
      sweep_timer_(reactor, [this] { sweep(); }) {
  hook_ = reactor_.at_turn_end([this] { tell(); });
}

ProcessExecutor::~ProcessExecutor() {
  reactor_.remove_hook(hook_);
  for (auto& [key, run] : runs_) tree_.kill_tree(run->process);
  for (auto& [key, run] : runs_) kill_and_reap(*run);
  for (int i = 0; i < kLastWaits; ++i) {
    if (tree_.sweep().killed == 0) break;
    ::poll(nullptr, 0, kSweepSoon.count());  // what was just killed becomes a zombie, to be reaped
  }
}

void ProcessExecutor::launch(const LaunchRequest& request) {
  auto run = runs_.contains({request.framework, request.task})
                 ? absl::AlreadyExistsError("the task has a process")
                 : start(request);
  reactor_.run_again();
  if (!run.ok()) {
    failures_.push_back({request.framework, std::string(request.task),
                         std::string(core::message_of(run.status()))});
    return;
  }
  started_.push_back(run->get());
  const TaskKey key = (*run)->key();
  runs_.emplace(key, *std::move(run));
}

absl::StatusOr<std::unique_ptr<ProcessExecutor::Run>> ProcessExecutor::start(
    const LaunchRequest& request) {
  auto run = std::make_unique<Run>();
  run->framework = request.framework;
  run->task = request.task;
  run->uuid = core::to_string(core::draw_uuid(random_));
  const std::string framework = core::to_string(request.framework);
  const auto sandbox = create_sandbox(options_.data_dir, {framework, run->task, run->uuid});
  if (!sandbox.ok()) return sandbox.status();
  absl::Status linked =
      link_volumes(options_.data_dir, sandbox->directory.get(), request.resources);
  if (!linked.ok()) return linked;

  const wire::TaskDescription& task = request.description;
  SpawnRequest spawn;
  spawn.shell = task.shell;
  spawn.arguments.push_back(task.command);
  spawn.arguments.insert(spawn.arguments.end(), task.arguments.begin(), task.arguments.end());
  spawn.working_directory = task.working_directory.empty() ? sandbox->path
                            : task.working_directory.front() == '/'
                                ? task.working_directory
                                : fmt::format("{}/{}", sandbox->path, task.working_directory);
  spawn.environment.emplace_back("HOME", sandbox->path);
  spawn.environment.insert(spawn.environment.end(), task.environment.begin(),
                           task.environment.end());
  // After the task's own: these are true.
  spawn.environment.emplace_back("SHOAL_TASK_ID", run->task);
  spawn.environment.emplace_back("SHOAL_FRAMEWORK_ID", framework);
  spawn.environment.emplace_back("SHOAL_AGENT_ID", core::to_string(request.agent));
  spawn.environment.emplace_back("SHOAL_SANDBOX", sandbox->path);
  spawn.environment.emplace_back("SHOAL_PORTS", ports_text(all_ports(request.resources)));
  spawn.task_uuid = run->uuid;
  spawn.stdout_fd = sandbox->stdout_file.get();
  spawn.stderr_fd = sandbox->stderr_file.get();

  // Before it begins: if we die while it does, its children are known by the uuid they carry.
  if (absl::Status noted = note(*run); !noted.ok()) return noted;
  SpawnResult result = spawner_.spawn(spawn);
  if (!result.ok()) {
    (void)remove_record(options_.data_dir, run->uuid);
    return absl::InternalError(result.error.message);
  }
  run->process = *std::move(result.process);
  tree_.track(run->process.pid, run->uuid);
  if (absl::Status settled = settle(*run); !settled.ok()) {
    tree_.kill_tree(run->process);
    kill_and_reap(*run);
    return settled;
  }
  return run;
}

absl::Status ProcessExecutor::note(const Run& run) {
  const bool runs = run.process.pid > 0;
  return write_record(options_.data_dir, {.run_uuid = run.uuid,
                                          .framework_id = core::to_string(run.framework),
                                          .task_id = run.task,
                                          .pid = runs ? run.process.pid : 0,
                                          .start_time = runs ? run.process.start_time : 0,
                                          .boot_id = boot_id_});
}

// Puts a process that runs where it is found again: on disk and in the loop.
absl::Status ProcessExecutor::settle(Run& run) {
  if (absl::Status noted = note(run); !noted.ok()) return noted;
  auto watcher = net::FdWatcher::create(reactor_, run.process.pidfd.get(),
                                        [this, &run](net::FdEvents) { on_readable(run); });
  if (!watcher.ok()) return watcher.status();
  run.watcher = *std::move(watcher);
  run.watcher->watch(true, false);
  return absl::OkStatus();
}

// Of a run that has been sent SIGKILL.
void ProcessExecutor::kill_and_reap(Run& run) {
  run.watcher.reset();
  for (int i = 0; i < kLastWaits; ++i) {
    const auto exit = tree_.finish(run.process);
    if (!exit.ok() || exit->has_value()) break;
    pollfd ended{run.process.pidfd.get(), POLLIN, 0};
    ::poll(&ended, 1, kLastWaitMs);
  }
  (void)remove_record(options_.data_dir, run.uuid);  // what stays is ignored: its pid is gone
}

void ProcessExecutor::kill(core::FrameworkId framework, std::string_view task, KillMode mode) {
  const auto it = runs_.find({framework, task});
  if (it == runs_.end()) return;
  const SpawnedProcess& process = it->second->process;
  if (mode == KillMode::kTerminate) {
    // A failure means that the leader was reaped: on_readable() tells.
    (void)signal_group(process, SIGTERM);
    (void)signal_group(process, SIGCONT);  // a stopped task hears SIGTERM only when it goes on
    return;
  }
  tree_.kill_tree(process);
  sweep_soon();
}

void ProcessExecutor::tell_started(Run& run) {
  if (run.is_told) return;
  run.is_told = true;
  events_->on_started(run.framework, run.task);
}

void ProcessExecutor::tell() {
  for (const Failure& failure : std::exchange(failures_, {})) {
    events_->on_failed(failure.framework, failure.task, failure.why);
  }
  for (Run* run : std::exchange(started_, {})) tell_started(*run);
  if (!runs_.empty() && !sweep_timer_.is_active()) sweep_timer_.start(kSweepInterval);
}

void ProcessExecutor::on_readable(Run& run) {
  auto exit = tree_.finish(run.process);
  if (exit.ok() && !exit->has_value()) return;
  if (!exit.ok()) {
    // Somebody else took the exit status: a bug. The task is over all the same.
    tree_.forget(run.process.pid);
    exit = std::optional<ExitStatus>(ExitStatus{.signaled = true, .code_or_signal = SIGKILL});
  }
  (void)remove_record(options_.data_dir, run.uuid);
  sweep_soon();
  std::erase(started_, &run);
  tell_started(run);
  // Out of the table first: the callback may launch.
  const auto node = runs_.extract(run.key());
  events_->on_exited(run.framework, run.task, **exit);
}

void ProcessExecutor::sweep_soon() {
  if (is_sweeping_soon_) return;
  is_sweeping_soon_ = true;
  sweep_timer_.start(kSweepSoon);
}

void ProcessExecutor::sweep() {
  is_sweeping_soon_ = false;
  const ProcessTree::SweepReport report = tree_.sweep();
  if (report.killed > 0) return sweep_soon();
  if (!runs_.empty() || report.waiting > 0) sweep_timer_.start(kSweepInterval);
}

}  // namespace shoal::agent
