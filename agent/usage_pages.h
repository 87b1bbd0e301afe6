// What the agent knows of use, as text: for Prometheus, and as JSON. docs/CLI.md and
// agent/README.md promise the names.
#pragma once

#include <cstdint>
#include <string>

#include "agent/log_cutter.h"
#include "agent/monitor.h"
#include "agent/sandbox_gc.h"
#include "net/counters.h"

namespace shoal::agent {

struct AgentFacts {
  std::string id;  // empty: never registered
  std::string hostname;
  std::string version;
  bool is_registered = false;
  std::size_t tasks = 0;       // known, with those whose end is not acknowledged
  std::size_t live_tasks = 0;  // with a process, or about to have one
  std::int64_t started_ms = 0;
};

// More tasks than this are left out of the metrics, and counted.
inline constexpr std::size_t kMaxTaskSeries = 5000;

std::string usage_metrics(const AgentFacts& facts, const UsageSample& sample,
                          const SandboxGcCounters& sandboxes, const LogCutterCounters& logs,
                          const net::ReactorCounters& reactor);

std::string usage_json(const AgentFacts& facts, const UsageSample& sample,
                       const SandboxGcCounters& sandboxes, const LogCutterCounters& logs);

}  // namespace shoal::agent
