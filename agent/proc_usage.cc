#include "agent/proc_usage.h"

#include <dirent.h>
#include <unistd.h>

#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/proc_file.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr std::uint64_t kMicros = 1'000'000;

std::string_view to_std(absl::string_view text) { return {text.data(), text.size()}; }

struct Processes {
  absl::flat_hash_map<pid_t, ProcessUsage> by_pid;
  absl::flat_hash_map<pid_t, std::vector<pid_t>> children;
};

Processes look_at_all(const std::string& proc) {
  Processes all;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(proc.c_str()), ::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    pid_t pid = 0;
    if (!core::parse_int(std::string_view(entry->d_name), &pid)) continue;
    const auto usage = parse_process_usage(read_proc_file(absl::StrCat(proc, "/", pid, "/stat")));
    if (!usage.has_value()) continue;
    all.by_pid.emplace(pid, *usage);
    all.children[usage->parent].push_back(pid);
  }
  return all;
}

}  // namespace

std::optional<ProcessUsage> parse_process_usage(std::string_view line) {
  const std::size_t open = line.find(" (");
  const std::size_t close = line.rfind(") ");  // the name between may hold anything
  if (open == line.npos || close == line.npos || close < open) return std::nullopt;
  ProcessUsage usage;
  if (!core::parse_int(line.substr(0, open), &usage.pid)) return std::nullopt;
  // From the third field on: state ppid … utime(14) stime cutime cstime … threads(20) … rss(24).
  const std::string_view rest = line.substr(close + 2);
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(rest.data(), rest.size()), absl::MaxSplits(' ', 22));
  if (fields.size() < 23 || fields[0].size() != 1) return std::nullopt;
  usage.state = fields[0][0];
  const auto number = [&](std::size_t field, auto* out) {
    return core::parse_int(to_std(fields[field - 3]), out);
  };
  if (!number(4, &usage.parent) || !number(14, &usage.user_ticks) ||
      !number(15, &usage.system_ticks) || !number(16, &usage.children_user_ticks) ||
      !number(17, &usage.children_system_ticks) || !number(20, &usage.threads) ||
      !number(24, &usage.rss_pages)) {
    return std::nullopt;
  }
  return usage;
}

std::pair<std::uint64_t, std::uint64_t> parse_process_io(std::string_view text) {
  std::pair<std::uint64_t, std::uint64_t> io;
  for (const std::string_view line : core::split(text, '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon == line.npos) continue;
    if (line.substr(0, colon) == "read_bytes") core::parse_int(line.substr(colon + 2), &io.first);
    if (line.substr(0, colon) == "write_bytes") core::parse_int(line.substr(colon + 2), &io.second);
  }
  return io;
}

std::vector<std::optional<UsageOfTask>> ProcTaskUsage::read(
    const std::vector<SupervisedTask>& tasks) {
  const Processes all = look_at_all(proc_);
  const auto tick_us = kMicros / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::vector<std::optional<UsageOfTask>> usages(tasks.size());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (!all.by_pid.contains(tasks[i].supervisor)) continue;
    UsageOfTask& usage = usages[i].emplace();
    // Each process has one parent and is looked at once, also when pids came round meanwhile.
    std::vector<pid_t> family = {tasks[i].supervisor};
    for (std::size_t at = 0; at < family.size() && at < all.by_pid.size(); ++at) {
      const auto found = all.by_pid.find(family[at]);
      const auto children = all.children.find(family[at]);
      if (children != all.children.end()) {
        family.insert(family.end(), children->second.begin(), children->second.end());
      }
      if (found == all.by_pid.end()) continue;
      const ProcessUsage& process = found->second;
      usage.cpu_user_us += (process.user_ticks + process.children_user_ticks) * tick_us;
      usage.cpu_system_us += (process.system_ticks + process.children_system_ticks) * tick_us;
      const auto [read, written] =
          parse_process_io(read_proc_file(absl::StrCat(proc_, "/", process.pid, "/io")));
      usage.read_bytes += read;
      usage.written_bytes += written;
      // The supervisor itself is only asked for what it has waited for.
      if (at == 0 || process.state == 'Z') continue;
      ++usage.processes;
      usage.threads += process.threads;
      usage.rss_bytes += process.rss_pages * page;
    }
  }
  return usages;
}

}  // namespace shoal::agent
