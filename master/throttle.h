// Calls of frameworks that come faster than their rate (rate_limits.h) wait here, on one reactor.
//
// Calls that ask for something wait, in the order they came, all of a principal in one queue:
// ACCEPT, REVIVE, SUPPRESS, RECONCILE, EXPLAIN. What gives something back, or keeps a session
// alive, goes at once and counts for nothing: DECLINE, acknowledgements, heartbeats, TEARDOWN, and
// KILL_TASK unless the launch of that very task waits; then it waits behind it. That is why the
// connection is read on: what stands behind a launch in the stream may be a kill.
//
// Threads: its reactor's. The groups are shared by all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/ids.h"
#include "core/time.h"
#include "master/rate_limits.h"
#include "wire/frame.h"

namespace shoal::master {

// One that waited.
struct HeldCall {
  core::SessionId session;
  wire::FrameView frame() const { return {header, wire::Bytes(payload)}; }

  wire::FrameHeader header;
  std::vector<std::uint8_t> payload;  // aligned as the allocator does: to 16
  std::vector<std::string> launches;  // ids of the tasks
  bool is_free = false;               // counts for nothing: it only keeps its place
};

class Throttle {
 public:
  // `limits` outlives it.
  explicit Throttle(RateLimits& limits) : limits_(limits) {}
  ~Throttle();
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  // A framework has subscribed, or has gone; what waits of it is then dropped.
  void begin(core::SessionId session, std::string_view principal);
  void end(core::SessionId session);

  enum class Answer : std::uint8_t {
    kGo,
    kWaits,  // a copy is kept
    kFull,   // neither: too many wait, or too many bytes of this framework
  };
  // Sessions that have not begun always go.
  Answer on_call(core::SessionId session, const wire::FrameView& frame, core::TimePoint now);
  // Of a call that was answered kFull: why, for people, and when to try again.
  std::string describe_full(core::SessionId session) const;
  core::Duration retry_after(core::SessionId session, core::TimePoint now) const;

  // A call whose time has come; call it until there is none.
  std::optional<HeldCall> take(core::TimePoint now);
  // When take() may have one.
  std::optional<core::TimePoint> next(core::TimePoint now) const;

 private:
  struct Session {
    RateGroup* group = nullptr;
    std::size_t held_calls = 0;
    std::size_t held_bytes = 0;
    absl::flat_hash_map<std::string, std::size_t> launches;  // of the held calls: how often
  };

  static bool is_full(const Session& session, std::size_t bytes);
  void hold(core::SessionId id, Session& session, const wire::FrameView& frame, bool is_free);
  static void release(Session& session, const HeldCall& call);

  RateLimits& limits_;
  absl::flat_hash_map<core::SessionId, Session> sessions_;
  // By the index of the group; none is empty.
  std::map<std::size_t, std::deque<HeldCall>> queues_;
};

}  // namespace shoal::master
