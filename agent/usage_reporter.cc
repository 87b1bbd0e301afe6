#include "agent/usage_reporter.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "core/limits.h"

namespace shoal::agent {
namespace {

template <typename To>
To saturated(double value) {
  constexpr To kMost = std::numeric_limits<To>::max();
  if (!(value > 0)) return 0;
  return value >= static_cast<double>(kMost) ? kMost : static_cast<To>(value);
}

// Time of processors, in microseconds: all but idle and waiting for disks.
std::uint64_t busy_us(const MachineUsage& machine) {
  std::uint64_t busy = 0;
  for (std::size_t i = 0; i < kCpuModes.size(); ++i) {
    if (kCpuModes[i] != "idle" && kCpuModes[i] != "iowait") busy += machine.cpu_us[i];
  }
  return busy;
}

std::uint32_t cpus_milli(std::uint64_t used_us, std::uint64_t before_us, core::Duration elapsed) {
  const std::uint64_t spent = used_us - std::min(used_us, before_us);
  const double us = std::chrono::duration<double, std::micro>(elapsed).count();
  return saturated<std::uint32_t>(std::round(static_cast<double>(spent) * 1000 / us));
}

std::int32_t hundredths(const std::optional<Pressure>& pressure) {
  if (!pressure.has_value()) return core::kNoPressure;
  return static_cast<std::int32_t>(std::lround(std::clamp(pressure->some_avg10, 0.0, 100.0) * 100));
}

std::uint32_t memory_kib(const UsageOfTask& usage) {
  const std::uint64_t kib = usage.memory_bytes.value_or(usage.rss_bytes) / 1024;
  return saturated<std::uint32_t>(static_cast<double>(std::max<std::uint64_t>(kib, 1)));
}

}  // namespace

core::MachineUse UsageReporter::machine_since_last(const UsageSample& sample) const {
  const MachineUsage& machine = sample.machine;
  core::MachineUse use;
  use.cpus_milli = cpus_milli(busy_us(machine), last_busy_us_, sample.sampled_at - *last_at_);
  use.load1_milli = saturated<std::uint32_t>(machine.load1 * 1000);
  use.memory_bytes = std::min(machine.memory_bytes, core::kMaxMachineBytes);
  use.memory_used_bytes =
      use.memory_bytes - std::min(machine.memory_available_bytes, use.memory_bytes);
  use.disk_bytes = std::min(machine.disk_bytes, core::kMaxMachineBytes);
  use.disk_used_bytes = use.disk_bytes - std::min(machine.disk_free_bytes, use.disk_bytes);
  use.cpu_pressure = hundredths(machine.cpu_pressure);
  use.memory_pressure = hundredths(machine.memory_pressure);
  use.io_pressure = hundredths(machine.io_pressure);
  return use;
}

std::optional<core::UsageReport> UsageReporter::next(const UsageSample& sample) {
  const std::optional<core::TimePoint> before = last_at_;
  if (before.has_value() && sample.sampled_at <= *before) return std::nullopt;
  std::optional<core::UsageReport> report;
  if (before.has_value()) report.emplace().machine = machine_since_last(sample);

  absl::flat_hash_map<std::string, std::uint64_t> seen;
  seen.reserve(sample.tasks.size());
  const std::size_t count = sample.tasks.size();
  const std::size_t first = count == 0 ? 0 : turn_ % count;
  for (std::size_t i = 0; i < count; ++i) {
    const UsageSample::OfTask& task = sample.tasks[(first + i) % count];
    const std::uint64_t cpu_us = task.usage.cpu_user_us + task.usage.cpu_system_us;
    seen.emplace(task.task.id.run_uuid, cpu_us);
    if (!report.has_value() || i >= core::kMaxTaskUses) continue;
    const auto last = last_cpu_us_.find(task.task.id.run_uuid);
    if (last == last_cpu_us_.end()) continue;
    const core::Duration elapsed = sample.sampled_at - *before;
    report->tasks.push_back({task.task.framework,
                             task.task.id.task_id,
                             {cpus_milli(cpu_us, last->second, elapsed), memory_kib(task.usage)}});
  }
  if (report.has_value() && count > core::kMaxTaskUses) turn_ = first + core::kMaxTaskUses;
  last_cpu_us_ = std::move(seen);
  last_busy_us_ = busy_us(sample.machine);
  last_at_ = sample.sampled_at;
  return report;
}

}  // namespace shoal::agent
