// How busy the machine is, and the agent itself: from /proc and the file system of the data folder.
// The reading blocks, for a millisecond on a healthy machine: to be called away from the loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/gpu_usage.h"

namespace shoal::agent {

inline constexpr std::array<std::string_view, 8> kCpuModes = {"user",   "nice", "system",  "idle",
                                                              "iowait", "irq",  "softirq", "steal"};

// Of one resource, /proc/pressure: how long tasks have waited for it. In percent, and since boot.
struct Pressure {
  double some_avg10 = 0;
  double some_avg60 = 0;
  double full_avg10 = 0;  // all of them at once; of the cpu it is 0 for the machine
  double full_avg60 = 0;
  std::uint64_t some_us = 0;
  std::uint64_t full_us = 0;
};

struct MachineUsage {
  std::uint32_t cpus = 0;
  std::array<std::uint64_t, kCpuModes.size()> cpu_us{};  // since boot, of all cpus
  double load1 = 0;
  double load5 = 0;
  double load15 = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_available_bytes = 0;
  std::uint64_t memory_free_bytes = 0;
  std::uint64_t swap_bytes = 0;
  std::uint64_t swap_free_bytes = 0;
  std::uint64_t disk_bytes = 0;  // of the data folder's file system
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t disk_available_bytes = 0;  // without privileges
  std::uint64_t inodes = 0;
  std::uint64_t inodes_free = 0;
  std::optional<Pressure> cpu_pressure;  // none where the kernel does not count it
  std::optional<Pressure> memory_pressure;
  std::optional<Pressure> io_pressure;
  std::vector<GpuUsage> gpus;
};

// All but its GPUs. `proc`: a folder like /proc. What cannot be read is 0.
MachineUsage read_machine_usage(const std::string& data_dir, const std::string& proc = "/proc");

// The agent's own process.
struct SelfUsage {
  std::uint64_t cpu_user_us = 0;
  std::uint64_t cpu_system_us = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t descriptors = 0;
};
SelfUsage read_self_usage(const std::string& proc = "/proc");

// --- parts of the reading -----------------------------------------------------------------------

// A file of /proc/pressure; nullopt when it is none.
std::optional<Pressure> parse_pressure(std::string_view text);
// `tick_us`: microseconds of one clock tick.
void parse_cpu_times(std::string_view stat, std::uint64_t tick_us, MachineUsage* usage);
void parse_meminfo(std::string_view text, MachineUsage* usage);
void parse_loadavg(std::string_view text, MachineUsage* usage);

}  // namespace shoal::agent
