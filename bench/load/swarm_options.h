// What a swarm is: how many agents, what they have, what they do with tasks, what befalls them.
#pragma once

#include <cstdint>
#include <string>

#include "bench/load/scenario.h"
#include "core/duration_spread.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::load {

struct SwarmOptions {
  std::string master;  // as net/master_list.h
  std::uint32_t agents = 1000;
  std::uint32_t reactors = 0;  // 0: one for each kAgentsPerReactor
  core::Resources resources;   // of each agent
  core::DurationSpread task_start;
  core::DurationSpread task_run;
  double fail_per_minute = 0;        // the part of the agents that die and come back, 0 to 1
  double disconnect_per_minute = 0;  // the part whose connection breaks
  double slow = 0;                   // the part that start tasks `slow_by` later
  core::Duration slow_by{0};
  std::uint64_t seed = 1;
  std::string stamps;  // a file of EndStamps; empty: none
  // How many there are and what befalls them, over time; empty: all at once, until stop(). With
  // one, `agents` is most_agents() and the parts a minute are not used.
  Scenario scenario;
};

// Each reactor has a table of descriptors of its own, whose usual hard limit is 20,000.
inline constexpr std::uint32_t kAgentsPerReactor = 15'000;
inline constexpr std::uint32_t kMaxSwarmAgents = 500'000;

}  // namespace shoal::load
