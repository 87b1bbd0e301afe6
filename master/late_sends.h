// Frames that may wait a moment for company. A send to an agent costs a system call here and wakes
// the agent up; what an agent is in no hurry to hear goes with the next frame to it, or alone when
// none comes in time.
//
// Threads: the reactor's.
#pragma once

#include <chrono>
#include <deque>

#include "core/time.h"
#include "net/reactor.h"
#include "net/timer.h"
#include "wire/frame.h"

namespace shoal::master {

// Far below the ten seconds after which an agent tells again what nobody acknowledged.
inline constexpr std::chrono::milliseconds kLateSend{500};

class LateSends {
 public:
  explicit LateSends(net::Reactor& reactor);

  // Written with the next frame to the connection, after kLateSend at the latest. In order with
  // the others. Swallowed when the connection has gone.
  void send(net::SessionId to, wire::Bytes frame);

 private:
  struct Waiting {
    net::SessionId to;
    core::TimePoint due;
  };
  void flush_due();

  net::Reactor& reactor_;
  net::Timer timer_;
  std::deque<Waiting> waiting_;  // by `due`; some were written long ago
};

}  // namespace shoal::master
