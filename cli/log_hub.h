// Follows the logs of many tasks on many agents: few connections per agent, some tries when
// one breaks, and a pause while whoever prints cannot keep up (reading goes on from the same byte).
//
// Threads: the reactor's only.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "sdk/log_client.h"

namespace shoal::cli {

class LogHub {
 public:
  struct Callbacks {
    std::function<void(std::string_view)> on_data;
    std::function<void(absl::Status)> on_end;     // once; errors as sdk::LogCallbacks
    std::function<void(std::uint64_t)> on_gap{};  // so many bytes are left out here
  };

  explicit LogHub(net::Reactor& reactor);

  // Connects to `address` already, because a log will be asked for.
  void warm(const std::string& address);
  // `on_end` never comes from inside the call.
  void tail(const std::string& address, sdk::LogRequest request, Callbacks callbacks);
  void pause();
  void resume();

 private:
  struct Client {
    std::string address;
    std::unique_ptr<sdk::LogClient> link;
    int reads = 0;
  };
  struct Tail {
    std::string address;
    sdk::LogRequest request;  // offset: of the next byte
    Callbacks callbacks;
    int failures = 0;          // in a row
    Client* client = nullptr;  // of the read that is under way
    bool ended = false;
    absl::Status end;
  };

  Client* client_of(const std::string& address);
  void start(std::uint64_t id);
  void on_end(std::uint64_t id, const absl::Status& status);
  void on_timer();

  net::Reactor& reactor_;
  std::uint64_t next_id_ = 1;
  bool paused_ = false;
  std::map<std::uint64_t, Tail> tails_;
  std::list<Client> clients_;
  net::Timer timer_;  // starts what is not being read, drops what failed
};

}  // namespace shoal::cli
