#include "master/serving.h"

#include <fmt/core.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "net/clock.h"
#include "net/descriptor_limit.h"
#include "net/hand_over.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "net/random.h"
#include "net/reactor_threads.h"
#include "net/send_gate.h"
#include "net/signal_watcher.h"
#include "net/timer.h"

namespace shoal::master {
namespace {

std::uint32_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

// With room for fewer peers than this the log says how there would be more.
constexpr std::uint64_t kEasySessions = 10'000;
constexpr std::size_t kAdoptedInATurn = 128;

}  // namespace

// What one reactor's thread makes use of; destroyed there, in reverse.
struct Serving::Part {
  std::unique_ptr<net::Reactor> reactor;
  std::unique_ptr<Service> service;
  std::unique_ptr<net::HandOver> hand_over;  // nullptr while all share one descriptor table
  std::unique_ptr<HttpPages> pages;
  std::unique_ptr<net::HttpServer> http;
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals;
  std::unique_ptr<net::Timer> registry_look;    // of the first reactor
  std::deque<net::DetachedConnection> adopted;  // and not with the service yet
};

Serving::Serving(const MasterOptions& options, ServingHooks hooks)
    : options_(options),
      hooks_(std::move(hooks)),
      registry_watch_(options.registry_store_timeout) {}

Serving::~Serving() { grid_.reset(); }  // its hooks hold on to the reactors, if those are there

core::ShardConfig Serving::shard_config(std::uint32_t index, std::uint32_t shards) const {
  core::ShardConfig config;
  config.index = index;
  config.shards = shards;
  config.cluster_id = info_.cluster_id;
  config.epoch = info_.epoch;
  config.version = "shoal/" + options_.version;
  config.heartbeat_interval = options_.heartbeat_interval;
  config.session_timeout = options_.session_timeout;
  config.agent_reregister_timeout = options_.agent_reregister_timeout;
  config.removals = options_.removals;
  master::tune(config, options_);
  config.share_policy = options_.share_policy;
  config.excluded_from_shares = options_.excluded_from_shares;
  config.region = options_.region;
  config.wall_base_ms = net::wall_now_ms();
  config.mono_base = net::monotonic_now();
  return config;
}

absl::Status Serving::build(Beginning beginning) {
  info_.cluster_id = beginning.cluster_id;
  info_.epoch = beginning.epoch;
  info_.elections = beginning.elections;
  info_.since_ms = net::wall_now_ms();
  info_.leadership = hooks_.leadership;
  info_.step_down = hooks_.step_down;
  info_.version = options_.version;
  info_.log = options_.log;
  info_.own_tables = has_own_tables();
  info_.removals = options_.removals;
  info_.descriptor_limit = net::raise_descriptor_limit();
  if (absl::Status made = make_parts(); !made.ok()) return made;
  if (absl::Status joined = join_parts(); !joined.ok()) return joined;
  take_registry(std::move(beginning));
  return absl::OkStatus();
}

absl::Status Serving::make_parts() {
  const std::uint32_t count = options_.reactors != 0 ? options_.reactors : usable_cores();
  if (count > core::kMaxReactors) {
    return absl::InvalidArgumentError(
        fmt::format("{} reactors asked for; at most {} are served", count, core::kMaxReactors));
  }
  tables_ =
      std::make_unique<core::SharedTables>(count, static_cast<std::uint32_t>(net::random_seed()));
  info_.tables = tables_.get();
  if (!options_.rate_limits.empty()) {
    rate_limits_ = std::make_unique<RateLimits>(options_.rate_limits);
    info_.rate_limits = rate_limits_.get();
  }
  const std::uint64_t incarnation = net::random_seed();
  for (std::uint32_t i = 0; i < count; ++i) {
    absl::StatusOr<std::unique_ptr<net::Reactor>> reactor = net::Reactor::create(i);
    if (!reactor.ok()) return reactor.status();
    parts_.push_back(std::make_unique<Part>());
    Part& part = *parts_.back();
    part.reactor = *std::move(reactor);
    if (hooks_.may_send) net::set_send_gate(*part.reactor, hooks_.may_send);
    part.service = std::make_unique<Service>(*part.reactor, shard_config(i, count), *tables_,
                                             net::random_seed(), incarnation,
                                             Protection{options_.busy_lag, rate_limits_.get()});
    if (hooks_.newer_epoch) {
      part.service->on_newer_epoch([this](std::uint64_t /*epoch*/) { hooks_.newer_epoch(); });
    }
    info_.services.push_back(part.service.get());
  }
  return absl::OkStatus();
}

void Serving::take_registry(Beginning beginning) {
  const core::RegistryContents& contents = beginning.contents;
  if (!contents.agents.empty() || !contents.frameworks.empty() || !contents.roles.empty()) {
    net::log_line(
        options_.log, core::LogModule::kRegistry, core::LogLevel::kInfo,
        fmt::format("the registry knows {} agents, {} frameworks and {} roles with settings",
                    contents.agents.size(), contents.frameworks.size(), contents.roles.size()));
  }
  registry_ = std::make_unique<RegistryWriter>(
      std::move(beginning.store), parts_.size(),
      [this](std::size_t client, std::uint64_t rows) {
        Part& part = *parts_[client];
        part.reactor->post([service = part.service.get(), rows] { service->on_stored(rows); });
      },
      hooks_.registry_failed);
  info_.registry = registry_.get();
  core::recover_roles(*tables_, contents);
  for (const auto& part : parts_) {
    part->service->recover(contents, *registry_);
    part->service->collect_registry(options_.registry_gc);
  }
  if (!hooks_.registry_hangs) return;
  parts_[0]->registry_look =
      std::make_unique<net::Timer>(*parts_[0]->reactor, [this] { look_at_registry(); });
  parts_[0]->registry_look->start_repeating(kStoreLook);
}

void Serving::look_at_registry() {
  const RegistryWatch::Verdict verdict = registry_watch_.look(
      registry_->commits_since(parts_[0]->reactor->now()), registry_->rows_waiting());
  if (registry_hangs_) return;
  if (verdict.is_over) {
    registry_hangs_ = true;
    hooks_.registry_hangs(absl::UnavailableError(verdict.line));
  } else if (!verdict.line.empty()) {
    net::log_line(options_.log, core::LogModule::kRegistry, core::LogLevel::kWarn, verdict.line);
  }
}

absl::Status Serving::join_parts() {
  std::vector<net::Reactor*> reactors;
  for (const auto& part : parts_) reactors.push_back(part->reactor.get());
  if (has_own_tables()) {
    auto ends = net::HandOver::create(reactors);
    if (!ends.ok()) return ends.status();
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i]->hand_over = std::move((*ends)[i]);
  }
  grid_ = std::make_unique<MailGrid>(std::move(reactors));
  for (const auto& part : parts_) {
    part->service->join(*grid_, part->hand_over.get(), options_.log);
  }
  return absl::OkStatus();
}

absl::Status Serving::listen(const net::SocketAddress* joined) {
  for (const auto& each : parts_) {
    Part& part = *each;
    part.pages = std::make_unique<HttpPages>(info_, part.service->api());
    part.http = std::make_unique<net::HttpServer>(*part.reactor, part.pages.get());
    net::ListenerOptions options;
    options.frames = part.service.get();
    options.http = part.http.get();
    absl::StatusOr<std::unique_ptr<net::Listener>> listener =
        joined == nullptr
            ? net::Listener::create(*part.reactor, std::string_view(options_.listen), options)
            : net::Listener::create(*part.reactor, *joined, options);
    if (!listener.ok()) return listener.status();
    part.listener = *std::move(listener);
    joined = &parts_[0]->listener->bound_address();
    if (absl::Status safe = check_exposure(options_, *joined); !safe.ok()) return safe;
  }
  info_.address = parts_[0]->listener->bound_address().to_string();
  info_.advertised = options_.advertise.empty() ? info_.address : options_.advertise;
  return absl::OkStatus();
}

void Serving::tune(const MasterTuning& tuning) {
  for (const auto& part : parts_) {
    part->reactor->post([service = part->service.get(), tuning] { service->tune(tuning); });
  }
}

void Serving::on_reload() {
  const MasterReload reload = options_.reload();
  net::log_lines(options_.log, core::LogModule::kMaster, reload.lines);
  if (reload.tuning.has_value()) tune(*reload.tuning);
}

// On the first reactor. Their handler may run on any thread: what it writes to is made before the
// descriptor tables part, and stays in all of them.
absl::Status Serving::watch_signals() {
  for (const int signal : {SIGTERM, SIGINT}) {
    auto watcher = net::SignalWatcher::create(*parts_[0]->reactor, signal, [this] { stop(); });
    if (!watcher.ok()) return watcher.status();
    parts_[0]->signals.push_back(*std::move(watcher));
  }
  if (!options_.reload) return absl::OkStatus();
  auto watcher = net::SignalWatcher::create(*parts_[0]->reactor, SIGHUP, [this] { on_reload(); });
  if (!watcher.ok()) return watcher.status();
  parts_[0]->signals.push_back(*std::move(watcher));
  return absl::OkStatus();
}

void Serving::stop() {
  for (const auto& part : parts_) part->reactor->stop();
}

void Serving::adopt(std::vector<net::DetachedConnection> peers) {
  for (std::size_t i = 0; i < peers.size(); ++i) {
    parts_[i % parts_.size()]->adopted.push_back(std::move(peers[i]));
  }
}

// In each turn of its reactor so many of those that wait: others are served between them.
void Serving::adopt_some(Part& part) {
  if (part.adopted.empty()) return;
  part.reactor->post([&part] {
    for (std::size_t i = 0; i < kAdoptedInATurn && !part.adopted.empty(); ++i) {
      part.service->adopt(std::move(part.adopted.front()));
      part.adopted.pop_front();
    }
    adopt_some(part);
  });
}

// What the listeners fill, less what is open now.
std::uint64_t Serving::possible_sessions(std::uint64_t tables) const {
  const std::uint64_t acceptable = net::acceptable_descriptors(info_.descriptor_limit);
  const std::uint64_t in_use = net::descriptors_in_use();
  return acceptable > in_use ? (acceptable - in_use) * tables : 0;
}

void Serving::tell_capacity() {
  const std::uint64_t reactors = parts_.size();
  const std::uint64_t tables = has_own_tables() ? reactors : 1;
  const std::uint64_t sessions = possible_sessions(tables);
  std::string line = fmt::format("room for {} sessions: {} descriptor table{} of {}", sessions,
                                 tables, tables == 1 ? "" : "s", info_.descriptor_limit);
  if (sessions < kEasySessions) {
    line += "; for more raise the hard limit (ulimit -n)";
    if (tables < reactors) {
      line += fmt::format(", or say --fd-tables=per-reactor for {}", possible_sessions(reactors));
    }
  }
  net::log_line(options_.log, core::LogModule::kNet, core::LogLevel::kInfo, line);
}

absl::Status Serving::serve(const std::function<absl::Status()>& ready) {
  tell_capacity();
  // Told from the first turn, when the tables have parted: who waits for it in this process may
  // open descriptors, and no table but ours must get them.
  absl::Status told;
  parts_[0]->reactor->post([this, &told, &ready] {
    told = ready();
    if (!told.ok()) stop();
  });
  std::vector<net::ReactorThread> threads;
  for (std::unique_ptr<Part>& part : parts_) {
    net::ReactorThread thread;
    thread.reactor = part->reactor.get();
    thread.own.push_back(part->listener->descriptor());
    if (part->hand_over != nullptr) {
      thread.own.push_back(part->hand_over->receiving_descriptor());
      thread.shared.push_back(part->hand_over->sending_descriptor());
    }
    for (const net::DetachedConnection& peer : part->adopted) thread.own.push_back(peer.fd());
    adopt_some(*part);
    thread.end = [&part] { part.reset(); };
    threads.push_back(std::move(thread));
  }
  absl::Status ran =
      net::run_reactors(threads, options_.descriptor_tables, [this] { on_stopped(); });
  return told.ok() ? ran : told;
}

void Serving::end_registry() {
  if (!hooks_.registry_hangs) return registry_.reset();
  const core::Duration patience =
      registry_hangs_ ? core::Duration::zero() : options_.registry_store_timeout;
  const std::uint64_t rows = registry_->rows_waiting();
  if (RegistryWriter::end(std::move(registry_), patience) || registry_hangs_) return;
  registry_hangs_ = true;
  hooks_.registry_hangs(absl::UnavailableError(RegistryWatch::why_over(patience, rows)));
}

void Serving::on_stopped() {
  if (hooks_.may_send && !hooks_.may_send()) registry_->abandon();
  end_registry();
  if (hooks_.stopped) hooks_.stopped();
  grid_.reset();
}

absl::Status check_exposure(const MasterOptions& options, const net::SocketAddress& address) {
  if (options.insecure || address.is_loopback()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} is reachable from other machines and there is no authentication; listen on "
                  "127.0.0.1, or say --insecure if the network is trusted",
                  address.to_string()));
}

}  // namespace shoal::master
