// What the registry need not know for ever: agents that have been away for weeks, or were declared
// gone, and frameworks that were removed. After Mesos' registry (REG-07), with its defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace shoal::core {

struct Shard;
class Outbox;

inline constexpr std::chrono::minutes kRegistryGcInterval{15};
inline constexpr std::chrono::hours kRegistryMaxAgentAge{14 * 24};
inline constexpr std::uint32_t kRegistryMaxAgents = 102'400;
// A shard has no more unreachable ones than this at any time, whatever the interval.
inline constexpr std::size_t kMostUnreachablePerShard = kRegistryMaxAgents;

struct RegistryGcLimits {
  Duration interval = kRegistryGcInterval;        // between two looks
  Duration max_agent_age = kRegistryMaxAgentAge;  // of what is over, removed frameworks included
  std::uint32_t max_agents = kRegistryMaxAgents;  // unreachable, of all shards; likewise gone
};

// Unreachable agents that are older or more, the longest away first: their tasks are told as GONE,
// and they would come as new ones. How many.
std::size_t forget_old_agents(Shard& shard, Outbox& outbox, const RegistryGcLimits& limits,
                              TimePoint now);

}  // namespace shoal::core
