// What every party of a simulated world shares: time, chance, the trace, the checker, the numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/random.h"
#include "core/time.h"
#include "tests/sim/checker.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/history.h"
#include "tests/sim/trace.h"

namespace shoal::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::string_view kHomeRegion = "here";
inline constexpr std::array<std::string_view, 5> kRoles = {"*", "eng", "eng/ads", "eng/web", "ops"};

// What is made wrong on purpose, to see that it is noticed.
enum class Break : std::uint8_t {
  kNone,
  kLease,  // a master leads on until the store says that it does not
  kFence,  // the store lets whoever led write
  kSync,   // the store answers before it has synced
};

// How big the world is and what goes wrong in it; drawn from the seed.
struct Scenario {
  std::uint64_t seed = 0;
  std::uint32_t masters = 1;
  core::Duration lease{};  // of the one of several masters that leads
  std::uint32_t shards = 1;
  std::uint32_t agents = 1;
  std::uint32_t frameworks = 1;
  std::uint32_t tasks = 10;  // each framework wants so many to end
  core::Duration heartbeat{};
  core::Duration session_timeout{};
  core::Duration reregister_timeout{};
  core::Duration offer_timeout{};
  core::Duration offer_patience{};
  core::Duration failover_timeout{};
  core::Duration safety{};           // how long faults are made
  core::Duration fault_every{};      // on average; 0: none
  bool has_master_restarts = false;  // of several: all that can happen to them and their store
  bool has_agent_restarts = false;
  bool has_partitions = false;
  bool has_slow_readers = false;
  bool has_bad_calls = false;
  bool has_roles = false;       // frameworks in several roles, with constraints and minimums
  bool has_quotas = false;      // the operator sets limits, guarantees and weights
  bool has_operations = false;  // the operator and frameworks reserve, and make volumes
  bool has_lots = false;        // static reservations, GPUs, revocable resources
  bool has_regions = false;
  Break broken = Break::kNone;
};

struct Totals {
  std::uint64_t steps = 0;
  std::uint64_t frames = 0;
  std::uint64_t launches = 0;
  std::uint64_t tasks_ended = 0;
  std::uint64_t written_off = 0;
  std::uint64_t kills = 0;
  std::uint64_t bad_calls = 0;
  std::uint64_t refusals = 0;
  std::uint64_t rescinds = 0;
  std::uint64_t disconnects = 0;
  std::uint64_t half_open = 0;
  std::uint64_t partitions = 0;
  std::uint64_t hand_overs = 0;
  std::uint64_t agent_restarts = 0;
  std::uint64_t master_restarts = 0;
  std::uint64_t framework_crashes = 0;
  std::uint64_t teardowns = 0;
  std::uint64_t failovers_missed = 0;  // a framework came back after its failover timeout
  std::uint64_t unreachable = 0;
  std::uint64_t queries = 0;
  std::uint64_t operations = 0;
  std::uint64_t operations_failed = 0;
  std::uint64_t feedback = 0;  // operation updates that frameworks got
  std::uint64_t quotas = 0;
  std::uint64_t managed = 0;  // agents deactivated, drained and so on
  std::uint64_t elections = 0;
  std::uint64_t terms_lost = 0;
  std::uint64_t pauses = 0;        // of masters
  std::uint64_t store_faults = 0;  // it was cut off, stopped or without power
  std::uint64_t sent_on = 0;       // peers, by a standby
  std::uint64_t held_back = 0;     // frames of masters whose lease was over
  std::uint64_t hoarded = 0;       // offers that a framework waited for and others held
  core::Duration simulated{};

  void add(const Totals& other);
};

struct Sim {
  Sim(const Scenario& drawn, bool is_verbose)
      : scenario(drawn), random(drawn.seed * 0x9e3779b97f4a7c15u + 1), trace(queue, is_verbose) {}

  core::TimePoint now() const { return queue.now(); }
  // Uniform in [min, max].
  core::Duration draw(core::Duration min, core::Duration max) {
    const auto spread = static_cast<std::uint64_t>((max - min).count()) + 1;
    return min + core::Duration(static_cast<core::Duration::rep>(random.below(spread)));
  }

  const Scenario scenario;
  EventQueue queue;
  core::Random random;
  Trace trace;
  Checker checker;
  History history{checker};
  Totals totals;
  bool is_calm = false;                    // faults are over, everything must converge
  std::vector<core::OfferId> seen_offers;  // of all frameworks, for those who try foreign ones
};

}  // namespace shoal::sim
