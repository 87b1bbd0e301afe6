// What machines and tasks really use, as their agents last said: for people, never for decisions.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "core/ids.h"

namespace shoal::core {

inline constexpr std::int32_t kNoPressure = -1;  // the kernel does not count it
inline constexpr std::uint64_t kMaxMachineBytes = std::uint64_t{1} << 56;

struct MachineUse {
  std::uint32_t cpus_milli = 0;   // busy processors, on average since the report before
  std::uint32_t load1_milli = 0;  // the kernel's load average of a minute
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_used_bytes = 0;  // what cannot be had
  std::uint64_t disk_bytes = 0;         // of the agent's data folder's file system
  std::uint64_t disk_used_bytes = 0;
  // For what part of the last ten seconds some process waited: hundredths of a percent.
  std::int32_t cpu_pressure = kNoPressure;
  std::int32_t memory_pressure = kNoPressure;
  std::int32_t io_pressure = kNoPressure;
  std::int64_t reported_ms = 0;  // wall clock of the master; 0: never. Not sent by agents

  bool is_known() const { return reported_ms != 0; }
  bool operator==(const MachineUse&) const = default;
};

struct TaskUse {
  std::uint32_t cpus_milli = 0;  // on average over the last look's interval
  std::uint32_t memory_kib = 0;  // as it counts against the limit; 0: nothing is known of the task

  bool is_known() const { return memory_kib != 0; }
  bool operator==(const TaskUse&) const = default;
};

struct TaskUseReport {
  FrameworkId framework;
  std::string_view task;
  TaskUse use;  // known
};

// Agent -> master, with a heartbeat. Of more than kMaxTaskUses tasks some are in each in turn.
struct UsageReport {
  MachineUse machine;
  absl::InlinedVector<TaskUseReport, 4> tasks;
};

}  // namespace shoal::core
