#include "bench/load/swarm.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::load {

absl::StatusOr<std::unique_ptr<Swarm>> Swarm::start(const SwarmOptions& options) {
  const auto master = net::parse_host_port(options.master);
  if (!master.ok()) return master.status();
  const std::uint32_t fewest = (options.agents + kAgentsPerReactor - 1) / kAgentsPerReactor;
  const std::uint32_t count = std::clamp(std::max(options.reactors, fewest), 1u,
                                         static_cast<std::uint32_t>(core::kMaxReactors) - 1);
  std::unique_ptr<Swarm> swarm(new Swarm());
  if (!options.stamps.empty()) {
    auto stamps = EndStamps::open(options.stamps);
    if (!stamps.ok()) return stamps.status();
    swarm->stamps_ = *std::move(stamps);
  }
  // All are made before the first runs: a thread that has its own table sees no later descriptor.
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t end =
        static_cast<std::uint32_t>(std::uint64_t{options.agents} * (i + 1) / count);
    auto group =
        SwarmGroup::create(options, *master, i + 1, first, end - first, swarm->stamps_.get());
    if (!group.ok()) return group.status();
    swarm->groups_.push_back(*std::move(group));
    first = end;
  }
  for (const auto& group : swarm->groups_) {
    swarm->threads_.emplace_back([&group = *group] { group.run(); });
  }
  return swarm;
}

Swarm::~Swarm() {
  for (const auto& group : groups_) group->stop();
  for (std::thread& thread : threads_) thread.join();
}

SwarmTotals Swarm::totals() const {
  SwarmTotals totals;
  for (const auto& group : groups_) totals.add(std::as_const(*group).counters());
  return totals;
}

}  // namespace shoal::load
