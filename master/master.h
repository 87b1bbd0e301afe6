// The daemon that decides: reactors, shards, listeners, and their start and end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "core/limits.h"
#include "core/time.h"

namespace shoal::master {

struct MasterOptions {
  std::string listen = "127.0.0.1:7070";  // HOST:PORT; port 0 picks one
  std::string data_dir;
  std::uint32_t reactors = 0;  // 0: one per core this process may use
  std::string ready_file;  // gets {"master":…,"url":…,"pid":…} once it serves; empty: none
  bool insecure = false;   // without it only loopback addresses are listened on
  core::Duration offer_timeout = core::kDefaultOfferTimeout;
  core::Duration heartbeat_interval = core::kHeartbeatInterval;
  core::Duration session_timeout = core::kSessionTimeout;
  core::Duration agent_reregister_timeout = core::kAgentReregisterTimeout;
  std::string version;
  // Called on the calling thread when it serves, with its HOST:PORT; may be empty.
  std::function<void(const std::string& address)> on_ready;
};

// Serves until SIGTERM or SIGINT, then ends with OK. Errors: one line that says what to do.
absl::Status run_master(const MasterOptions& options);

}  // namespace shoal::master
