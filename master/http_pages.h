// What the master answers over HTTP, on the same port as everything else: a page that says where
// to look, /health, /livez, /readyz, /version and /metrics; the operator API (api.h) has the rest.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "master/debug_pages.h"
#include "master/service.h"
#include "net/http_server.h"

namespace shoal::master {

class Leadership;

// What a master is, for its pages and its API. Shared by all reactors and never changed while they
// run.
struct MasterInfo {
  std::string version;
  std::string address;     // HOST:PORT
  std::string advertised;  // HOST:PORT that others are told
  std::uint64_t cluster_id = 0;
  std::vector<const Service*> services;
  const core::SharedTables* tables = nullptr;
  const RegistryWriter* registry = nullptr;
  const RateLimits* rate_limits = nullptr;  // nullptr: none
  core::RemovalLimits removals;
  std::uint64_t descriptor_limit = 0;      // of each descriptor table
  bool own_tables = false;                 // each reactor has one
  std::uint64_t epoch = 0;                 // of its leadership; 0: without an election
  std::uint64_t elections = 0;             // that this process has won
  std::int64_t since_ms = 0;               // wall clock: of its start
  const Leadership* leadership = nullptr;  // nullptr: without an election
  std::function<void()> step_down;         // from any thread; with an election
  net::Log* log = nullptr;                 // nullptr: there is none

  // Too many agents are silent at once for any of them to be given up (core/fleet.h).
  bool removals_stopped() const {
    return tables->fleet.is_mostly_silent(removals.silent_percent) ||
           tables->recovery.is_mostly_missing(removals.recovery_percent);
  }
};

class HttpPages final : public net::HttpHandler {
 public:
  // `api`: of the same reactor. `info` has all its services.
  HttpPages(const MasterInfo& info, Api& api);
  void on_request(const net::HttpRequest& request, net::HttpResponder responder) override;

 private:
  const MasterInfo& info_;
  Api& api_;
  DebugSubject debug_;
};

// "/version": which build this is.
std::string version_page(const std::string& version);
// 307 to `target` (what follows the port) at the master `address`.
net::HttpResponse redirect_to(const std::string& address, std::string_view target);

}  // namespace shoal::master
