#include "bench/load/scenario.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace shoal::load {

core::Duration Scenario::duration() const {
  core::Duration sum{};
  for (const Phase& phase : phases) sum += phase.duration;
  return sum;
}

std::uint32_t Scenario::most_agents() const {
  std::uint32_t most = 0;
  for (const Phase& phase : phases) most = std::max(most, phase.agents);
  return most;
}

std::size_t Scenario::phase_at(core::Duration since) const {
  std::size_t i = 0;
  while (i < phases.size() && since >= phases[i].duration) since -= phases[i++].duration;
  return i;
}

std::uint32_t Scenario::agents_at(core::Duration since) const {
  std::uint32_t before = 0;
  for (const Phase& phase : phases) {
    if (since < phase.duration) {
      if (phase.at_once) return phase.agents;
      const double done = std::chrono::duration<double>(since) / phase.duration;
      const double change = static_cast<double>(phase.agents) - static_cast<double>(before);
      return static_cast<std::uint32_t>(std::lround(before + done * change));
    }
    since -= phase.duration;
    before = phase.agents;
  }
  return before;
}

}  // namespace shoal::load
