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
  void schedule_fault();
  void make_fault();
  void break_a_link();
  void cut_a_node();
  void restart_an_agent();
  void restart_the_master();
  void calm_down();
  // What is missing for convergence; empty: nothing.
  std::string unfinished() const;
  std::string unfinished_agents() const;
  std::string unfinished_operations(const core::AgentRecord& agent) const;
  void check_at_rest();
  // Agents and the master agree on what is reserved, unless an operation is under way.
  void check_reservations();
  // Whoever has nothing and wants something is offered in time what others only hoard.
  void check_hoarding();
  bool is_hoarded_from(const SimFramework& framework) const;
  const SimAgent* find_agent(core::AgentId id) const;

  Sim sim_;
  Network network_;
  SimMaster master_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::vector<std::unique_ptr<SimFramework>> frameworks_;
  SimOperator operator_;
  std::map<std::uint32_t, core::TimePoint> waits_since_;  // by a framework's node
};

}  // namespace shoal::sim
