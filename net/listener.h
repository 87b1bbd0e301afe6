// Accepts TCP connections on one reactor and tells frames from HTTP by the first byte.
//
// Every reactor has its own listener; with SO_REUSEPORT the kernel spreads connections over them.
// At 95 % of the descriptors that its reactor's table may hold a listener stops accepting (counted)
// and resumes when some are free again: existing connections come first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/reactor.h"

namespace shoal::net {

class HttpServer;

struct ListenerOptions {
  ConnectionHandler* frames = nullptr;  // nullptr: frames are refused
  HttpServer* http = nullptr;           // of the same reactor; nullptr: HTTP is refused
  ConnectionOptions connection;         // for frame connections
  int backlog = 4096;
};

class Listener {
 public:
  // The first listener of a process. Resolves `bind_address` (HOST:PORT, net/address.h; blocking,
  // so at start-up only), takes the first result, binds and listens. Port 0: the kernel picks.
  // Errors: INVALID_ARGUMENT (malformed), UNAVAILABLE (name, or bind: with the address and the
  // system's reason; a port on which another process listens is refused).
  static absl::StatusOr<std::unique_ptr<Listener>> create(Reactor& reactor,
                                                          std::string_view bind_address,
                                                          const ListenerOptions& options);
  // The listeners of the other reactors: joins `address`, the bound_address() of the first.
  static absl::StatusOr<std::unique_ptr<Listener>> create(Reactor& reactor,
                                                          const SocketAddress& address,
                                                          const ListenerOptions& options);
  // Stops listening; accepted connections stay.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const SocketAddress& bound_address() const { return bound_; }
  bool is_paused() const;
  int descriptor() const;  // for run_reactors()

 private:
  struct State;
  Listener(std::unique_ptr<State> state, const SocketAddress& bound);

  std::unique_ptr<State> state_;
  SocketAddress bound_;
};

}  // namespace shoal::net
