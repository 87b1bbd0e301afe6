// One GET or POST of HTTP/1.1, on a connection of its own: for tools that ask daemons. No
// redirects, no compression, no encryption.
//
// Threads: the reactor's only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/time.h"
#include "net/address.h"
#include "net/reactor.h"

namespace shoal::net {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // First header of that name, any case; empty when there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpCallOptions {
  core::Duration timeout = std::chrono::seconds(10);  // for all of it
  std::size_t max_body_bytes = 64 * 1024 * 1024;
  std::string json;  // not empty: a POST of it
};

class HttpCall {
 public:
  using Done = std::function<void(absl::StatusOr<HttpAnswer>)>;

  // `target` is sent as it is: "/path?query", encoded. A name in `server` is looked up blocking.
  // `done` is called once, from the loop, and may destroy the HttpCall. Errors: UNAVAILABLE (nobody
  // there, or it went away), DEADLINE_EXCEEDED, INVALID_ARGUMENT (no HTTP, or a target that is
  // none), RESOURCE_EXHAUSTED (the answer is too large). Any status of HTTP is an answer.
  HttpCall(Reactor& reactor, const HostPort& server, std::string_view target,
           const HttpCallOptions& options, Done done);
  ~HttpCall();  // without `done`
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// `text` for a query or a segment of a path: what is not a letter, a digit or one of -._~ becomes
// %XX.
std::string percent_encode(std::string_view text);

}  // namespace shoal::net
