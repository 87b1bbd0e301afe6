#include "master/master.h"

#include <fmt/core.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "core/status.h"
#include "master/data_dir.h"
#include "master/http_pages.h"
#include "master/registry_sqlite.h"
#include "master/registry_writer.h"
#include "master/service.h"
#include "net/clock.h"
#include "net/descriptor_limit.h"
#include "net/hand_over.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "net/random.h"
#include "net/reactor_threads.h"
#include "net/signal_watcher.h"
#include "net/whole_file.h"

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

// What one reactor's thread makes use of; destroyed there, in reverse.
struct Part {
  std::unique_ptr<net::Reactor> reactor;
  std::unique_ptr<Service> service;
  std::unique_ptr<net::HandOver> hand_over;  // nullptr while all share one descriptor table
  std::unique_ptr<HttpPages> pages;
  std::unique_ptr<net::HttpServer> http;
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals;
};

// Everything of one master, in the order of its making; destroyed in reverse.
class Master {
 public:
  explicit Master(const MasterOptions& options) : options_(options) {}
  ~Master() { grid_.reset(); }  // its hooks hold on to the reactors, if those are still there
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  absl::Status build();
  absl::Status listen();
  absl::Status serve();

 private:
  core::ShardConfig shard_config(std::uint32_t index, std::uint32_t shards) const;
  absl::Status join_parts();
  absl::Status open_registry();
  absl::Status watch_signals();
  void stop();
  absl::Status tell_ready();
  std::uint64_t possible_sessions(std::uint64_t tables) const;
  void tell_capacity();
  void log(const std::string& line) const;
  bool has_own_tables() const {
    return options_.descriptor_tables == net::DescriptorTables::kPerReactor;
  }

  const MasterOptions& options_;
  std::unique_ptr<DataDir> data_dir_;
  std::unique_ptr<core::SharedTables> tables_;
  MasterInfo info_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::unique_ptr<MailGrid> grid_;
  std::unique_ptr<RegistryWriter> registry_;
  absl::Status registry_failure_;  // written by the writer's thread before it stops the reactors
};

core::ShardConfig Master::shard_config(std::uint32_t index, std::uint32_t shards) const {
  core::ShardConfig config;
  config.index = index;
  config.shards = shards;
  config.cluster_id = info_.cluster_id;
  config.version = "shoal/" + options_.version;
  config.heartbeat_interval = options_.heartbeat_interval;
  config.session_timeout = options_.session_timeout;
  config.agent_reregister_timeout = options_.agent_reregister_timeout;
  config.offer_timeout = options_.offer_timeout;
  config.offer_patience = options_.offer_patience;
  if (!options_.minimums.empty()) config.minimums = options_.minimums;
  config.share_policy = options_.share_policy;
  config.excluded_from_shares = options_.excluded_from_shares;
  config.filter_gpus = options_.filter_gpus;
  config.region = options_.region;
  config.wall_base_ms = net::wall_now_ms();
  config.mono_base = net::monotonic_now();
  return config;
}

absl::Status Master::build() {
  absl::StatusOr<DataDir> data_dir = DataDir::open(options_.data_dir);
  if (!data_dir.ok()) return data_dir.status();
  data_dir_ = std::make_unique<DataDir>(*std::move(data_dir));
  absl::StatusOr<std::uint64_t> cluster = data_dir_->cluster_id(net::random_seed() | 1);
  if (!cluster.ok()) return cluster.status();
  info_.cluster_id = *cluster;
  info_.version = options_.version;
  info_.descriptor_limit = net::raise_descriptor_limit();

  const std::uint32_t count = options_.reactors != 0 ? options_.reactors : usable_cores();
  if (count > core::kMaxReactors) {
    return absl::InvalidArgumentError(
        fmt::format("{} reactors asked for; at most {} are served", count, core::kMaxReactors));
  }
  tables_ =
      std::make_unique<core::SharedTables>(count, static_cast<std::uint32_t>(net::random_seed()));
  info_.tables = tables_.get();
  const std::uint64_t incarnation = net::random_seed();
  for (std::uint32_t i = 0; i < count; ++i) {
    absl::StatusOr<std::unique_ptr<net::Reactor>> reactor = net::Reactor::create(i);
    if (!reactor.ok()) return reactor.status();
    parts_.push_back(std::make_unique<Part>());
    Part& part = *parts_.back();
    part.reactor = *std::move(reactor);
    part.service = std::make_unique<Service>(*part.reactor, shard_config(i, count), *tables_,
                                             net::random_seed(), incarnation);
    info_.services.push_back(part.service.get());
  }
  if (absl::Status joined = join_parts(); !joined.ok()) return joined;
  return open_registry();
}

absl::Status Master::open_registry() {
  auto store = SqliteRegistry::open(data_dir_->registry_path(), info_.cluster_id,
                                    SqliteRegistry::Mode::kWrite);
  if (!store.ok()) return store.status();
  absl::StatusOr<core::RegistryContents> contents = (*store)->load();
  if (!contents.ok()) return contents.status();
  if (!contents->agents.empty() || !contents->frameworks.empty() || !contents->roles.empty()) {
    log(fmt::format("the registry knows {} agents, {} frameworks and {} roles with settings",
                    contents->agents.size(), contents->frameworks.size(), contents->roles.size()));
  }
  registry_ = std::make_unique<RegistryWriter>(
      *std::move(store), parts_.size(),
      [this](std::size_t client, std::uint64_t rows) {
        Part& part = *parts_[client];
        part.reactor->post([service = part.service.get(), rows] { service->on_stored(rows); });
      },
      [this](const absl::Status& why) {
        registry_failure_ = absl::UnavailableError(fmt::format(
            "{}; the master stops, so that nothing is promised that the next one would not know",
            core::message_of(why)));
        stop();
      });
  info_.registry = registry_.get();
  core::recover_roles(*tables_, *contents);
  for (const auto& part : parts_) part->service->recover(*contents, *registry_);
  return absl::OkStatus();
}

absl::Status Master::join_parts() {
  std::vector<net::Reactor*> reactors;
  for (const auto& part : parts_) reactors.push_back(part->reactor.get());
  if (has_own_tables()) {
    auto ends = net::HandOver::create(reactors);
    if (!ends.ok()) return ends.status();
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i]->hand_over = std::move((*ends)[i]);
  }
  grid_ = std::make_unique<MailGrid>(std::move(reactors));
  for (const auto& part : parts_) {
    part->service->join(*grid_, part->hand_over.get(),
                        [this](const std::string& line) { log(line); });
  }
  return absl::OkStatus();
}

absl::Status Master::listen() {
  for (const auto& each : parts_) {
    Part& part = *each;
    part.pages = std::make_unique<HttpPages>(info_, part.service->api());
    part.http = std::make_unique<net::HttpServer>(*part.reactor, part.pages.get());
    net::ListenerOptions options;
    options.frames = part.service.get();
    options.http = part.http.get();
    absl::StatusOr<std::unique_ptr<net::Listener>> listener =
        each == parts_.front()
            ? net::Listener::create(*part.reactor, std::string_view(options_.listen), options)
            : net::Listener::create(*part.reactor, parts_[0]->listener->bound_address(), options);
    if (!listener.ok()) return listener.status();
    part.listener = *std::move(listener);
    if (!options_.insecure && !part.listener->bound_address().is_loopback()) {
      return absl::FailedPreconditionError(fmt::format(
          "{} is reachable from other machines and there is no authentication; listen on "
          "127.0.0.1, or say --insecure if the network is trusted",
          part.listener->bound_address().to_string()));
    }
  }
  info_.address = parts_[0]->listener->bound_address().to_string();
  return absl::OkStatus();
}

// On the first reactor. Their handler may run on any thread: what it writes to is made before the
// descriptor tables part, and stays in all of them.
absl::Status Master::watch_signals() {
  for (const int signal : {SIGTERM, SIGINT}) {
    auto watcher = net::SignalWatcher::create(*parts_[0]->reactor, signal, [this] { stop(); });
    if (!watcher.ok()) return watcher.status();
    parts_[0]->signals.push_back(*std::move(watcher));
  }
  return absl::OkStatus();
}

void Master::stop() {
  for (const auto& part : parts_) part->reactor->stop();
}

absl::Status Master::tell_ready() {
  if (!options_.ready_file.empty()) {
    const std::string ready =
        fmt::format("{{\"master\":\"{}\",\"url\":\"http://{}\",\"pid\":{}}}\n", info_.address,
                    info_.address, ::getpid());
    if (absl::Status written = net::write_file_atomically(options_.ready_file, ready);
        !written.ok()) {
      return written;
    }
  }
  if (options_.on_ready) options_.on_ready(info_.address);
  return absl::OkStatus();
}

void Master::log(const std::string& line) const {
  if (options_.log) return options_.log(line);
  fmt::print(stderr, "shoal master: {}\n", line);
}

// What the listeners fill, less what is open now.
std::uint64_t Master::possible_sessions(std::uint64_t tables) const {
  const std::uint64_t acceptable = net::acceptable_descriptors(info_.descriptor_limit);
  const std::uint64_t in_use = net::descriptors_in_use();
  return acceptable > in_use ? (acceptable - in_use) * tables : 0;
}

void Master::tell_capacity() {
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
  log(line);
}

absl::Status Master::serve() {
  if (absl::Status watching = watch_signals(); !watching.ok()) return watching;
  tell_capacity();
  // Told from the first turn, when the tables have parted: who waits for it in this process may
  // open descriptors, and no table but ours must get them.
  absl::Status told;
  parts_[0]->reactor->post([this, &told] {
    told = tell_ready();
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
    thread.end = [&part] { part.reset(); };
    threads.push_back(std::move(thread));
  }
  absl::Status ran = net::run_reactors(threads, options_.descriptor_tables, [this] {
    registry_.reset();
    grid_.reset();
  });
  if (!registry_failure_.ok()) return registry_failure_;
  return told.ok() ? ran : told;
}

}  // namespace

absl::Status run_master(const MasterOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  Master master(options);
  if (absl::Status built = master.build(); !built.ok()) return built;
  if (absl::Status listening = master.listen(); !listening.ok()) return listening;
  return master.serve();
}

}  // namespace shoal::master
