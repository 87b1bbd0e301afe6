// What this machine has to offer, when the operator does not say. The reading and the rule are
// apart: the rule is a pure function.
//
//   cpus   cores this process may use (affinity), at most the cgroup's quota
//   mem    total - 1 GiB, or half of it below 2 GiB      (total: machine or cgroup limit)
//   disk   total - 5 GiB, or half of it below 10 GiB     (of the file system of the data folder)
//   ports  31000 to 32000
// As in Apache Mesos; what cannot be read counts as 1 cpu, 1 GiB, 10 GiB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::agent {

struct ProbedResources {
  double cpus = 0;
  std::int64_t mem_mib = 0;
  std::int64_t disk_mib = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ports;  // inclusive ranges
};

struct MachineFacts {
  std::optional<int> usable_cores;
  std::optional<double> cpu_quota;          // cores, of the tightest cgroup above us
  std::optional<std::uint64_t> mem_bytes;   // of the machine
  std::optional<std::uint64_t> mem_limit;   // bytes, of the tightest cgroup above us
  std::optional<std::uint64_t> disk_bytes;  // of the whole file system
};

ProbedResources default_resources(const MachineFacts& facts);

// `root` is put before /proc and /sys: empty for the machine, a folder in tests.
MachineFacts read_machine_facts(const std::string& data_dir, const std::string& root = "");

ProbedResources probe_resources(const std::string& data_dir);

// The host's name as the kernel knows it; "localhost" when it has none.
std::string read_hostname();

// --- parts of the reading -----------------------------------------------------------------------

// "150000 100000" -> 1.5 cores; "max 100000", nonsense -> none (cgroup v2 cpu.max).
std::optional<double> parse_cpu_max(std::string_view text);
// A number of bytes; "max", nonsense and v1's "no limit" (near 2^63) -> none.
std::optional<std::uint64_t> parse_memory_limit(std::string_view text);
// MemTotal of /proc/meminfo, in bytes.
std::optional<std::uint64_t> parse_mem_total(std::string_view meminfo);

}  // namespace shoal::agent
