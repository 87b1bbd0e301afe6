#include "agent/agent.h"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "agent/agent_handlers.h"
#include "agent/agent_state.h"
#include "agent/books.h"
#include "agent/cgroup_usage.h"
#include "agent/data_dir_lock.h"
#include "agent/disk_watch.h"
#include "agent/epoch_store.h"
#include "agent/executor.h"
#include "agent/http_api.h"
#include "agent/identity.h"
#include "agent/isolation.h"
#include "agent/log_cutter.h"
#include "agent/log_server.h"
#include "agent/monitor.h"
#include "agent/operations.h"
#include "agent/proc_usage.h"
#include "agent/recovery.h"
#include "agent/resource_store.h"
#include "agent/restore.h"
#include "agent/sandbox_gc.h"
#include "agent/self_description.h"
#include "agent/session.h"
#include "agent/spawner.h"
#include "agent/update_log.h"
#include "agent/usage_reporter.h"
#include "core/frame_cost.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "core/trace_id.h"
#include "core/version.h"
#include "net/clock.h"
#include "net/dialer.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "net/log.h"
#include "net/random.h"
#include "net/timer.h"

namespace shoal::agent {

namespace {

// How long the last updates of killed tasks may take to be acknowledged when the agent ends.
constexpr std::chrono::milliseconds kFarewellTime{1000};

constexpr std::size_t kMostToldFailures = 64;

enum class Stage { kRunning, kLeavingTasks, kEndingTasks, kFlushing, kStopped };

// A task whose last update is on its way to the disk.
struct Ending {
  std::uint64_t ticket = 0;
  core::FrameworkId framework;
  std::string task;
};

}  // namespace

struct Agent::State final : public FramingEffects,
                            public ExecutorEvents,
                            public net::ConnectionHandler {
  State(net::Reactor& owner, const AgentOptions& given, Hooks told)
      : reactor(owner),
        options(given),
        hooks(std::move(told)),
        agent(net::random_seed()),
        tick_timer(owner, [this] { on_timer(); }),
        end_timer(owner, [this] { on_end_timer(); }) {}
  ~State() override {
    reactor.remove_hook(hook);
    // One that has never been told to end has no word in that.
    if (executor != nullptr && is_open && options.on_stop == OnStop::kKill) executor->end_all();
  }

  absl::Status prepare();
  absl::Status restore_resources(const core::Resources& configured);
  void open_books();
  absl::Status open();
  absl::Status open_isolation();
  absl::Status open_executor();
  absl::Status take_over();
  absl::Status open_logs();
  void open_api();
  void open_gc();
  void open_cutter();
  void open_disk_watch();
  std::vector<QuotaOfTask> disk_quotas() const;
  void tune(const AgentTuning& tuning);
  void start();

  // AgentEffects
  void send_frame(wire::Bytes frame) override;
  void launch(const LaunchRequest& request) override { executor->launch(request); }
  void kill(core::FrameworkId framework, std::string_view task, KillMode mode) override {
    executor->kill(framework, task, mode);
  }
  std::uint64_t record(const core::TaskStatus& status) override;
  void record(const core::AcknowledgeUpdate& message) override { updates->append(message); }
  void record(const core::RemoveFramework& message) override { updates->append(message); }
  std::optional<StoreOutcome> store(const StoreRequest& request) override;
  std::optional<absl::Status> store_epoch(std::uint64_t epoch) override {
    books->store_epoch(epoch);
    return std::nullopt;
  }
  std::optional<absl::Status> store_id(core::AgentId id) override {
    books->store_id(id);
    return std::nullopt;
  }
  void ask_usage() override {
    monitor->look_anew([this](const UsageSample& sample) {
      const auto report = usage_reporter.next(sample);
      if (report.has_value()) on_usage(agent, *this, *report);
    });
  }
  void disconnect(std::string_view reason) override;
  void come_back_after(core::Duration wait, std::string_view reason) override {
    dialer->come_back_after(wait, absl::UnavailableError(std::string(reason)));
  }
  void redirect(std::string_view leader, std::string_view reason) override {
    dialer->redirect(leader, absl::UnavailableError(std::string(reason)));
  }
  void give_up(std::string_view reason) override { end_without_master(reason, options.on_stop); }
  void leave(std::string_view reason) override { end_without_master(reason, OnStop::kKill); }

  // ExecutorEvents
  void on_started(core::FrameworkId framework, std::string_view task) override {
    log_task(core::LogLevel::kDebug, "a task runs", framework, task);
    on_process_started(agent, *this, framework, task, reactor.now());
  }
  void on_failed(core::FrameworkId framework, std::string_view task,
                 std::string_view why) override {
    log_task(core::LogLevel::kInfo, "a task could not be started", framework, task, why);
    on_launch_failed(agent, *this, framework, task, why, reactor.now());
    forget_unknown(framework, task);
  }
  void on_exited(core::FrameworkId framework, std::string_view task,
                 const ExitStatus& exit) override {
    log_task(core::LogLevel::kDebug, "a task has ended", framework, task);
    on_process_exited(agent, *this, framework, task, exit, reactor.now());
    logs->on_task_ended(framework, task);
    forget_unknown(framework, task);
  }
  void on_lost(core::FrameworkId framework, std::string_view task, std::string_view why) override {
    log_task(core::LogLevel::kWarn, "a task is lost", framework, task, why);
    on_process_lost(agent, *this, framework, task, why, reactor.now());
    logs->on_task_ended(framework, task);
    forget_unknown(framework, task);
  }

  // ConnectionHandler: the session with the master
  void on_connected(net::Connection& connection) override;
  void on_frame(net::Connection& connection, const wire::FrameView& frame) override;
  void on_closed(net::Connection& connection, const absl::Status& reason) override;

  AgentFacts facts() const;
  bool is_live(core::FrameworkId framework, std::string_view task) const;
  void forget_unknown(core::FrameworkId framework, std::string_view task);
  void on_durable(std::uint64_t ticket);
  void on_log_failed(const absl::Status& why);
  void on_retry(const net::HostPort& master, const absl::Status& why, core::Duration wait);
  void on_registered_now();
  void tell_ready();
  void on_timer();
  void on_turn_end();
  void shutdown(absl::Status reason, OnStop tasks);
  void end_without_master(std::string_view reason, OnStop tasks);
  void finish();
  void on_end_timer();
  void log(std::string_view message, core::LogLevel level = core::LogLevel::kInfo) const {
    net::log_line(options.log, core::LogModule::kAgent, level, message);
  }
  void log_disk(std::string_view message) const {
    net::log_line(options.log, core::LogModule::kDisk, core::LogLevel::kWarn, message);
  }
  void log_task(core::LogLevel level, std::string_view message, core::FrameworkId framework,
                std::string_view task, std::string_view why = {}) const;

  net::Reactor& reactor;
  AgentOptions options;
  Hooks hooks;
  AgentState agent;
  std::optional<DataDirLock> lock;
  std::unique_ptr<TaskIsolation> isolation;
  UsageReporter usage_reporter;
  std::unique_ptr<Monitor> monitor;
  std::unique_ptr<HttpApi> api;
  std::unique_ptr<net::HttpServer> http;
  std::unique_ptr<LogServer> logs;
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<net::Dialer> dialer;
  std::unique_ptr<ProcessExecutor> executor;  // after `lock`: its tasks end before it is let go
  std::unique_ptr<UpdateLog> updates;         // after `lock`: it waits for its commit
  std::deque<Ending> endings;                 // by ticket
  std::unique_ptr<SandboxGc> gc;              // after `lock`: it waits for what it does
  std::unique_ptr<LogCutter> cutter;          // none: logs are not bounded
  std::unique_ptr<DiskWatch> disk_watch;      // none: disk is not enforced
  std::unique_ptr<Books> books;               // after `lock`: it waits for what it writes
  net::Timer tick_timer;
  net::Timer end_timer;
  core::TimePoint armed = core::TimePoint::max();  // what tick_timer is set to
  net::Reactor::HookId hook = 0;
  Stage stage = Stage::kRunning;
  bool is_open = false;
  bool was_ready = false;
  std::int64_t started_ms = net::wall_now_ms();
  absl::flat_hash_set<std::string> told_failures;  // of attempts, since the last session
  std::string no_session;                          // the newest of them
  absl::Status outcome;                            // told by on_stopped
};

// --- start ---

absl::Status Agent::State::prepare() {
  if (options.masters.empty()) return core::invalid("no master is named: use --master HOST:PORT");
  if (options.data_dir.empty()) return core::invalid("no data folder is named: use --data DIR");
  if (absl::Status safe = check_listen(options.listen, options.insecure); !safe.ok()) return safe;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(options.data_dir, error);
  if (error) return core::invalid("data folder: {}", error.message());
  options.data_dir = absolute.lexically_normal().string();
  auto locked = DataDirLock::acquire(options.data_dir);
  if (!locked.ok()) return locked.status();
  lock.emplace(*std::move(locked));
  const auto identity = read_identity(options.data_dir);
  if (!identity.ok()) return identity.status();
  agent.id = agent.stored_id = *identity;
  const auto epoch = read_epoch(options.data_dir);
  if (!epoch.ok()) return epoch.status();
  agent.epoch = *epoch;
  const auto configured = describe_self(options, agent);
  if (!configured.ok()) return configured.status();
  return restore_resources(*configured);
}

// What the agent before had reserved and made is still there, and is stored before anybody hears of
// it.
absl::Status Agent::State::restore_resources(const core::Resources& configured) {
  auto stored = read_stored(options.data_dir);
  if (!stored.ok()) return stored.status();
  auto total = reconcile(configured, stored->has_value() ? (*stored)->resources : configured);
  if (!total.ok()) return total.status();
  if (!core::frame_cost(*total).within(core::kMaxResourceCost)) {
    return core::invalid(
        "--resources: more than can be told to a master: name fewer or shorter "
        "roles, ranges and items");
  }
  agent.total = *std::move(total);
  if (stored->has_value()) agent.operations.outcomes = std::move((*stored)->operations);
  if (absl::Status written = write_stored(options.data_dir, record_of(agent)); !written.ok()) {
    return written;
  }
  open_books();
  const auto missing = books->sweep(agent.total);
  if (!missing.ok()) return missing.status();
  for (const std::string& path : *missing) {
    log_disk(fmt::format("{} is missing: tasks cannot use that volume; destroy it to be rid of it",
                         core::printable(path, 400)));
  }
  return absl::OkStatus();
}

void Agent::State::open_books() {
  Books::Hooks telling;
  telling.on_stored = [this](const StoreOutcome& stored) {
    if (!stored.status.ok()) log(core::message_of(stored.status), core::LogLevel::kError);
    on_stored(agent, *this, stored, reactor.now());
  };
  telling.on_epoch_stored = [this](std::uint64_t epoch, const absl::Status& status) {
    on_epoch_stored(agent, *this, epoch, status, reactor.now());
  };
  telling.on_id_stored = [this](core::AgentId id, const absl::Status& status) {
    if (!status.ok()) log(core::message_of(status), core::LogLevel::kError);
    on_id_stored(agent, *this, id, reactor.now());
  };
  telling.log = [this](std::string_view line) { log_disk(line); };
  books = std::make_unique<Books>(reactor, options.data_dir, std::move(telling));
}

absl::Status Agent::State::open() {
  if (absl::Status opened = open_isolation(); !opened.ok()) return opened;
  if (absl::Status opened = open_executor(); !opened.ok()) return opened;
  if (absl::Status taken = take_over(); !taken.ok()) return taken;
  if (absl::Status opened = open_logs(); !opened.ok()) return opened;
  open_gc();
  open_cutter();
  open_disk_watch();
  is_open = true;
  return absl::OkStatus();
}

void Agent::State::open_api() {
  MonitorOptions watching;
  watching.data_dir = options.data_dir;
  watching.usage = std::make_unique<ProcTaskUsage>();
  if (isolation->cgroups() != nullptr) {
    watching.usage =
        std::make_unique<CgroupTaskUsage>(*isolation->cgroups(), std::move(watching.usage));
  }
  watching.tasks = [this] { return executor->supervised(); };
  monitor = std::make_unique<Monitor>(reactor, std::move(watching));
  if (options.usage_interval.count() > 0) ask_usage();  // what the first report counts from
  HttpApiOptions answering;
  answering.data_dir = options.data_dir;
  answering.log = options.log;
  answering.monitor = monitor.get();
  answering.launches = &executor->counters();
  answering.facts = [this] { return facts(); };
  answering.sandboxes = [this] { return gc->counters(); };
  answering.logs = [this] { return cutter ? cutter->counters() : LogCutterCounters{}; };
  api = std::make_unique<HttpApi>(reactor, std::move(answering));
}

// The trace ties together what the master, the agent and the task itself say of a launch.
void Agent::State::log_task(core::LogLevel level, std::string_view message,
                            core::FrameworkId framework, std::string_view task,
                            std::string_view why) const {
  if (!net::is_logged(options.log, core::LogModule::kTasks, level)) return;
  const std::string id = core::to_string(framework);
  const std::string trace = core::trace_id(framework, task);
  if (why.empty()) {
    options.log->write(core::LogModule::kTasks, level, message,
                       {{"framework", id}, {"task", task}, {"trace", trace}});
  } else {
    options.log->write(core::LogModule::kTasks, level, message,
                       {{"framework", id}, {"task", task}, {"trace", trace}, {"why", why}});
  }
}

AgentFacts Agent::State::facts() const {
  AgentFacts facts;
  if (agent.id.valid()) facts.id = core::to_string(agent.id);
  facts.hostname = agent.hostname;
  facts.version = core::kVersion;
  facts.is_registered = agent.is_registered();
  facts.tasks = agent.tasks.size();
  facts.live_tasks = agent.tasks.live();
  facts.started_ms = started_ms;
  facts.is_ending = stage != Stage::kRunning;
  facts.no_session = no_session;
  return facts;
}

void Agent::State::open_cutter() {
  if (options.log_max_bytes == 0) return;
  LogCutterOptions cutting;
  cutting.data_dir = options.data_dir;
  cutting.max_bytes = options.log_max_bytes;
  cutting.tasks = [this] { return executor->supervised(); };
  cutting.followed = [this](const SupervisedTask& task, std::string_view name) {
    return logs->unread_from(task.framework, task.id.task_id, name);
  };
  cutting.log = [this](std::string_view line) { log_disk(line); };
  cutter = std::make_unique<LogCutter>(reactor, std::move(cutting));
}

void Agent::State::open_disk_watch() {
  if (!options.enforce_disk_quota) return;
  DiskWatchOptions watching;
  watching.data_dir = options.data_dir;
  watching.interval = options.disk_quota_interval;
  watching.tasks = [this] { return disk_quotas(); };
  watching.on_over = [this](core::FrameworkId framework, std::string_view task,
                            std::string_view why) {
    log_task(core::LogLevel::kInfo, "a task takes too much disk", framework, task, why);
    on_disk_limit(agent, *this, framework, task, why, reactor.now());
  };
  disk_watch = std::make_unique<DiskWatch>(reactor, std::move(watching));
}

std::vector<QuotaOfTask> Agent::State::disk_quotas() const {
  std::vector<QuotaOfTask> quotas;
  for (SupervisedTask& each : executor->supervised()) {
    const Task* task = agent.tasks.find(each.framework, each.id.task_id);
    if (task == nullptr || task->is_kill_asked) continue;
    const std::uint64_t bytes = disk_quota(task->resources);
    if (bytes > 0) quotas.push_back({each.framework, std::move(each.id), bytes});
  }
  return quotas;
}

void Agent::State::tune(const AgentTuning& tuning) {
  if (gc == nullptr) return;  // it has ended
  static_cast<AgentTuning&>(options) = tuning;
  gc->keep({tuning.gc_delay, tuning.gc_disk_headroom}, tuning.disk_watch_interval);
  if (tuning.log_max_bytes == 0) {
    cutter.reset();
  } else if (cutter != nullptr) {
    cutter->bound(tuning.log_max_bytes);
  } else {
    open_cutter();
    cutter->start();
  }
}

void Agent::State::open_gc() {
  SandboxGcOptions keeping;
  keeping.data_dir = options.data_dir;
  keeping.rule = {options.gc_delay, options.gc_disk_headroom};
  keeping.interval = options.disk_watch_interval;
  keeping.in_use = [this] { return executor->in_use(); };
  keeping.is_in_use = [this](const SandboxId& id) { return executor->is_in_use(id); };
  keeping.log = [this](std::string_view line) { log_disk(line); };
  keeping.wall_now_ms = net::wall_now_ms;
  gc = std::make_unique<SandboxGc>(reactor, std::move(keeping));
}

absl::Status Agent::State::open_isolation() {
  if (options.supervisor.empty()) {
    auto found = supervisor_beside_this_program();
    if (!found.ok()) return found.status();
    options.supervisor = *std::move(found);
  }
  const auto switches = parse_isolation(options.isolation);
  if (!switches.ok()) return switches.status();
  IsolationOptions wanted;
  wanted.switches = *switches;
  wanted.data_dir = options.data_dir;
  wanted.supervisor = options.supervisor;
  wanted.task_user = options.task_user;
  wanted.devices = options.allowed_devices;
  wanted.cgroups = {.root = options.cgroup_root,
                    .data_dir = options.data_dir,
                    .cpus = agent.total.all_quantities()[core::ResourceKind::kCpus],
                    .max_pids = options.max_pids_per_task,
                    .cpu_quota = options.cpu_quota,
                    .devices = std::nullopt};
  auto opened = TaskIsolation::open(wanted);
  if (!opened.ok()) return opened.status();
  isolation = *std::move(opened);
  return absl::OkStatus();
}

absl::Status Agent::State::open_executor() {
  ProcessExecutorOptions executing;
  executing.data_dir = options.data_dir;
  executing.seed = net::random_seed();
  executing.supervisor = options.supervisor;
  executing.isolation = isolation.get();
  executing.on_checkpoint = [this](CheckpointFiles files) { updates->sync_too(std::move(files)); };
  auto made = ProcessExecutor::create(reactor, this, std::move(executing));
  if (!made.ok()) return made.status();
  executor = *std::move(made);
  return absl::OkStatus();
}

// The tasks of the agent before, with all that happened to them, are on disk again before anybody
// hears of them.
absl::Status Agent::State::take_over() {
  auto found = recover(options.data_dir, read_boot_id(), options.recover);
  if (!found.ok()) return found.status();
  for (const std::string& note : found->notes) log(note);
  if (isolation->cgroups() != nullptr) {
    absl::flat_hash_set<std::string> spared;
    for (const LiveRun& run : found->live) spared.insert(run.id.run_uuid);
    isolation->cgroups()->end_all_but(spared);
  }
  const std::size_t live = found->live.size();
  if (live + found->over.size() + found->hunt.killed > 0) {
    log(
        fmt::format("of an earlier agent: {} tasks run on, {} are over; {} processes were killed, "
                    "{} survived",
                    live, found->over.size(), found->hunt.killed, found->hunt.survivors));
  }
  absl::Status adopted = executor->adopt(std::move(found->live), found->over);
  if (!adopted.ok()) return adopted;
  restore(agent, *this, std::move(found->tasks), std::move(found->history), reactor.now());
  if (!agent.capacity().contains(agent.tasks.used())) {
    return absl::FailedPreconditionError(
        fmt::format("--resources: the tasks that run here hold {}, which is more: start with the "
                    "former --resources, or with --recover=cleanup to kill them",
                    core::to_string(agent.tasks.used())));
  }
  UpdateLog::Hooks telling;
  telling.on_durable = [this](std::uint64_t ticket) { on_durable(ticket); };
  telling.on_failed = [this](const absl::Status& why) { on_log_failed(why); };
  telling.on_full = [this](const absl::Status& why) {
    log(fmt::format("{}: updates of tasks wait for it", core::message_of(why)));
  };
  telling.history = [this] { return history_of(agent); };
  auto made = UpdateLog::create(reactor, options.data_dir, history_of(agent), std::move(telling));
  if (!made.ok()) return made.status();
  updates = *std::move(made);
  for (const RunId& id : found->over) {
    const auto framework = core::parse_framework_id(id.framework_id);
    if (framework.ok()) executor->forget(*framework, id.task_id);
  }
  return absl::OkStatus();
}

absl::Status Agent::State::open_logs() {
  auto made_logs = LogServer::create(
      reactor, {.data_dir = options.data_dir,
                .is_live = [this](core::FrameworkId framework,
                                  std::string_view task) { return is_live(framework, task); },
                .cluster_id = [this] { return agent.cluster_id; }});
  if (!made_logs.ok()) return made_logs.status();
  logs = *std::move(made_logs);
  open_api();
  http = std::make_unique<net::HttpServer>(reactor, api.get());
  net::ListenerOptions listening;
  listening.frames = logs.get();
  listening.http = http.get();
  auto made_listener = net::Listener::create(reactor, options.listen, listening);
  if (!made_listener.ok()) return made_listener.status();
  listener = *std::move(made_listener);

  net::HostPort where = *net::parse_host_port(listener->bound_address().to_string());
  const bool is_any = where.host == "0.0.0.0" || where.host == "::";
  if (is_any) where.host = agent.hostname;
  agent.address = where.to_string();

  net::DialerOptions dialing;
  dialing.seed = net::random_seed();
  dialing.shuffles = true;
  auto masters = parse_masters(options.masters);
  if (!masters.ok()) return masters.status();
  dialing.masters = *std::move(masters);
  if (dialing.masters.etcd.has_value()) {
    absl::Status there = net::check_files(dialing.masters.etcd->access);
    if (!there.ok()) return there;
  }
  dialing.on_retry = [this](const net::HostPort& address, const absl::Status& why,
                            core::Duration wait) { on_retry(address, why, wait); };
  dialer = std::make_unique<net::Dialer>(reactor, this, std::move(dialing));
  return absl::OkStatus();
}

void Agent::State::start() {
  // After the executor's hook, so that what it tells is seen in the same turn.
  hook = reactor.at_turn_end([this] { on_turn_end(); });
  log(fmt::format("{} with {}, logs at {}", agent.hostname, core::to_string(agent.total),
                  agent.address));
  const std::string missing = isolation->missing();
  log(fmt::format("isolation of tasks: {}{}{}", isolation->to_string(), missing.empty() ? "" : "; ",
                  core::printable(missing, 1000)));
  dialer->start();
  gc->start();
  if (cutter) cutter->start();
  if (disk_watch) disk_watch->start();
}

// --- session ---

void Agent::State::send_frame(wire::Bytes frame) {
  net::Connection* connection = dialer->connection();
  if (connection != nullptr) connection->send(frame);
}

// Before the log is there what is reported becomes part of its beginning (take_over).
std::uint64_t Agent::State::record(const core::TaskStatus& status) {
  if (updates == nullptr) return 0;
  const std::uint64_t ticket = updates->append(status);
  if (core::is_terminal(status.state)) {
    endings.push_back({ticket, status.framework, std::string(status.task)});
  }
  return ticket;
}

void Agent::State::on_durable(std::uint64_t ticket) {
  // Only then: until its end is on disk, a task's records say how it ended.
  for (; !endings.empty() && endings.front().ticket <= ticket; endings.pop_front()) {
    executor->forget(endings.front().framework, endings.front().task);
  }
  on_recorded(agent, *this, ticket, reactor.now());
}

// What it does not remember it must not tell. The tasks are not at fault.
void Agent::State::on_log_failed(const absl::Status& why) {
  // Else it ends as it was told to.
  if (stage != Stage::kRunning) return log(core::message_of(why), core::LogLevel::kError);
  shutdown(absl::FailedPreconditionError(
               fmt::format("{}; the tasks run on, start the agent again when the disk is well",
                           core::message_of(why))),
           OnStop::kKeep);
}

// Nobody wants to hear how it ended.
void Agent::State::forget_unknown(core::FrameworkId framework, std::string_view task) {
  if (agent.tasks.find(framework, task) == nullptr) executor->forget(framework, task);
}

std::optional<StoreOutcome> Agent::State::store(const StoreRequest& request) {
  std::optional<StoreOutcome> refused = books->store(request);
  if (refused.has_value()) log(core::message_of(refused->status), core::LogLevel::kError);
  return refused;
}

void Agent::State::disconnect(std::string_view reason) {
  net::Connection* connection = dialer->connection();
  if (connection != nullptr) connection->close(absl::UnavailableError(std::string(reason)));
}

void Agent::State::end_without_master(std::string_view reason, OnStop tasks) {
  disconnect(reason);
  dialer->give_up();
  shutdown(absl::FailedPreconditionError(std::string(reason)), tasks);
}

void Agent::State::on_connected(net::Connection&) {
  if (stage == Stage::kRunning || stage == Stage::kEndingTasks) {
    agent::on_connected(agent, *this, reactor.now());
  }
}

void Agent::State::on_frame(net::Connection& connection, const wire::FrameView& frame) {
  const bool was_registered = agent.is_registered();
  agent::on_frame(agent, *this, frame, reactor.now());
  // A task's description may be larger than a hello.
  if (agent.session >= SessionPhase::kWelcomed && !connection.is_authenticated()) {
    connection.set_authenticated();
  }
  if (agent.is_registered() && !was_registered) on_registered_now();
}

// Attempts fail for the same reasons again and again: each is told once, until the agent is
// registered.
void Agent::State::on_retry(const net::HostPort& master, const absl::Status& why,
                            core::Duration wait) {
  if (stage != Stage::kRunning) return;
  const std::string reason =
      fmt::format("no session with {}: {}", master.host.empty() ? "a master" : master.to_string(),
                  core::message_of(why));
  no_session = reason;
  if (told_failures.size() >= kMostToldFailures) told_failures.clear();
  if (!told_failures.insert(reason).second) return;
  net::log_line(options.log, core::LogModule::kNet, core::LogLevel::kWarn,
                fmt::format("{}; next try in {} ms", reason,
                            std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()));
}

void Agent::State::on_registered_now() {
  told_failures.clear();
  no_session.clear();
  dialer->set_healthy();
  log(fmt::format("registered as {} with {}", core::to_string(agent.id),
                  dialer->current_address().to_string()));
  if (std::exchange(was_ready, true)) return;
  tell_ready();
}

// When the id is on disk.
void Agent::State::tell_ready() {
  const AgentReady ready{agent.id, agent.address};
  const auto tell = [this, ready](const absl::Status& written) {
    if (!written.ok()) return shutdown(written, options.on_stop);
    if (hooks.on_ready) hooks.on_ready(ready);
  };
  if (options.ready_file.empty()) return books->then([tell] { tell(absl::OkStatus()); });
  books->write_file(options.ready_file,
                    fmt::format("{{\"agent\":\"{}\",\"address\":\"{}\",\"pid\":{}}}\n",
                                core::to_string(ready.id), ready.address, ::getpid()),
                    tell);
}

void Agent::State::on_closed(net::Connection&, const absl::Status&) {
  on_disconnected(agent);
  if (stage == Stage::kFlushing) end_timer.start(core::Duration{0});
}

bool Agent::State::is_live(core::FrameworkId framework, std::string_view task) const {
  const Task* found = agent.tasks.find(framework, task);
  return found != nullptr && found->phase != TaskPhase::kEnded;
}

// --- time and end ---

void Agent::State::on_timer() {
  armed = core::TimePoint::max();
  on_tick(agent, *this, reactor.now());
}

void Agent::State::on_turn_end() {
  const bool is_disk_idle =
      stage != Stage::kStopped && updates->is_idle() && executor->is_idle() && books->is_idle();
  if (stage == Stage::kLeavingTasks && is_disk_idle) finish();
  if (stage == Stage::kEndingTasks && executor->running() == 0 && agent.tasks.live() == 0) {
    const bool is_told = agent.tasks.empty() || !agent.is_registered();
    if (is_told && is_disk_idle) {
      finish();
    } else if (!end_timer.is_active()) {
      end_timer.start(kFarewellTime);
    }
  }
  const core::TimePoint next = next_deadline(agent);
  if (next == armed) return;
  armed = next;
  if (next == core::TimePoint::max()) {
    tick_timer.stop();
  } else {
    tick_timer.start_at(next);
  }
}

void Agent::State::shutdown(absl::Status reason, OnStop tasks) {
  const bool ends_tasks = tasks == OnStop::kKill;
  if (stage == Stage::kRunning || (stage == Stage::kLeavingTasks && ends_tasks)) {
    outcome = std::move(reason);
    stage = ends_tasks ? Stage::kEndingTasks : Stage::kLeavingTasks;
    if (!outcome.ok()) {
      log(fmt::format("cannot go on: {}", core::message_of(outcome)), core::LogLevel::kError);
    }
    log(fmt::format("ending, with {} tasks{}", agent.tasks.live(),
                    ends_tasks ? "" : ", which run on"));
    if (ends_tasks) {
      end_timer.stop();
      on_shutdown(agent, *this, KillMode::kTerminate, reactor.now());
    } else {
      agent.is_shutting_down = true;
      end_timer.start(kFarewellTime);  // for the log, should the disk not answer
    }
  } else if (stage == Stage::kEndingTasks) {
    on_shutdown(agent, *this, KillMode::kForce, reactor.now());
  }
  reactor.run_again();
}

// No task is left here. What was sent to the master leaves first.
void Agent::State::finish() {
  stage = Stage::kFlushing;
  dialer->give_up();
  net::Connection* connection = dialer->connection();
  if (connection == nullptr) {
    end_timer.start(core::Duration{0});
    return;
  }
  connection->close_after_flush(absl::CancelledError("the agent ends"));
  end_timer.start(core::kCloseFlushTimeout);
}

void Agent::State::on_end_timer() {
  if (stage == Stage::kEndingTasks || stage == Stage::kLeavingTasks) return finish();
  if (stage != Stage::kFlushing) return;
  stage = Stage::kStopped;
  on_disconnected(agent);
  dialer.reset();
  listener.reset();
  gc.reset();
  cutter.reset();
  disk_watch.reset();
  http.reset();
  api.reset();
  monitor.reset();
  updates.reset();
  executor.reset();
  books.reset();
  log("ended");
  if (hooks.on_stopped) hooks.on_stopped(outcome);  // last: it may destroy this
}

// --- Agent ---

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::~Agent() = default;

absl::StatusOr<std::unique_ptr<Agent>> Agent::create(net::Reactor& reactor,
                                                     const AgentOptions& options, Hooks hooks) {
  auto state = std::make_unique<State>(reactor, options, std::move(hooks));
  if (absl::Status prepared = state->prepare(); !prepared.ok()) return prepared;
  if (absl::Status opened = state->open(); !opened.ok()) return opened;
  state->start();
  return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

void Agent::shutdown() { shutdown(state_->options.on_stop); }
void Agent::shutdown(OnStop tasks) { state_->shutdown(absl::OkStatus(), tasks); }

void Agent::tune(const AgentTuning& tuning) { state_->tune(tuning); }

std::string Agent::address() const { return state_->agent.address; }

}  // namespace shoal::agent
