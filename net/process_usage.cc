#include "net/process_usage.h"

#include <unistd.h>

#include <vector>

#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::net {
namespace {

constexpr std::size_t kMostBytes = 256 * 1024;  // /proc/stat has a line for each processor

std::string read_text(const std::string& path) {
  auto text = read_whole_file(path, kMostBytes);
  return text.ok() ? *std::move(text) : std::string();
}

// The number behind "btime " in /proc/stat: when the machine was started.
double boot_seconds(std::string_view stat) {
  static constexpr std::string_view kName = "\nbtime ";
  const std::size_t at = stat.find(kName);
  if (at == std::string_view::npos) return 0;
  stat.remove_prefix(at + kName.size());
  std::uint64_t seconds = 0;
  core::parse_int(stat.substr(0, stat.find('\n')), &seconds);
  return static_cast<double>(seconds);
}

}  // namespace

ProcessUsage read_process_usage(const std::string& proc) {
  // proc(5): the fields after the name, which may hold blanks and parentheses, from the third on.
  static constexpr std::size_t kUserTicks = 11;
  static constexpr std::size_t kSystemTicks = 12;
  static constexpr std::size_t kStartTicks = 19;
  static constexpr std::size_t kResidentPages = 21;
  const std::string own = read_text(proc + "/self/stat");
  const std::size_t name_end = own.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > own.size()) return {};
  const auto fields = core::split(std::string_view(own).substr(name_end + 2), ' ');
  if (fields.size() <= kResidentPages) return {};
  const auto number = [&fields](std::size_t field) {
    std::uint64_t value = 0;
    core::parse_int(fields[field], &value);
    return value;
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  ProcessUsage usage;
  usage.cpu_seconds = static_cast<double>(number(kUserTicks) + number(kSystemTicks)) / ticks;
  usage.resident_bytes =
      number(kResidentPages) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  usage.start_seconds =
      boot_seconds(read_text(proc + "/stat")) + static_cast<double>(number(kStartTicks)) / ticks;
  return usage;
}

void append_process_metrics(core::MetricsText& out, const ProcessUsage& usage) {
  out.one("process_cpu_seconds_total", "counter", "Time of processors that the process used.",
          usage.cpu_seconds);
  out.one("process_resident_memory_bytes", "gauge", "Memory of the process.", usage.resident_bytes);
  out.one("process_start_time_seconds", "gauge", "When it was started, since 1970.",
          usage.start_seconds);
}

}  // namespace shoal::net
