// A reactor: one thread with one event loop. A turn is: what became ready, timers, then the hooks
// of the turn's end, then one write per connection that has output, then it blocks.
//
// Threads: create() anywhere; run() makes the calling thread the reactor's thread. stop(), post(),
// counters() and the const flight() from any thread; everything else only on the reactor's thread,
// or while no thread runs it (before run(), after run() returned). Objects made on a reactor
// (timers, listeners, dialers …) are destroyed before it, under the same rule.
//
// Invariants:
//   1. Time does not move within a turn: now() reads the clock once.
//   2. No callback is called from inside a call the owner makes (send, close …): they come later in
//      the turn, from the loop.
//   3. A turn ends with no connection that has output and was not offered to the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/time.h"
#include "net/counters.h"

namespace shoal::net {

class Connection;
class FlightRecorder;
struct ReactorState;  // net/reactor_state.h, only for net

// One connection of one reactor: 8 bits reactor, 24 bits index, 32 bits generation. 0 is no
// session. An id is never used again: a late use finds nothing.
using SessionId = std::uint64_t;
inline constexpr SessionId kNoSession = 0;
constexpr std::size_t session_reactor(SessionId id) { return static_cast<std::size_t>(id >> 56); }

class Reactor {
 public:
  using Hook = std::function<void()>;
  using HookId = std::uint64_t;

  // `index` < core::kMaxReactors. Errors: INTERNAL (no descriptors or memory for a loop).
  static absl::StatusOr<std::unique_ptr<Reactor>> create(std::size_t index);

  // Closes every connection and handle that is left; on_closed is not called for them.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  std::size_t index() const { return index_; }

  // Turns until stop(). May be called again after it returned.
  void run();
  void stop();

  // The turn's time.
  core::TimePoint now();

  // Runs `task` on the reactor's thread, in order per caller. A lock and an allocation: for
  // control, not for data (that goes by MailboxGrid).
  void post(std::function<void()> task);

  // `hook` runs once at the end of every turn, in order of registration, before output is flushed.
  HookId at_turn_end(Hook hook);
  // `hook` runs whenever the reactor was woken by wake().
  HookId at_wake(Hook hook);
  void remove_hook(HookId id);

  // Wakes the reactor from any thread; wake-ups that were not yet delivered are merged.
  void wake();
  // Own thread: the next turn follows at once, without blocking.
  void run_again();

  // nullptr when the connection is closed, closing, or of another reactor.
  Connection* find_connection(SessionId id);

  const ReactorCounters& counters() const;
  ReactorCounters& mutable_counters();
  void reset_max_turn();

  // What it did last; from any thread.
  const FlightRecorder& flight() const;
  FlightRecorder& flight();

  // For run_reactors(): what only the reactor's thread uses (it sleeps on it, or reads it), and
  // what all threads write to (a wake-up; the handler of a signal runs on any).
  std::vector<int> own_descriptors() const;
  std::vector<int> shared_descriptors() const;

  // Only for net/.
  ReactorState& state() { return *state_; }

 private:
  explicit Reactor(std::size_t index);

  const std::size_t index_;
  std::unique_ptr<ReactorState> state_;
};

}  // namespace shoal::net
