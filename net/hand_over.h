// Hands connections to reactors whose descriptor tables are their own (net/reactor_threads.h): the
// socket travels as SCM_RIGHTS through a socketpair, what was read of it by memory. Where the table
// is one, a DetachedConnection simply goes by mailbox.
//
// One socketpair per receiver, into which all others send. A message carries up to kMaxPerMessage
// sockets and, as its bytes, the addresses of their DetachedConnections, which are the receiver's
// from then on: both ends are in one process.
//
// Threads: create() and destruction like a reactor's objects; the rest on the reactor's thread.
//
// Invariants:
//   1. Connections from one reactor to another arrive once, in order, or are closed and counted in
//      hand_over_refused: when the receiver's table is full, and when too many wait for it.
//   2. A socket is closed in the sender's table as soon as the kernel has it.
//   3. Nothing blocks: a full socketpair is tried again from a timer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/limits.h"
#include "net/connection.h"
#include "net/fd_watcher.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::net {

struct HandOverOptions {
  std::size_t max_waiting = core::kMaxHandOversWaiting;  // of one sender, for one receiver
  int send_buffer_bytes = 0;                             // of a socketpair; 0: the system's choice
};

// One reactor's end.
class HandOver {
 public:
  static constexpr std::size_t kMaxPerMessage = 32;  // the kernel's bound is 253
  using Receiver = std::function<void(DetachedConnection connection)>;
  // `count` connections were closed because of `why` (RESOURCE_EXHAUSTED, UNAVAILABLE).
  using Refused = std::function<void(std::size_t count, const absl::Status& why)>;

  // The ends of all `reactors` (reactors[i]->index() == i), made before the tables part.
  // Errors: RESOURCE_EXHAUSTED (no descriptors).
  static absl::StatusOr<std::vector<std::unique_ptr<HandOver>>> create(
      const std::vector<Reactor*>& reactors, const HandOverOptions& options = {});

  // Closes what waits here, on both sides of the socketpair. No reactor runs any more.
  ~HandOver();
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  void receive(Receiver receiver, Refused refused);

  // At the end of this turn; `to` is another reactor. Never fails: see invariant 1.
  void send(std::size_t to, DetachedConnection connection);

  // For run_reactors(): what only this reactor uses, and what the others send into.
  int receiving_descriptor() const { return receiving_; }
  int sending_descriptor() const { return sending_[reactor_.index()]; }

 private:
  // What waits for one receiver.
  struct Line {
    std::deque<std::unique_ptr<DetachedConnection>> waiting;
    bool blocked = false;  // the kernel took no more; until the timer
  };

  HandOver(Reactor& reactor, const HandOverOptions& options, int receiving,
           std::vector<int> sending);
  absl::Status start();

  void flush();
  void flush_line(std::size_t to);
  int send_batch(int fd, Line& line);  // 0, or errno
  void on_readable();
  bool receive_message();  // false: there was none
  void refuse(std::size_t count, const absl::Status& why);

  Reactor& reactor_;
  const HandOverOptions options_;
  const int receiving_;
  const std::vector<int> sending_;  // by receiver; the own one is only held open, and closed, here
  Receiver receiver_;
  Refused refused_;
  std::vector<Line> lines_;  // by receiver
  std::size_t waiting_ = 0;  // in all lines
  std::unique_ptr<FdWatcher> watcher_;
  Timer retry_;
  Reactor::HookId turn_end_hook_ = 0;
};

}  // namespace shoal::net
