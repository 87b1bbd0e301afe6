#include "agent/cgroup_usage.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace shoal::agent {

namespace {

constexpr std::uint64_t kNanosPerMicro = 1000;

void put_micros(const std::optional<std::uint64_t>& nanos, std::uint64_t* micros) {
  if (nanos.has_value()) *micros = *nanos / kNanosPerMicro;
}

void apply(const CgroupUsage& counted, UsageOfTask* usage) {
  put_micros(counted.cpu_user_ns, &usage->cpu_user_us);
  put_micros(counted.cpu_system_ns, &usage->cpu_system_us);
  if (counted.throttled_ns.has_value()) {
    usage->throttled_us = *counted.throttled_ns / kNanosPerMicro;
  }
  usage->memory_bytes = counted.memory_bytes;
  usage->memory_peak_bytes = counted.memory_peak_bytes;
  if (counted.processes.has_value())
    usage->threads = static_cast<std::uint32_t>(*counted.processes);
  // /proc counts what was to be written, a cgroup what was: also for processes that have ended.
  usage->read_bytes = std::max(usage->read_bytes, counted.read_bytes.value_or(0));
  usage->written_bytes = std::max(usage->written_bytes, counted.written_bytes.value_or(0));
}

}  // namespace

CgroupTaskUsage::CgroupTaskUsage(const Cgroups& cgroups, std::unique_ptr<TaskUsage> rest)
    : cgroups_(cgroups), rest_(std::move(rest)) {}

std::vector<std::optional<UsageOfTask>> CgroupTaskUsage::read(
    const std::vector<SupervisedTask>& tasks) {
  std::vector<std::optional<UsageOfTask>> usages = rest_->read(tasks);
  for (std::size_t i = 0; i < tasks.size() && i < usages.size(); ++i) {
    if (usages[i].has_value()) apply(cgroups_.usage(tasks[i].id.run_uuid), &*usages[i]);
  }
  return usages;
}

}  // namespace shoal::agent
