// Asks agents over HTTP (agent/http_api.h says what they answer), blocking.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http_client.h"
#include "net/reactor.h"

namespace shoal::cli {

struct AgentQuestion {
  std::string address;  // HOST:PORT, as the agent announced it; may be empty
  std::string target;   // "/v1/usage"
};

// Asks up to 64 at a time and waits for all, 10 s each at most. One result for each, in order; any
// status of HTTP is an answer. Errors: net::HttpCall's. Also for masters.
std::vector<absl::StatusOr<net::HttpAnswer>> fetch(net::Reactor& reactor,
                                                   const std::vector<AgentQuestion>& questions);

// The same, but an answer is one of 200. Errors: UNAVAILABLE and the like (net::HttpCall), or what
// an agent answered otherwise: NOT_FOUND (404), INVALID_ARGUMENT (400), PERMISSION_DENIED (403),
// RESOURCE_EXHAUSTED (503), INTERNAL.
std::vector<absl::StatusOr<net::HttpAnswer>> ask_agents(
    net::Reactor& reactor, const std::vector<AgentQuestion>& questions);

absl::StatusOr<net::HttpAnswer> ask_agent(net::Reactor& reactor, const AgentQuestion& question);

}  // namespace shoal::cli
