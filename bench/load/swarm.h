// A swarm: many agents in one process, each over a connection of its own, on a few threads.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/load/end_stamps.h"
#include "bench/load/swarm_counters.h"
#include "bench/load/swarm_group.h"
#include "bench/load/swarm_options.h"

namespace shoal::load {

// Threads: that of run(); stop() and totals() while it runs, on the same.
class Swarm {
 public:
  // Errors: INVALID_ARGUMENT (no address of a master), those of Reactor::create and
  // EndStamps::open.
  static absl::StatusOr<std::unique_ptr<Swarm>> create(const SwarmOptions& options);
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // Connects the agents on threads of their own, with a table of descriptors each when one is too
  // small for all, and runs `reactor` on this one, until stop(). Once. Errors: RESOURCE_EXHAUSTED.
  absl::Status run(net::Reactor& reactor);
  void stop();  // the master sees the connections end

  SwarmTotals totals() const;

 private:
  Swarm() = default;

  std::uint64_t agents_ = 0;
  std::unique_ptr<EndStamps> stamps_;
  std::vector<std::unique_ptr<SwarmGroup>> groups_;  // null once ended
  net::Reactor* reactor_ = nullptr;                  // while it runs
};

}  // namespace shoal::load
