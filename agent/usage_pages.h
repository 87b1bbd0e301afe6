// What the agent knows of use, as text: for Prometheus, and as JSON. docs/CLI.md and
// docs/MONITORING.md promise the names.
#pragma once

#include <cstdint>
#include <string>

#include "agent/executor.h"
#include "agent/log_cutter.h"
#include "agent/monitor.h"
#include "agent/sandbox_gc.h"
#include "core/metrics_text.h"

namespace shoal::agent {

struct AgentFacts {
  std::string id;  // empty: never registered
  std::string hostname;
  std::string version;
  bool is_registered = false;
  std::size_t tasks = 0;       // known, with those whose end is not acknowledged
  std::size_t live_tasks = 0;  // with a process, or about to have one
  std::int64_t started_ms = 0;
  bool is_ending = false;
  std::string no_session;  // why there is none with a master; empty: nothing is known
};

// More tasks than this are left out of the metrics, and counted.
inline constexpr std::size_t kMaxTaskSeries = 5000;

void append_usage_metrics(core::MetricsText& out, const AgentFacts& facts,
                          const UsageSample& sample, const SandboxGcCounters& sandboxes,
                          const LogCutterCounters& logs);
void append_launch_metrics(core::MetricsText& out, const ExecutorCounters& launches);

std::string usage_json(const AgentFacts& facts, const UsageSample& sample,
                       const SandboxGcCounters& sandboxes, const LogCutterCounters& logs);

}  // namespace shoal::agent
