// One simulated world and its story: first faults (safety: nothing wrong may happen), then none
// (liveness: everything must converge), then rest (all books must agree).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_framework.h"
#include "tests/sim/sim_master.h"
#include "tests/sim/sim_operator.h"
#include "tests/sim/sim_store.h"

namespace shoal::sim {

Scenario draw_scenario(std::uint64_t seed);
std::string to_string(const Scenario& scenario);

class World {
 public:
  World(const Scenario& scenario, bool is_verbose);

  // True when every promise was kept.
  bool run();

  const std::string& failure() const { return sim_.checker.failure(); }
  const Trace& trace() const { return sim_.trace; }
  const Totals& totals() const { return sim_.totals; }

 private:
  void step();
  // The master that may speak to peers; nullptr: none.
  const SimMaster* leader() const;
  // One at most may.
  void check_leaders();
  bool is_at_rest() const;
  // --- faults (world_faults.cc) ---
  void schedule_fault();
  void make_fault();
  void break_a_link();
  void cut_a_node();
  void restart_an_agent();
  void harm_a_master();
  void harm_the_store();
  void cut_a_master(SimMaster& master);
  SimMaster& pick_master();
  core::Duration draw_absence(const SimMaster& master);
  void calm_down();
  // --- the end ---
  // What is missing for convergence; empty: nothing.
  std::string unfinished() const;
  std::string unfinished_agents() const;
  std::string unfinished_operations(const core::AgentRecord& agent) const;
  std::string unfinished_books(const SimMaster& master) const;
  void check_at_rest();
  // Agents and the master agree on what is reserved, unless an operation is under way.
  void check_reservations(const SimMaster& master);
  // Whoever has nothing and wants something is offered in time what others only hoard.
  void check_hoarding();
  bool is_hoarded_from(const SimMaster& master, const SimFramework& framework) const;
  const SimAgent* find_agent(core::AgentId id) const;

  Sim sim_;
  Network network_;
  SimStore store_;
  std::vector<std::unique_ptr<SimMaster>> masters_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::vector<std::unique_ptr<SimFramework>> frameworks_;
  SimOperator operator_;
  std::map<std::uint32_t, core::TimePoint> waits_since_;  // by a framework's node
  std::uint64_t waits_epoch_ = 0;                         // whose offers they wait for
};

}  // namespace shoal::sim
