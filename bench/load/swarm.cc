#include "bench/load/swarm.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "net/descriptor_limit.h"
#include "net/reactor_threads.h"

namespace shoal::load {

absl::StatusOr<std::unique_ptr<Swarm>> Swarm::create(const SwarmOptions& options) {
  const auto masters = net::parse_master_list(options.master);
  if (!masters.ok()) return masters.status();
  const std::uint32_t fewest = (options.agents + kAgentsPerReactor - 1) / kAgentsPerReactor;
  const std::uint32_t count = std::clamp(std::max(options.reactors, fewest), 1u,
                                         static_cast<std::uint32_t>(core::kMaxReactors) - 1);
  std::unique_ptr<Swarm> swarm(new Swarm());
  if (!options.stamps.empty()) {
    auto stamps = EndStamps::open(options.stamps);
    if (!stamps.ok()) return stamps.status();
    swarm->stamps_ = *std::move(stamps);
  }
  swarm->agents_ = options.agents;
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto end = static_cast<std::uint32_t>(std::uint64_t{options.agents} * (i + 1) / count);
    auto group =
        SwarmGroup::create(options, *masters, i + 1, first, end - first, swarm->stamps_.get());
    if (!group.ok()) return group.status();
    swarm->groups_.push_back(*std::move(group));
    first = end;
  }
  return swarm;
}

absl::Status Swarm::run(net::Reactor& reactor) {
  reactor_ = &reactor;
  std::vector<net::ReactorThread> threads = {{&reactor, {}, {}, [] {}}};
  for (std::unique_ptr<SwarmGroup>& group : groups_) {
    group->start();
    threads.push_back({&group->reactor(), {}, {}, [&group] { group.reset(); }});
  }
  // One group and this thread's few descriptors fit into one table.
  const auto tables =
      groups_.size() > 1 ? net::DescriptorTables::kPerReactor : net::DescriptorTables::kShared;
  return net::run_reactors(threads, tables, [this] { reactor_ = nullptr; });
}

void Swarm::stop() {
  if (reactor_ == nullptr) return;
  for (const auto& group : groups_) group->reactor().stop();
  reactor_->stop();
}

SwarmTotals Swarm::totals() const {
  SwarmTotals totals;
  for (const auto& group : groups_) {
    if (group != nullptr) totals.add(std::as_const(*group).counters());
  }
  return totals;
}

}  // namespace shoal::load
