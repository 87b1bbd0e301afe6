// What a reactor turns away when it has more to do than it can: newcomers and long reads. Sessions
// that are there go on: their heartbeats, kills and acknowledgements are what the time is for.
//
// A reactor is busy while
//   - the turns that a message meets take longer than the limit (an average over about a second),
//   or
//   - more rows wait for the registry than core::kBusyRegistryRows, or
//   - a mailbox has held more than core::kBusyMail messages for a second.
//
// Threads: its reactor's; counters() from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "alloc/counters.h"
#include "core/random.h"
#include "core/time.h"
#include "net/counters.h"

namespace shoal::master {

class Admission {
 public:
  // Whom it turns away.
  enum class Guest : std::uint8_t { kAgent = 0, kFramework = 1, kRead = 2 };
  static constexpr std::size_t kGuests = 3;

  struct Counters {
    alloc::Counter is_busy;  // gauge: 1 while it is, as of the last turn
    alloc::Counter turned_away[kGuests];
  };
  struct Load {
    std::size_t mail = 0;    // messages in the fullest mailbox
    std::uint64_t rows = 0;  // that are not durable yet
  };

  // `reactor`: its counters; outlives this. `lag`: how long turns may take; 0: nobody is ever
  // turned away. `seed`: of the waits.
  Admission(const net::ReactorCounters& reactor, core::Duration lag, std::uint64_t seed)
      : reactor_(reactor), lag_limit_(lag), random_(seed) {}

  void set_lag_limit(core::Duration lag) { lag_limit_ = lag; }

  // At least once a turn.
  void on_turn(core::TimePoint now);
  // Whether on_load() should be called: it costs, so it is ten times a second.
  bool wants_load(core::TimePoint now) const { return now >= next_load_; }
  void on_load(core::TimePoint now, const Load& load);

  bool is_busy(core::TimePoint now);
  // One is sent away: when to come back, up to core::kMaxBusyWait. Each gets a time of its own.
  core::Duration turn_away(Guest guest, core::TimePoint now);

  const Counters& counters() const { return counters_; }

 private:
  void look_at_turns(core::TimePoint now);
  // The average now: a reactor that sleeps has no turns to tell that it does.
  double lag_ns(core::TimePoint now) const;

  const net::ReactorCounters& reactor_;
  std::uint64_t busy_ns_ = 0;  // of the reactor, when it was last looked at
  core::Duration lag_limit_;
  core::Random random_;
  double lag_ns_ = 0;  // as of last_turn_
  core::TimePoint last_turn_{};
  core::TimePoint next_load_{};
  bool has_many_rows_ = false;
  std::optional<core::TimePoint> mail_since_;  // a mailbox has been too full
  core::TimePoint next_return_{};              // the first that is not given away
  Counters counters_;
};

// For people, who may find it in logs: the same for all.
inline constexpr std::string_view kBusyText = "the master has too much to do; try again later";

}  // namespace shoal::master
