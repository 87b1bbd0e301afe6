// What befalls a swarm over time, phase by phase (cli/scenario_file.h reads it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/time.h"

namespace shoal::load {

struct Phase {
  std::string name;
  core::Duration duration{};
  std::uint32_t agents = 0;  // at its end
  bool at_once = false;
  double fail_per_minute = 0;  // parts, 0 to 1
  double disconnect_per_minute = 0;
  double cut = 0;
  double restart = 0;
};

struct Scenario {
  std::vector<Phase> phases;

  bool empty() const { return phases.empty(); }
  core::Duration duration() const;
  std::uint32_t most_agents() const;
  // The phase at `since` the start; the number of phases when all are over.
  std::size_t phase_at(core::Duration since) const;
  // How many agents there are to be then. Pre-condition: not empty.
  std::uint32_t agents_at(core::Duration since) const;
};

inline constexpr std::size_t kMaxPhases = 1000;

}  // namespace shoal::load
