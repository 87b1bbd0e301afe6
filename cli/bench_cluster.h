// The cluster that a bench measures: a master and a swarm as processes of their own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/data_folder.h"
#include "cli/supervisor.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"

namespace shoal::cli {

// What the swarm has last said of itself.
struct SwarmReport {
  std::uint64_t registered = 0;
  std::uint64_t registrations = 0;
  std::uint64_t lost = 0;
  std::uint64_t tasks_started = 0;
};

struct MasterUse {
  std::uint64_t rss_bytes = 0;
  double cpu_s = 0;  // of all its threads, since it began
};

// One of several masters.
struct BenchMaster {
  Supervisor::ChildId child = 0;
  std::string address;
  pid_t pid = 0;
};

// Over all series of the name in a page of metrics; 0: there is none.
double sum_of(std::string_view metrics, std::string_view name);

class BenchCluster {
 public:
  // Errors: INTERNAL.
  static absl::StatusOr<std::unique_ptr<BenchCluster>> create(net::Reactor& reactor);
  ~BenchCluster();

  // Starts a master and waits until it serves. `preload`: a malloc, or empty.
  absl::Status start_master(const std::vector<std::string>& more_words, const std::string& preload);
  // The same of one of several, on `listen`; its folder and its log are called `name`.
  absl::StatusOr<BenchMaster> add_master(const std::string& name, const std::string& listen,
                                         const std::vector<std::string>& more_words);
  // SIGKILL, which is then no failure of the cluster.
  void kill_master(const BenchMaster& master);
  // Starts an etcd of one member and waits until it serves: its HOST:PORT. Errors: NOT_FOUND (there
  // is no program `etcd`).
  absl::StatusOr<std::string> start_etcd();
  void attach(const std::string& master) { master_ = master; }
  // Starts `shoal swarm` with these words added, and waits until all its agents are registered.
  absl::Status start_swarm(const std::vector<std::string>& words, core::Duration patience);

  // Turns the reactor for so long, or until `done` holds. CANCELLED after Ctrl-C, UNAVAILABLE when
  // a child has died (with the end of its log), DEADLINE_EXCEEDED when `done` did not come.
  absl::Status wait(core::Duration time);
  absl::Status wait_until(const std::function<bool()>& done, core::Duration patience,
                          const std::string& what);

  const std::string& master() const { return master_; }
  bool owns_master() const { return master_pid_ > 0; }
  const std::string& folder() const { return folder_.path(); }
  double register_seconds() const { return register_seconds_; }
  SwarmReport swarm_report() const;
  // Of an owned master.
  MasterUse master_use() const;
  // A sum over all series of the name in a master's /metrics, which is asked up to three times,
  // blocking. 0 if there was no answer; answered() says so then.
  double metric(const std::string& master, std::string_view name);
  double master_metric(std::string_view name) { return metric(master_, name); }
  // Of any of the master's reactors, since it began. Without an answer as metric().
  double longest_turn_seconds();
  // UNAVAILABLE when some figure could not be had: the result is none.
  const absl::Status& answered() const { return answered_; }

  // Ends the children and waits for them.
  void stop();

 private:
  explicit BenchCluster(net::Reactor& reactor) : reactor_(reactor) {}
  absl::StatusOr<Supervisor::ChildId> start(const std::string& name, std::vector<std::string> words,
                                            const std::string& program = "");
  std::string ask(const std::string& master, const std::string& path);

  net::Reactor& reactor_;
  DataFolder folder_;
  std::unique_ptr<Supervisor> supervisor_;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  bool is_interrupted_ = false;
  bool is_stopping_ = false;
  std::set<Supervisor::ChildId> killed_;
  std::string death_;  // of a child that was not to die
  absl::Status answered_;
  std::string master_;
  pid_t master_pid_ = 0;
  double register_seconds_ = 0;
};

}  // namespace shoal::cli
