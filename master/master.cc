#include "master/master.h"

#include <fmt/core.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "master/data_dir.h"
#include "master/http_pages.h"
#include "master/service.h"
#include "net/clock.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "net/random.h"
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

// Everything of one master, in the order of its making; destroyed in reverse.
class Master {
 public:
  explicit Master(const MasterOptions& options) : options_(options) {}
  ~Master() {
    // The grid's hooks and the listeners hold on to reactors and services.
    listeners_.clear();
    http_servers_.clear();
    grid_.reset();
    services_.clear();
  }
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  absl::Status build();
  absl::Status listen();
  absl::Status serve();

 private:
  core::ShardConfig shard_config(std::uint32_t index, std::uint32_t shards) const;

  const MasterOptions& options_;
  std::unique_ptr<DataDir> data_dir_;
  std::vector<std::unique_ptr<net::Reactor>> reactors_;
  std::unique_ptr<core::SharedTables> tables_;
  std::vector<std::unique_ptr<Service>> services_;
  std::unique_ptr<MailGrid> grid_;
  MasterInfo info_;
  HttpPages pages_{info_};
  std::vector<std::unique_ptr<net::HttpServer>> http_servers_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
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

  const std::uint32_t count = options_.reactors != 0 ? options_.reactors : usable_cores();
  if (count > core::kMaxReactors) {
    return absl::InvalidArgumentError(
        fmt::format("{} reactors asked for; at most {} are served", count, core::kMaxReactors));
  }
  tables_ =
      std::make_unique<core::SharedTables>(count, static_cast<std::uint32_t>(net::random_seed()));
  info_.tables = tables_.get();
  std::vector<net::Reactor*> pointers;
  for (std::uint32_t i = 0; i < count; ++i) {
    absl::StatusOr<std::unique_ptr<net::Reactor>> reactor = net::Reactor::create(i);
    if (!reactor.ok()) return reactor.status();
    reactors_.push_back(*std::move(reactor));
    pointers.push_back(reactors_.back().get());
    services_.push_back(std::make_unique<Service>(*reactors_.back(), shard_config(i, count),
                                                  *tables_, net::random_seed()));
    info_.services.push_back(services_.back().get());
  }
  grid_ = std::make_unique<MailGrid>(std::move(pointers));
  for (const auto& service : services_) service->join(*grid_);
  return absl::OkStatus();
}

absl::Status Master::listen() {
  for (std::size_t i = 0; i < reactors_.size(); ++i) {
    http_servers_.push_back(std::make_unique<net::HttpServer>(*reactors_[i], &pages_));
    net::ListenerOptions options;
    options.frames = services_[i].get();
    options.http = http_servers_.back().get();
    absl::StatusOr<std::unique_ptr<net::Listener>> listener =
        i == 0 ? net::Listener::create(*reactors_[i], std::string_view(options_.listen), options)
               : net::Listener::create(*reactors_[i], listeners_[0]->bound_address(), options);
    if (!listener.ok()) return listener.status();
    listeners_.push_back(*std::move(listener));
    if (!options_.insecure && !listeners_.back()->bound_address().is_loopback()) {
      return absl::FailedPreconditionError(fmt::format(
          "{} is reachable from other machines and there is no authentication; listen on "
          "127.0.0.1, or say --insecure if the network is trusted",
          listeners_.back()->bound_address().to_string()));
    }
  }
  info_.address = listeners_[0]->bound_address().to_string();
  return absl::OkStatus();
}

absl::Status Master::serve() {
  const auto stop = [this] {
    for (const auto& reactor : reactors_) reactor->stop();
  };
  std::vector<std::unique_ptr<net::SignalWatcher>> watchers;
  for (const int signal : {SIGTERM, SIGINT}) {
    auto watcher = net::SignalWatcher::create(*reactors_[0], signal, stop);
    if (!watcher.ok()) return watcher.status();
    watchers.push_back(*std::move(watcher));
  }
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
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < reactors_.size(); ++i) {
    threads.emplace_back([reactor = reactors_[i].get()] { reactor->run(); });
  }
  reactors_[0]->run();
  for (std::thread& thread : threads) thread.join();
  return absl::OkStatus();
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
