// A swarm's scenario file: whatever it holds, it is read or refused.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/scenario_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto scenario = shoal::cli::parse_scenario(text);
  if (!scenario.ok()) return 0;
  // What was read makes sense at any time.
  const auto end = scenario->duration();
  if (scenario->phase_at(end) != scenario->phases.size()) __builtin_trap();
  if (scenario->agents_at(end / 2) > scenario->most_agents()) __builtin_trap();
  return 0;
}
