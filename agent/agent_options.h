// What the operator may say about an agent, and how it is read. Also: is it safe to listen there?
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/limits.h"
#include "core/resources.h"
#include "core/time.h"
#include "net/log.h"
#include "net/master_list.h"

namespace shoal::agent {

// Of one task. It bounds a fork storm; a build on a large machine stays far below.
inline constexpr std::uint32_t kDefaultMaxPids = 4096;

enum class RecoverMode {
  kReconnect,  // tasks of the agent before that run are taken over
  kCleanup,    // they are killed, and everything about them is forgotten
};

// What becomes of the tasks when the agent is told to end.
enum class OnStop {
  kKeep,  // they run on, for the next agent on the data folder
  kKill,  // they are killed, with their grace
};

inline constexpr std::uint64_t kMinLogMaxBytes = 64 * 1024;

// What may change while it runs.
struct AgentTuning {
  OnStop on_stop = OnStop::kKeep;
  core::Duration gc_delay = std::chrono::hours(24 * 7);  // sandboxes of ended runs are kept so long
  double gc_disk_headroom = 0.1;  // 0 to 1: less long when less of the disk is free (SandboxGc)
  core::Duration disk_watch_interval = std::chrono::minutes(1);
  std::uint64_t log_max_bytes = 0;  // of each of stdout and stderr (LogCutter); 0: no bound
};

// What came of reading the settings again.
struct AgentReload {
  std::optional<AgentTuning> tuning;  // nullopt: all stays as it is
  std::vector<std::string> lines;     // what the operator should know
};

struct AgentOptions : AgentTuning {
  // HOST or HOST:PORT, at least one, or lists of them; or one etcd://… (net/master_list.h).
  std::vector<std::string> masters;
  std::string listen = "127.0.0.1:0";  // where it serves logs and /health
  std::string data_dir;                // made if missing
  std::string resources;               // "cpus:4;mem(ads):8192"; kinds that are not named: probed
  std::string default_role = "*";      // whose the resources are that name no role
  std::string oversubscribe;           // "cpus:2;mem:512", lent beyond what it has; empty: nothing
  std::string region;                  // fault domain; both or none
  std::string zone;
  std::string attributes;  // "rack:a;ssd:true"
  std::string hostname;    // empty: the kernel's
  bool insecure = false;   // may listen beyond loopback, without TLS
  std::string ready_file;  // written when first registered; empty: none
  RecoverMode recover = RecoverMode::kReconnect;
  std::string isolation = "auto";                     // parse_isolation()
  std::string cgroup_root = "shoal";                  // below the mount points of cgroups
  std::uint32_t max_pids_per_task = kDefaultMaxPids;  // processes and threads; 0: no limit
  bool cpu_quota = false;           // a task gets no more processor time than it has asked for
  std::string task_user;            // who runs tasks that name nobody; empty: the agent's own user
  std::string allowed_devices;      // that tasks may open beside the usual ones: parse_devices()
  bool enforce_disk_quota = false;  // tasks that take more disk than asked for are killed
  core::Duration disk_quota_interval = std::chrono::seconds(15);  // between two measurements
  core::Duration usage_interval = core::kDefaultUsageInterval;    // as AgentState's
  std::string supervisor;   // path of shoal-supervisor; empty: beside this program
  net::Log* log = nullptr;  // gets what the operator should know; nullptr: nobody does
  // Asked at SIGHUP by run_agent(); empty: SIGHUP is left alone.
  std::function<AgentReload()> reload;
};

using Attributes = std::vector<std::pair<std::string, std::string>>;

// `text` over what was probed; a kind that it names for any role is not probed. Errors: as
// core::parse_resources.
absl::StatusOr<core::Resources> merge_resources(std::string_view text,
                                                const core::Resources& probed);

// What the agent has by its flags: `options.resources` over what was probed, with what names no
// role reserved for the default one. Errors: INVALID_ARGUMENT; also for tags that only operations
// make.
absl::StatusOr<core::Resources> configured_resources(const AgentOptions& options,
                                                     const core::Resources& probed);

// "cpus:2;mem:512" as one revocable lot. Errors: INVALID_ARGUMENT; cpus, mem and gpus only.
absl::StatusOr<core::Resources> parse_oversubscription(std::string_view text);

// INVALID_ARGUMENT unless both are names or both are empty.
absl::Status check_domain(std::string_view region, std::string_view zone);

// "rack:a;ssd:true", each name once. Errors: INVALID_ARGUMENT, naming the part.
absl::StatusOr<Attributes> parse_attributes(std::string_view text);

// Of AgentOptions::masters. Errors: INVALID_ARGUMENT.
absl::StatusOr<net::MasterList> parse_masters(const std::vector<std::string>& texts);

// FAILED_PRECONDITION when `listen` is not loopback and `insecure` is not set; INVALID_ARGUMENT or
// UNAVAILABLE when it is no address.
absl::Status check_listen(std::string_view listen, bool insecure);

// What this machine has (agent/resource_probe.h), as resources.
core::Resources probed_resources(const std::string& data_dir);

}  // namespace shoal::agent
