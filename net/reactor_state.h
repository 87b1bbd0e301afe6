// What a reactor is made of; seen by net/ only.
//
// Threads: the reactor's, except `posted` (under its lock) and `stop_requested`.
//
// Memory order: stop_requested is stored before wake(), whose fence orders it before the wake-up;
// the
//   loop reads it in that wake-up. Relaxed is therefore enough.
#pragma once

#include <uv.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "net/connection.h"
#include "net/flight_recorder.h"
#include "net/output_buffer.h"
#include "net/reactor.h"

namespace shoal::net {

struct ReactorState {
  explicit ReactorState(Reactor& owner) : reactor(owner) {}

  // --- the turn (reactor.cc) ---
  void end_turn();
  void run_hooks(std::vector<std::pair<Reactor::HookId, Reactor::Hook>>& hooks);
  void run_posted();

  bool may_send() const { return !send_gate || send_gate(); }

  // --- streams (reactor_streams.cc) ---
  static std::uint32_t add(std::vector<Stream*>& list, Stream* stream);  // returns its index
  void deliver_pending();
  void flush_dirty();
  void forget(Stream* stream);  // it goes away now
  void defer(Stream* stream);
  void write_deferred();
  void watch(Stream* stream, core::TimePoint deadline);
  void unwatch(Stream* stream);
  void check_deadlines();
  void arm_deadlines(core::TimePoint deadline);
  void close_streams();

  // --- connections (reactor_streams.cc) ---
  SessionId add_connection(Connection* connection);
  void remove_connection(SessionId id);
  Connection* find_connection(SessionId id) const;
  static void delete_connection(Connection* connection);

  std::uint8_t* read_buffer() { return reinterpret_cast<std::uint8_t*>(read_words.get()); }

  struct Slot {
    Connection* connection = nullptr;
    std::uint32_t generation = 1;
  };

  Reactor& reactor;
  ReactorCounters counters;
  FlightRecorder flight;
  uv_loop_t loop{};
  uv_async_t async{};
  uv_prepare_t prepare{};
  uv_idle_t idle{};
  uv_timer_t deadline_timer{};
  uv_timer_t deferred_timer{};  // runs while a stream is deferred

  core::TimePoint turn_time{};
  bool in_turn = false;   // turn_time is this turn's
  bool in_timer = false;  // the callback of a timer runs
  bool want_again = false;
  std::vector<std::pair<Reactor::HookId, Reactor::Hook>> turn_end_hooks;
  std::vector<std::pair<Reactor::HookId, Reactor::Hook>> wake_hooks;
  Reactor::HookId last_hook = 0;
  std::function<bool()> send_gate;  // net/send_gate.h

  std::unique_ptr<std::uint64_t[]> read_words =
      std::make_unique_for_overwrite<std::uint64_t[]>(core::kReadBufferBytes / 8);
  ChunkPool chunks;
  std::vector<Stream*> dirty;
  std::vector<Stream*> flushing;  // being flushed by flush_dirty()
  std::vector<Stream*> pending;   // with something to tell their sink
  std::vector<Stream*> lingering;
  std::vector<Connection*> graveyard;  // detached during a callback of their own
  // Streams with deferred output, by the tick at which they are looked at.
  static constexpr std::uint32_t kDeferredTicks = 16;
  static constexpr std::chrono::milliseconds kDeferredTick =
      core::kDeferredOutputWait / kDeferredTicks;
  std::array<std::vector<Stream*>, kDeferredTicks> deferred;
  std::uint32_t deferred_tick = 0;
  std::uint32_t deferred_streams = 0;
  Stream* watched = nullptr;  // list of the streams with a deadline
  core::TimePoint next_check = core::TimePoint::max();

  std::vector<Slot> slots;
  std::vector<std::uint32_t> free_slots;

  std::atomic<bool> stop_requested{false};
  std::mutex posted_lock;
  std::vector<std::function<void()>> posted;
};

// Milliseconds for uv_timer_start so that it never fires before `deadline` by the monotonic clock.
// At least 1 inside the callback of a timer: libuv calls what is due until nothing is, by a time
// that stands still, so a timer that starts itself again for the past would never let go of the
// loop. The past is where now() + delay is in a turn that takes longer than `delay`.
std::uint64_t timer_ms(const ReactorState& state, core::TimePoint deadline);

}  // namespace shoal::net
