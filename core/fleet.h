// How much of the fleet is there, and when it is too little to give anybody up.
//
// When most agents fall silent at once, the fault is more likely the master's or the network's than
// theirs; giving them up would have frameworks start everything a second time. (The rule is that of
// Kubernetes' node controller, which stops evictions when most of a zone is unhealthy.)
#pragma once

#include <array>
#include <cstdint>

#include "alloc/counters.h"
#include "core/cluster_view.h"
#include "core/limits.h"
#include "core/time.h"

namespace shoal::core {

// How agents that do not come back are given up.
struct RemovalLimits {
  // Nobody is given up while more than so much of the fleet is silent; 100: always.
  std::uint32_t silent_percent = kRemovalSilentPercent;
  // The same of those that the registry knew, after a master began.
  std::uint32_t recovery_percent = kRemovalSilentPercent;
  Duration interval = kRemovalInterval;  // between two of them, of all shards together; 0: none
};

// Agents that are waited for, by home shard: one writer each.
class Fleet {
 public:
  // A record of `shard` is in that state no more, or from now on.
  void leave(std::uint32_t shard, AgentState state) { add(shard, state, false); }
  void enter(std::uint32_t shard, AgentState state) { add(shard, state, true); }

  std::uint64_t present() const { return sum(present_); }
  // Disconnected, or known from an earlier master; not those that were given up.
  std::uint64_t silent() const { return sum(silent_); }
  // Few agents may well go all at once: fleets of less than kRemovalLeastFleet have no limit.
  bool is_mostly_silent(std::uint32_t percent) const {
    const std::uint64_t missing = silent();
    const std::uint64_t all = missing + present();
    return all >= kRemovalLeastFleet && missing * 100 > all * percent;
  }

 private:
  using Counters = std::array<alloc::Counter, kMaxReactors>;

  void add(std::uint32_t shard, AgentState state, bool more) {
    if (state == AgentState::kUnreachable) return;
    alloc::Counter& counter = (state == AgentState::kActive ? present_ : silent_)[shard];
    more ? counter.add() : counter.sub();
  }
  static std::uint64_t sum(const Counters& counters) {
    std::uint64_t total = 0;
    for (const alloc::Counter& counter : counters) total += counter.value();
    return total;
  }

  Counters present_;
  Counters silent_;
};

}  // namespace shoal::core
