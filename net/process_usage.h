// What this process uses of the machine, for process_… of /metrics.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/metrics_text.h"

namespace shoal::net {

struct ProcessUsage {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  double start_seconds = 0;  // since 1970
};

// Two small files of /proc: some ten microseconds. What cannot be read is 0. `proc`: a folder like
// /proc.
ProcessUsage read_process_usage(const std::string& proc = "/proc");

// process_cpu_seconds_total and the like.
void append_process_metrics(core::MetricsText& out, const ProcessUsage& usage);

}  // namespace shoal::net
