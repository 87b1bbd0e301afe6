// The mailboxes between reactors: one bounded ring per ordered pair.
//
// Threads: send(from, …) only on reactor `from`; the receiver of `to` runs only on reactor `to`.
//   Construction, receive() and destruction while no reactor runs.
//
// Invariants:
//   1. Messages of one pair arrive once and in the order they were sent. A full ring never loses
//      one: the rest waits in the sender's spill queue and goes first.
//   2. A sender wakes a receiver at most once a turn, at its turn's end, after its last push.
//   3. A receiver takes at most kMaxDrain messages of one ring a turn; if more wait it comes again
//      without blocking.
//   4. A sender with a spill has `blocked` set on the ring; the receiver that made room wakes it.
//
// Memory order: the ring's own (spsc_ring.h); a wake-up is ordered after the push by wake()'s
// fence.
//   `blocked` is a Dekker pair with the ring's head: the sender stores blocked, fences, tries to
//   push again; the receiver pops, fences, loads blocked. With both fences seq_cst at least one of
//   them sees the other, so either the push succeeds or the wake-up is sent. A stale `blocked`
//   costs one wake-up too many. Below both lies a timer: a message that waited over
//   core::kMailboxLateDrain is drained and counted in mailbox_late_drains, which must stay 0.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "net/flight_recorder.h"
#include "net/reactor.h"
#include "net/spsc_ring.h"
#include "net/timer.h"

namespace shoal::net {

// T: movable, default constructible.
template <typename T, std::size_t kSlots = core::kMailboxSlots>
class MailboxGrid {
 public:
  using Receiver = std::function<void(std::size_t from, T&& message)>;
  static constexpr std::size_t kMaxDrain = 1024;

  // reactors[i]->index() == i; they outlive the grid.
  explicit MailboxGrid(std::vector<Reactor*> reactors) : reactors_(std::move(reactors)) {
    ends_.reserve(reactors_.size());
    rings_ = std::vector<Ring>(reactors_.size() * reactors_.size());
    for (std::size_t i = 0; i < reactors_.size(); ++i) ends_.push_back(make_end(i));
  }
  ~MailboxGrid() {
    for (std::size_t i = 0; i < reactors_.size(); ++i) {
      reactors_[i]->remove_hook(ends_[i]->turn_end_hook);
      reactors_[i]->remove_hook(ends_[i]->wake_hook);
    }
  }
  MailboxGrid(const MailboxGrid&) = delete;
  MailboxGrid& operator=(const MailboxGrid&) = delete;

  std::size_t size() const { return reactors_.size(); }

  // Who gets the messages to reactor `to`.
  void receive(std::size_t to, Receiver receiver) { ends_[to]->receiver = std::move(receiver); }

  // Never fails; to oneself as well (delivered next turn).
  void send(std::size_t from, std::size_t to, T&& message) {
    End& end = *ends_[from];
    Ring& ring = ring_of(from, to);
    reactors_[from]->mutable_counters().mailbox_out.add();
    if (!end.is_dirty[to]) {
      end.is_dirty[to] = true;
      end.dirty.push_back(to);
    }
    if (ring.spill.empty() && ring.messages.push(std::move(message))) return;
    reactors_[from]->mutable_counters().mailbox_spilled.add();
    // NOLINTNEXTLINE(bugprone-use-after-move): a push into a full ring leaves the message as it was
    ring.spill.push_back(std::move(message));
  }

  // How many messages wait in the fullest ring to `to`, what its senders keep back excluded. Only
  // on reactor `to`.
  std::size_t fullest(std::size_t to) {
    std::size_t most = 0;
    for (std::size_t from = 0; from < reactors_.size(); ++from) {
      most = std::max(most, ring_of(from, to).messages.size());
    }
    return most;
  }

  // Gives up to kMaxDrain messages of every ring to `fn(from, T&&)`; returns how many. The receiver
  // set by receive() is called through this when reactor `to` is woken.
  template <typename Fn>
  std::size_t drain(std::size_t to, Fn&& fn) {
    std::size_t total = 0;
    bool more = false;
    for (std::size_t from = 0; from < reactors_.size(); ++from) {
      Ring& ring = ring_of(from, to);
      T message;
      std::size_t taken = 0;
      while (taken < kMaxDrain && ring.messages.pop(&message)) {
        ++taken;
        fn(from, std::move(message));
      }
      if (taken == 0) continue;
      reactors_[to]->mutable_counters().mailbox_depth.add(taken);
      total += taken;
      more = more || taken == kMaxDrain;
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (ring.blocked.load(std::memory_order_relaxed)) reactors_[from]->wake();
    }
    if (more) reactors_[to]->wake();
    if (total == 0) return 0;
    reactors_[to]->mutable_counters().mailbox_in.add(total);
    reactors_[to]->flight().note(reactors_[to]->now(), FlightKind::kMail, 0, 0, total);
    return total;
  }

 private:
  struct Ring {
    SpscRing<T, kSlots> messages;
    std::atomic<bool> blocked{false};
    std::deque<T> spill;              // the sender's
    std::uint64_t seen_position = 0;  // the receiver's: the front at the last late look
    bool seen_waiting = false;
  };

  struct End {
    Receiver receiver;
    std::vector<std::size_t> dirty;  // receivers to wake at the turn's end
    std::vector<bool> is_dirty;
    std::unique_ptr<Timer> late_timer;
    Reactor::HookId turn_end_hook = 0;
    Reactor::HookId wake_hook = 0;
  };

  Ring& ring_of(std::size_t from, std::size_t to) { return rings_[from * reactors_.size() + to]; }

  std::unique_ptr<End> make_end(std::size_t i) {
    auto end = std::make_unique<End>();
    end->is_dirty.resize(reactors_.size());
    end->turn_end_hook = reactors_[i]->at_turn_end([this, i] { flush(i); });
    end->wake_hook = reactors_[i]->at_wake([this, i] { deliver(i); });
    end->late_timer = std::make_unique<Timer>(*reactors_[i], [this, i] { look_for_late(i); });
    end->late_timer->start_repeating(core::kMailboxLateDrain);
    return end;
  }

  void deliver(std::size_t to) {
    Receiver& receiver = ends_[to]->receiver;
    if (!receiver) return;
    drain(to, receiver);
  }

  // The sender's end of turn.
  void flush(std::size_t from) {
    End& end = *ends_[from];
    std::size_t kept = 0;
    for (const std::size_t to : end.dirty) {
      const bool spilled = push_spill(ring_of(from, to));
      reactors_[to]->wake();
      if (spilled) {
        end.dirty[kept++] = to;  // tried again at the end of the turn that the receiver asks for
      } else {
        end.is_dirty[to] = false;
      }
    }
    end.dirty.resize(kept);
  }

  // True when something is left.
  static bool push_spill(Ring& ring) {
    if (ring.spill.empty()) return false;
    if (!push_all(ring)) {
      ring.blocked.store(true, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (!push_all(ring)) return true;
    }
    ring.blocked.store(false, std::memory_order_relaxed);
    return false;
  }

  static bool push_all(Ring& ring) {
    while (!ring.spill.empty() && ring.messages.push(std::move(ring.spill.front()))) {
      ring.spill.pop_front();
    }
    return ring.spill.empty();
  }

  // A message that already waited at the last look, a second ago, was not announced.
  void look_for_late(std::size_t to) {
    bool late = false;
    for (std::size_t from = 0; from < reactors_.size(); ++from) {
      Ring& ring = ring_of(from, to);
      const bool waiting = !ring.messages.is_empty();
      const std::uint64_t position = ring.messages.front_position();
      late = late || (waiting && ring.seen_waiting && position == ring.seen_position);
      ring.seen_waiting = waiting;
      ring.seen_position = position;
    }
    if (!late || !ends_[to]->receiver) return;
    reactors_[to]->mutable_counters().mailbox_late_drains.add();
    deliver(to);
  }

  std::vector<Reactor*> reactors_;
  std::vector<Ring> rings_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace shoal::net
