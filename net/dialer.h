// Connects to one of a list of addresses and stays at it: after a failure, and after the connection
// was lost, it tries the next address, waiting between rounds (net/backoff.h).
//
// Threads: the reactor's only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "core/limits.h"
#include "core/time.h"
#include "net/address.h"
#include "net/backoff.h"
#include "net/connection.h"
#include "net/master_list.h"
#include "net/reactor.h"

namespace shoal::net {

// How long a peer may take to greet back: a master that leads does at once, one that stands by
// keeps us until somebody leads (master/standby.h).
inline constexpr std::chrono::milliseconds kGreetingTimeout{5000};

struct DialerOptions {
  // Tried in order; names are resolved each time. Or: etcd is asked before each attempt.
  MasterList masters;
  std::optional<SocketAddress> source;  // dial from there; its port is 0
  std::uint64_t seed = 0;               // of all that is random: random_seed(), or fixed in tests
  bool shuffles = false;                // the addresses, once: so crowds part
  BackoffLimits backoff = kReconnectBackoff;
  core::Duration connect_timeout = core::kDialTimeout;
  ConnectionOptions connection{.hello_timeout = kGreetingTimeout};
  // An attempt failed or a connection ended: to whom (an empty host: etcd did not say), why,
  // and when the next attempt starts.
  std::function<void(const HostPort& address, const absl::Status& why, core::Duration wait)>
      on_retry;
};

class Dialer {
 public:
  // `handler` gets on_connected, on_frame and on_closed of every connection; it outlives the
  // dialer.
  Dialer(Reactor& reactor, ConnectionHandler* handler, DialerOptions options);
  // Stops dialling and closes the connection, without on_closed.
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  void start();
  // No attempt from now on; a connection that there is stays.
  void give_up();
  // The peer has said that it does not lead, and who does. Ends the connection; the next attempt
  // goes to `leader`, at once, unless it was sent on core::kMaxRedirects times in a row without
  // set_healthy(): then it waits, and goes on in the list. So it does when `leader` is no
  // HOST:PORT: the peer does not know.
  void redirect(std::string_view leader, const absl::Status& why);
  // The peer has too much to do and has said when to come back. Ends the connection; the next
  // attempt goes to the same address after `wait`, of which core::kMaxRetryAfter counts at most.
  void come_back_after(core::Duration wait, const absl::Status& why);
  // Drops the present connection or wait and dials at once.
  void reconnect_now(const absl::Status& why);
  // The owner has been greeted: the next failure starts the backoff anew. (A TCP connect alone
  // proves nothing, so it does not reset it.)
  void set_healthy();

  Connection* connection();  // nullptr while there is none
  const HostPort& current_address() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shoal::net
