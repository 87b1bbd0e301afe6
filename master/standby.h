// What a master is while another one leads: its port is open, and says who.
//
//   frames   Refusal{NotLeader, HOST:PORT of the leader} after the HELLO, then closed. While nobody
//            leads, or the one that does is not alive, a peer is kept waiting a few seconds: told
//            that nobody leads it would come again later and later. When somebody does, those that
//            wait are told, so many at a time that the new leader can take them. When it is this
//            process, it takes them over as they are.
//   HTTP     /health, /livez: 200; /readyz: 503; /metrics, /version; anything else: 307 to the same
//            at the leader, or 503 while nobody leads. /redirect: 307 to the leader's front page
//
// A reactor on a thread of its own, for the whole life of the process, so the port is open also
// while a leader is made or taken down beside it. It also hears the process's signals.
//
// Threads: all functions on one thread, but not this one's own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/connection.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "net/log.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"

namespace shoal::master {

class Leadership;

struct StandbyOptions {
  std::string listen;  // HOST:PORT; port 0 picks one
  std::string version;
  std::function<void()> on_signal;   // SIGTERM or SIGINT, on this thread
  std::function<void()> on_hang_up;  // SIGHUP, on this thread; empty: it is left alone
  net::Log* log = nullptr;           // as of MasterOptions
};

class Standby {
 public:
  // The port is open. Errors: those of net::Listener::create().
  static absl::StatusOr<std::unique_ptr<Standby>> create(const StandbyOptions& options);
  ~Standby();
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  const net::SocketAddress& address() const { return address_; }

  // Whom to ask who leads; nullptr: nobody. It must not end while it is set.
  void set_leadership(const Leadership* leadership);

  // The port, again; beside others of this process that have it.
  absl::Status open();
  // Somebody else of this process has the port.
  void close();
  // Those that wait for a leader; their input begins with their HELLO. Who is not taken is told
  // where the leader is.
  std::vector<net::DetachedConnection> take_waiting();

  // On its reactor: HOST:PORT of the master that leads, also when it is this process; or "".
  std::string leader() const;

 private:
  class Frames;
  class Pages;

  explicit Standby(const StandbyOptions& options);
  absl::Status start();
  bool hears_store() const;  // on its reactor
  absl::Status listen_on(const net::SocketAddress* address);
  // On the reactor's thread; returns when it is done.
  void run_there(const std::function<void()>& task);

  const StandbyOptions options_;
  net::SocketAddress address_;
  const Leadership* leadership_ = nullptr;  // the reactor's thread only, as the next
  bool is_served_ = false;                  // somebody else of this process has the port: it leads
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<Frames> frames_;
  std::unique_ptr<Pages> pages_;
  std::unique_ptr<net::HttpServer> http_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  std::mutex mutex_;  // guards `done` of run_there()
  std::condition_variable done_;
  std::thread thread_;
};

}  // namespace shoal::master
