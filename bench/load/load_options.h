// What a load asks of a cluster, and what came of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/load/latency_histogram.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::load {

struct LoadOptions {
  std::string master;            // as net/master_list.h
  std::uint32_t frameworks = 1;  // sessions that compete
  std::uint32_t batch = 1;       // tasks in one ACCEPT, as many as fit the offer
  core::Resources task;          // of each task; empty: all that the offer holds
  // Launches a second, due in groups of `batch` at fixed times whatever the cluster does (open
  // loop); 0: as many as it takes, `window` of them under way (closed loop).
  double rate = 0;
  std::uint32_t window = 4096;
  std::uint32_t most_starting = 0;  // of those under way, not RUNNING yet; 0: any number
  bool survives_masters = false;    // a lost session is no error
  std::string stamps;  // a file of EndStamps, for the offer latency; empty: not measured
};

struct LoadResult {
  std::uint64_t launched = 0;  // sent
  std::uint64_t running = 0;   // RUNNING was heard and acknowledged
  std::uint64_t ended = 0;     // FINISHED was heard and acknowledged
  std::uint64_t missed = 0;    // the offer was withdrawn while its answer was on the way
  std::uint64_t errors = 0;    // any other end
  std::uint64_t failed = 0;   // of those: the agent could not launch it, as when it lacks resources
  std::uint64_t overdue = 0;  // open loop: due and not sent, for want of an offer
  std::string first_error;
  std::optional<core::TimePoint> lost_at;  // the first session that was lost
  double seconds = 0;
  LatencyHistogram launch_to_running;  // from when the launch was due
  LatencyHistogram offer_latency;      // from the end of a task to an offer of its agent
};

}  // namespace shoal::load
