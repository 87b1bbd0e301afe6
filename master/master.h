// The daemon that decides: reactors, shards, listeners, and their start and end.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/fair_share.h"
#include "core/fleet.h"
#include "core/limits.h"
#include "core/quantities.h"
#include "core/registry_gc.h"
#include "core/time.h"
#include "master/etcd_limits.h"
#include "master/rate_limits.h"
#include "master/registry_watch.h"
#include "net/log.h"
#include "net/reactor_threads.h"

namespace shoal::master {

// What may change while it runs.
struct MasterTuning {
  core::Duration offer_timeout = core::kDefaultOfferTimeout;
  core::Duration offer_patience = core::kDefaultOfferPatience;
  std::vector<core::Quantities> minimums;  // an offer holds one of them; empty: cpus:0.01|mem:32
  core::Duration busy_lag = core::kDefaultBusyLag;  // of admission.h; 0: nobody is turned away
  bool filter_gpus = true;  // agents with GPUs only to frameworks that can use them
};

// What came of reading the settings again.
struct MasterReload {
  std::optional<MasterTuning> tuning;  // nullopt: all stays as it is
  std::vector<std::string> lines;      // what the operator should know
};

struct MasterOptions : MasterTuning {
  std::string listen = "127.0.0.1:7070";  // HOST:PORT; port 0 picks one
  std::string data_dir;
  std::uint32_t reactors = 0;  // 0: one per core this process may use
  net::DescriptorTables descriptor_tables = net::DescriptorTables::kShared;
  std::string ready_file;  // gets {"master":…,"url":…,"pid":…} once it serves; empty: none
  bool insecure = false;   // without it only loopback addresses are listened on
  core::SharePolicy share_policy = core::SharePolicy::kDominantShare;
  std::array<bool, core::kResourceKinds> excluded_from_shares{};
  std::string region;  // fault domain of the master; both empty or neither
  std::string zone;
  core::Duration heartbeat_interval = core::kHeartbeatInterval;
  core::Duration session_timeout = core::kSessionTimeout;
  core::Duration agent_reregister_timeout = core::kAgentReregisterTimeout;
  core::RemovalLimits removals;
  RateLimitOptions rate_limits;  // of frameworks
  std::string registry;  // etcd://… (master/etcd_target.h), for several masters; empty: data_dir
  core::RegistryGcLimits registry_gc;
  // Without etcd: a transaction that takes longer ends the master.
  core::Duration registry_store_timeout = kDefaultStoreTimeout;
  core::Duration lease = kDefaultLease;  // with etcd: whole seconds
  std::string advertise;                 // with etcd: HOST:PORT; empty: where it listens
  std::string version;
  // Called on the calling thread when it serves, with its HOST:PORT; may be empty. With etcd also a
  // standby serves: it says who leads.
  std::function<void(const std::string& address)> on_ready;
  net::Log* log = nullptr;  // gets what the operator should know; nullptr: nobody does
  // Asked at SIGHUP, on a reactor's thread or a standby's, one at a time; empty: SIGHUP is left
  // alone.
  std::function<MasterReload()> reload;
};

// Serves until SIGTERM or SIGINT, then ends with OK; with etcd as leader or standby, whichever it
// is at the time. Raises the process's soft limit of descriptors. Errors: one line that says what
// to do.
absl::Status run_master(const MasterOptions& options);

}  // namespace shoal::master
