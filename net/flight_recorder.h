// What a reactor did last, for the question how it came to this: a ring of its newest entries,
// written with a few plain stores, read by GET /v1/debug/flight.
//
// Threads: note() on the reactor's thread, entries() on any, also while the reactor is stuck.
//
// Invariants: 1. entry n is in slot n % kEntries. 2. entries() returns no entry that was being
//   overwritten while it was copied.
//
// Memory order: a sequence lock over the ring. The writer claims entry n (claimed_ = n + 1), fences
//   (release), stores its words, and publishes it (written_ = n + 1, release). A reader loads
//   written_ (acquire), copies the slots, fences (acquire) and loads claimed_: a word that it saw
//   of a later entry was stored after the claim of that entry, so the claim is seen, and what it
//   overwrites is left out. The words are relaxed: only whole entries are used.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace shoal::net {

enum class FlightKind : std::uint8_t {
  kOpened = 1,    // a frame connection; peer: its session
  kClosed = 2,    // one is gone; what: the code of the status that says why
  kFrameIn = 3,   // what: its kind, amount: bytes
  kFrameOut = 4,  // likewise
  kMail = 5,      // from other reactors; amount: messages
  kHttp = 6,      // a request was answered; what: the status code, amount: bytes of the body
  kTurn = 7,      // a turn of 1 ms and more has ended; amount: its nanoseconds
  kPeer = 8,      // who a session belongs to; what: 1 an agent, 2 a framework; amount: its id
};
std::string_view name_of(FlightKind kind);
// FlightEntry::what of kPeer.
inline constexpr std::uint16_t kFlightAgent = 1;
inline constexpr std::uint16_t kFlightFramework = 2;

struct FlightEntry {
  core::TimePoint at;      // the turn's time
  std::uint64_t peer = 0;  // a SessionId; 0: none
  std::uint64_t amount = 0;
  FlightKind kind{};
  std::uint16_t what = 0;
};

class FlightRecorder {
 public:
  static constexpr std::size_t kEntries = 4096;

  void note(core::TimePoint at, FlightKind kind, std::uint64_t peer, std::uint16_t what,
            std::uint64_t amount) {
    const std::uint64_t index = claimed_.load(std::memory_order_relaxed);
    claimed_.store(index + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    Slot& slot = slots_[index % kEntries];
    slot[0].store(static_cast<std::uint64_t>(at.time_since_epoch().count()),
                  std::memory_order_relaxed);
    slot[1].store(peer, std::memory_order_relaxed);
    slot[2].store(amount, std::memory_order_relaxed);
    slot[3].store(static_cast<std::uint64_t>(kind) | std::uint64_t{what} << 8,
                  std::memory_order_relaxed);
    written_.store(index + 1, std::memory_order_release);
  }

  // Oldest first; at most kEntries.
  std::vector<FlightEntry> entries() const;
  // Ever noted.
  std::uint64_t noted() const { return written_.load(std::memory_order_relaxed); }

 private:
  using Slot = std::array<std::atomic<std::uint64_t>, 4>;

  std::atomic<std::uint64_t> claimed_{0};
  std::atomic<std::uint64_t> written_{0};
  std::array<Slot, kEntries> slots_{};
};

}  // namespace shoal::net
