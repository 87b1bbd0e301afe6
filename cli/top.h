// `shoal top`: what machines and tasks use. The master knows who is there and what was allocated,
// each agent what is used; rates come from two looks. Of a large cluster it is the master that is
// asked, for what agents last reported.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/cluster_view.h"

namespace shoal::cli {

int run_top(const TopVerb& verb);

// One answer of /v1/usage.
struct AgentUsage {
  struct OfTask {
    std::string framework;
    std::string task;
    double cpu_seconds = 0;
    std::optional<double> cpus_used;  // if it is known without two looks
    // Where a cgroup counts it, else nullopt.
    std::optional<double> throttled_seconds;
    std::optional<double> memory_bytes;  // with files that it has cached
    std::optional<double> memory_peak_bytes;
    std::uint64_t rss_bytes = 0;
    std::uint64_t processes = 0;
    std::uint64_t threads = 0;
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
  };
  std::int64_t sampled_ms = 0;
  std::uint64_t cpus = 0;
  double busy_seconds = 0;          // of all cpus: neither idle nor waiting for disks
  std::optional<double> cpus_used;  // if it is known without two looks
  double load1 = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_available_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  // Percent of time in which something waited, over ten seconds; nullopt: not counted there.
  std::optional<double> cpu_pressure;
  std::optional<double> memory_pressure;
  std::optional<double> io_pressure;
  double agent_cpu_seconds = 0;
  std::uint64_t agent_rss_bytes = 0;
  std::map<std::string, OfTask> tasks;  // by the uuid of the run
};

// Errors: INVALID_ARGUMENT.
absl::StatusOr<AgentUsage> parse_usage(std::string_view json);

// What the agent has last reported to the master, with those of `tasks` that are its. Error,
// NOT_FOUND: nothing yet.
absl::StatusOr<AgentUsage> reported_usage(const core::AgentSummary& agent,
                                          const std::vector<const core::TaskSummary*>& tasks);

// One look: what the master said of agents and tasks, and what each agent of it answered.
struct TopLook {
  core::ClusterView agents;
  core::ClusterView tasks;
  std::vector<absl::StatusOr<AgentUsage>> usage;  // in the order of agents.agents
};

// The second of two looks, with rates since the first where that knows the same.
std::string top_to_table(const TopLook& before, const TopLook& now, std::uint32_t most,
                         const Terminal& terminal);
std::string top_to_json(const TopLook& before, const TopLook& now);

}  // namespace shoal::cli
