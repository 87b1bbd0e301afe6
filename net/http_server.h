// HTTP/1.1 on a reactor. Strict: whatever could be read in two ways is answered 400 and closed.
// Requests of one connection are handled one at a time, also when the client pipelines.
//
// Threads: the reactor's only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "core/limits.h"
#include "core/time.h"
#include "net/http.h"
#include "net/reactor.h"
#include "net/stream.h"

namespace shoal::net {

class HttpConnection;
class HttpServer;

// The right to answer one request, now or later. A value: copy it freely; once the answer is given
// or the client is gone every call is harmless and returns false. Must not outlive the HttpServer.
class HttpResponder {
 public:
  HttpResponder() = default;

  bool is_alive() const;  // the client is still there and the answer not complete

  // The whole answer. For HEAD the body is left out and its length kept.
  bool respond(const HttpResponse& response);

  // An answer in parts: headers of `response` (its body is the first part), then chunks.
  // HTTP/1.0 clients get the same bytes unchunked, ended by the close.
  bool begin_stream(const HttpResponse& response);
  bool write(std::string_view part);
  bool end_stream();

  // Back-pressure: bytes waiting to be sent; over core::kHardOutputBytes the client is dropped.
  std::size_t backlog_bytes() const;
  bool is_slow() const;  // backlog over core::kSoftOutputBytes: stop producing until on_drained
  // At most one of each; called from the loop. on_closed: the client left before the answer was
  // complete (or was dropped).
  void on_drained(std::function<void()> callback);
  void on_closed(std::function<void()> callback);

 private:
  friend class HttpConnection;
  HttpResponder(HttpServer* server, std::uint64_t connection, std::uint64_t request)
      : server_(server), connection_(connection), request_(request) {}
  HttpConnection* find() const;

  HttpServer* server_ = nullptr;
  std::uint64_t connection_ = 0;
  std::uint64_t request_ = 0;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void on_request(const HttpRequest& request, HttpResponder responder) = 0;
};

struct HttpOptions {
  core::Duration header_timeout = core::kHttpHeaderTimeout;
  core::Duration idle_timeout = core::kHttpIdleTimeout;  // between requests
  std::size_t max_body_bytes = core::kMaxHttpBodyBytes;
};

class HttpServer {
 public:
  // `handler` outlives the server. Hand the server to the reactor's Listener.
  HttpServer(Reactor& reactor, HttpHandler* handler, const HttpOptions& options = {});
  ~HttpServer();  // closes its connections
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Only for net/: a fresh connection.
  void adopt(StreamPtr stream);

 private:
  friend class HttpConnection;
  friend class HttpResponder;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal::net
