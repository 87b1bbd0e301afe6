// The agents of a swarm that one thread holds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/statusor.h"
#include "bench/load/end_stamps.h"
#include "bench/load/swarm_agent.h"
#include "bench/load/swarm_counters.h"
#include "bench/load/swarm_options.h"
#include "core/random.h"
#include "net/address.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::load {

// Threads: create() and start() before a thread runs its reactor, destruction on that thread;
// counters() from any.
class SwarmGroup {
 public:
  // The agents numbered [first, first + count). `stamps` may be null. Errors: as Reactor::create.
  static absl::StatusOr<std::unique_ptr<SwarmGroup>> create(const SwarmOptions& options,
                                                            const net::MasterList& masters,
                                                            std::size_t index, std::uint32_t first,
                                                            std::uint32_t count, EndStamps* stamps);
  ~SwarmGroup();
  SwarmGroup(const SwarmGroup&) = delete;
  SwarmGroup& operator=(const SwarmGroup&) = delete;

  // Connects the agents as soon as the reactor runs.
  void start();
  const SwarmCounters& counters() const { return counters_; }

  // --- for its agents ---
  net::Reactor& reactor() { return *reactor_; }
  SwarmCounters& counters() { return counters_; }
  const SwarmOptions& options() const { return options_; }
  const net::MasterList& masters() const { return masters_; }
  EndStamps* stamps() { return stamps_; }
  // From which of the loopback's addresses an agent dials: one address has too few ports for all.
  std::optional<net::SocketAddress> source_of(std::uint32_t number) const;
  void on_registered();
  // Ticks the agent at the end of this turn.
  void wake(SwarmAgent& agent);
  // A line for people, the first few of them.
  void note(std::string_view line);

 private:
  static constexpr std::size_t kNoPhase = ~std::size_t{0};

  SwarmGroup(const SwarmOptions& options, net::MasterList masters, std::uint32_t first,
             EndStamps* stamps);
  void dial_more();
  void on_turn_end();
  void on_timer();
  void tick(SwarmAgent& agent, core::TimePoint now);
  void on_second();
  // The scenario: what is so by now.
  void follow_scenario();
  void begin_phase(std::size_t phase);
  void set_target(std::size_t agents);
  void let_die(SwarmAgent& agent);
  // How many of the group's agents are struck in this second, of a rate a minute.
  std::uint32_t struck(double per_minute);

  SwarmOptions options_;
  net::MasterList masters_;
  EndStamps* stamps_;
  core::Random random_;
  std::unique_ptr<net::Reactor> reactor_;
  SwarmCounters counters_;
  std::vector<std::unique_ptr<SwarmAgent>> agents_;
  std::vector<SwarmAgent*> awake_;
  absl::btree_set<std::pair<core::TimePoint, SwarmAgent*>> queue_;
  std::vector<std::pair<core::TimePoint, SwarmAgent*>> dead_;  // and when they come back
  std::optional<net::Timer> timer_;
  std::optional<net::Timer> second_;
  std::optional<net::Timer> scenario_timer_;
  core::TimePoint began_;
  std::size_t phase_ = kNoPhase;
  double fail_per_minute_ = 0;
  double disconnect_per_minute_ = 0;
  std::vector<SwarmAgent*> cut_;  // off from the master while the phase lasts
  std::size_t target_ = 0;        // how many of the agents are to live
  std::size_t next_to_dial_ = 0;  // those before it live, or are dead for a moment
  std::size_t dialled_and_waiting_ = 0;
  int notes_ = 0;
  net::Reactor::HookId hook_ = 0;
};

}  // namespace shoal::load
