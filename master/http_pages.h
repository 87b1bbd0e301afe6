// What the master answers over HTTP, on the same port as everything else: a page that says where
// to look, /health, /version and /metrics; the operator API (api.h) has the rest.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "master/service.h"
#include "net/http_server.h"

namespace shoal::master {

// What a master is, for its pages and its API. Shared by all reactors and never changed while they
// run.
struct MasterInfo {
  std::string version;
  std::string address;  // HOST:PORT
  std::uint64_t cluster_id = 0;
  std::vector<const Service*> services;
  const core::SharedTables* tables = nullptr;
  const RegistryWriter* registry = nullptr;
  std::uint64_t descriptor_limit = 0;  // of each descriptor table
};

class HttpPages final : public net::HttpHandler {
 public:
  // `api`: of the same reactor.
  HttpPages(const MasterInfo& info, Api& api) : info_(info), api_(api) {}
  void on_request(const net::HttpRequest& request, net::HttpResponder responder) override;

 private:
  const MasterInfo& info_;
  Api& api_;
};

// The Prometheus text format (version 0.0.4) of all counters.
std::string metrics_text(const MasterInfo& info);

}  // namespace shoal::master
