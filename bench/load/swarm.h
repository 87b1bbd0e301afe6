// A swarm: many agents in one process, each over a connection of its own, on a few threads.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/load/end_stamps.h"
#include "bench/load/swarm_counters.h"
#include "bench/load/swarm_group.h"
#include "bench/load/swarm_options.h"

namespace shoal::load {

class Swarm {
 public:
  // Starts the threads, which connect. Errors: INVALID_ARGUMENT (no numeric address of a master),
  // those of Reactor::create and EndStamps::open.
  static absl::StatusOr<std::unique_ptr<Swarm>> start(const SwarmOptions& options);
  ~Swarm();  // stops all of them; the master sees the connections end
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  SwarmTotals totals() const;

 private:
  Swarm() = default;

  std::unique_ptr<EndStamps> stamps_;
  std::vector<std::unique_ptr<SwarmGroup>> groups_;
  std::vector<std::thread> threads_;
};

}  // namespace shoal::load
