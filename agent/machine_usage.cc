#include "agent/machine_usage.h"

#include <dirent.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/proc_file.h"
#include "agent/proc_usage.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

std::string_view to_std(absl::string_view text) { return {text.data(), text.size()}; }
absl::string_view to_absl(std::string_view text) { return {text.data(), text.size()}; }

std::vector<absl::string_view> words_of(std::string_view line) {
  return absl::StrSplit(to_absl(line), ' ', absl::SkipEmpty());
}

std::uint64_t tick_us() {
  return 1'000'000 / static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
}

void read_disk(const std::string& folder, MachineUsage* usage) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return;
  usage->disk_bytes = info.f_blocks * info.f_frsize;
  usage->disk_free_bytes = info.f_bfree * info.f_frsize;
  usage->disk_available_bytes = info.f_bavail * info.f_frsize;
  usage->inodes = info.f_files;
  usage->inodes_free = info.f_ffree;
}

}  // namespace

std::optional<Pressure> parse_pressure(std::string_view text) {
  Pressure pressure;
  bool is_one = false;
  for (const std::string_view line : core::split(text, '\n')) {
    const auto words = words_of(line);
    if (words.empty() || (words[0] != "some" && words[0] != "full")) continue;
    const bool is_some = words[0] == "some";
    is_one |= is_some;
    for (const absl::string_view word : words) {
      const std::pair<absl::string_view, absl::string_view> pair =
          absl::StrSplit(word, absl::MaxSplits('=', 1));
      double number = 0;
      std::uint64_t total = 0;
      if (pair.first == "avg10" && absl::SimpleAtod(pair.second, &number)) {
        (is_some ? pressure.some_avg10 : pressure.full_avg10) = number;
      } else if (pair.first == "avg60" && absl::SimpleAtod(pair.second, &number)) {
        (is_some ? pressure.some_avg60 : pressure.full_avg60) = number;
      } else if (pair.first == "total" && absl::SimpleAtoi(pair.second, &total)) {
        (is_some ? pressure.some_us : pressure.full_us) = total;
      }
    }
  }
  if (!is_one) return std::nullopt;
  return pressure;
}

void parse_cpu_times(std::string_view stat, std::uint64_t tick_us, MachineUsage* usage) {
  for (const std::string_view line : core::split(stat, '\n')) {
    const auto words = words_of(line);
    if (words.empty() || words[0].substr(0, 3) != "cpu") break;  // they come first
    if (words[0] != "cpu") {
      ++usage->cpus;
      continue;
    }
    for (std::size_t mode = 0; mode < kCpuModes.size() && mode + 1 < words.size(); ++mode) {
      std::uint64_t ticks = 0;
      if (core::parse_int(to_std(words[mode + 1]), &ticks)) usage->cpu_us[mode] = ticks * tick_us;
    }
  }
}

void parse_meminfo(std::string_view text, MachineUsage* usage) {
  const std::pair<std::string_view, std::uint64_t*> wanted[] = {
      {"MemTotal:", &usage->memory_bytes},
      {"MemAvailable:", &usage->memory_available_bytes},
      {"MemFree:", &usage->memory_free_bytes},
      {"SwapTotal:", &usage->swap_bytes},
      {"SwapFree:", &usage->swap_free_bytes}};
  for (const std::string_view line : core::split(text, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    for (const auto& [name, field] : wanted) {
      std::uint64_t kib = 0;
      if (to_std(words[0]) == name && core::parse_int(to_std(words[1]), &kib)) *field = kib * 1024;
    }
  }
}

void parse_loadavg(std::string_view text, MachineUsage* usage) {
  const auto words = words_of(text);
  if (words.size() < 3) return;
  (void)absl::SimpleAtod(words[0], &usage->load1);
  (void)absl::SimpleAtod(words[1], &usage->load5);
  (void)absl::SimpleAtod(words[2], &usage->load15);
}

MachineUsage read_machine_usage(const std::string& data_dir, const std::string& proc) {
  MachineUsage usage;
  parse_cpu_times(read_proc_file(proc + "/stat"), tick_us(), &usage);
  parse_meminfo(read_proc_file(proc + "/meminfo"), &usage);
  parse_loadavg(read_proc_file(proc + "/loadavg"), &usage);
  usage.cpu_pressure = parse_pressure(read_proc_file(proc + "/pressure/cpu"));
  usage.memory_pressure = parse_pressure(read_proc_file(proc + "/pressure/memory"));
  usage.io_pressure = parse_pressure(read_proc_file(proc + "/pressure/io"));
  read_disk(data_dir, &usage);
  return usage;
}

SelfUsage read_self_usage(const std::string& proc) {
  SelfUsage self;
  const auto usage = parse_process_usage(read_proc_file(proc + "/self/stat"));
  if (usage.has_value()) {
    self.cpu_user_us = usage->user_ticks * tick_us();
    self.cpu_system_us = usage->system_ticks * tick_us();
    self.rss_bytes = usage->rss_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir((proc + "/self/fd").c_str()),
                                                   ::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    if (entry->d_name[0] != '.') ++self.descriptors;
  }
  return self;
}

}  // namespace shoal::agent
