// What a shard has to look at later: a heap of moments. Entries are never removed early; when one
// comes due its handler looks at the record again and arms it anew if the moment has moved.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "core/time.h"

namespace shoal::core {

enum class DeadlineKind : std::uint8_t {
  kAgentSilence,       // id: agent; no message for the session timeout
  kAgentReregister,    // id: agent; disconnected and did not come back
  kAgentRemoval,       // id: 0; another agent that did not come back may be given up
  kFrameworkSilence,   // id: framework
  kFrameworkFailover,  // id: framework; disconnected and did not come back
  kOfferWatch,         // unanswered offers run out, or others wait for them
  kFilterExpiry,       // id: agent; a refused offer may be made again
  kFrameworkNotice,    // id: framework; it may have to be told why it has no offers
  kHeldForRecovery,    // agents that an earlier master knew are no longer waited for
  kAllocate,           // nothing to do but the end of the turn
};

struct Deadline {
  TimePoint when;
  DeadlineKind kind = DeadlineKind::kAgentSilence;
  std::uint64_t id = 0;
};

class Deadlines {
 public:
  void push(TimePoint when, DeadlineKind kind, std::uint64_t id) { heap_.push({when, kind, id}); }

  std::optional<TimePoint> next() const {
    return heap_.empty() ? std::nullopt : std::optional(heap_.top().when);
  }

  // The earliest entry that is due at `now`, taken out of the heap.
  std::optional<Deadline> pop_due(TimePoint now) {
    if (heap_.empty() || heap_.top().when > now) return std::nullopt;
    const Deadline top = heap_.top();
    heap_.pop();
    return top;
  }

  std::size_t size() const { return heap_.size(); }

 private:
  struct Later {
    bool operator()(const Deadline& a, const Deadline& b) const { return a.when > b.when; }
  };
  std::priority_queue<Deadline, std::vector<Deadline>, Later> heap_;
};

}  // namespace shoal::core
