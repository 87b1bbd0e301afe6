#include "agent/cgroup.h"

#include <dirent.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>

#include "agent/errno_status.h"
#include "agent/supervisor/cgroup_folder.h"
#include "agent/supervisor/record.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr std::int64_t kSharesPerCpu = 1024;  // version 1
constexpr std::int64_t kMinShares = 2;
constexpr std::int64_t kMaxShares = 262'144;
constexpr std::int64_t kWeightPerCpu = 100;  // version 2
constexpr std::int64_t kMaxWeight = 10'000;
constexpr std::int64_t kMinQuotaUs = 1000;
constexpr int kMaxDepth = 8;  // of cgroups that a task has made in its own
constexpr int kEndPauseMs = 5;
constexpr int kEndRounds = 400;

constexpr const char* kLimited[] = {"cpu", "cpuacct", "memory", "pids"};
constexpr char kIo[] = "io";  // of version 2; counted, not limited

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// "a\040b" -> "a b": how mountinfo writes blanks.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_octal = text[i] == '\\' && i + 3 < text.size() &&
                          std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                      text.begin() + static_cast<std::ptrdiff_t>(i) + 4,
                                      [](char c) { return c >= '0' && c <= '7'; });
    if (!is_octal) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

bool make_path(const std::string& mount, std::string_view below) {
  std::string path = mount;
  for (const std::string_view name : core::split(below, '/')) {
    path.append("/").append(name);
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return false;
  }
  return true;
}

std::vector<std::string> folders_in(const std::string& path) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// A task may have made cgroups in its own. Those first.
bool end_tree(const std::string& folder, int depth) {
  if (::access(folder.c_str(), F_OK) != 0) return true;
  if (remove_cgroup(folder.c_str())) return true;
  (void)kill_cgroup(folder.c_str());
  if (depth > 0) {
    for (const std::string& name : folders_in(folder)) {
      end_tree(fmt::format("{}/{}", folder, name), depth - 1);
    }
  }
  return remove_cgroup(folder.c_str());
}

bool is_word_of(std::string_view text, std::string_view word) {
  for (const std::string_view line : core::split(text, '\n')) {
    for (const std::string_view each : core::split(line, ' ')) {
      if (each == word) return true;
    }
  }
  return false;
}

// Why a folder does not hand a controller down to those below it; empty: it does, or the reason
// lies above.
std::string why_not_handed(const std::string& folder, const std::string& controller) {
  if (is_word_of(content_of(folder + "/cgroup.subtree_control"), controller)) return "";
  // Only the root of all may have both. Another that holds processes would be made a domain of
  // threads by some controllers, and what is below could hold no process any more.
  const bool is_root = ::access((folder + "/cgroup.type").c_str(), F_OK) != 0;
  if (!is_root && !content_of(folder + "/cgroup.procs").empty()) {
    return fmt::format("processes are in {} itself, so it hands nothing down: move them below it",
                       folder);
  }
  const std::string word = "+" + controller;
  if (write_cgroup_file(folder.c_str(), "cgroup.subtree_control", word.c_str())) return "";
  if (errno == ENOENT) return "";  // it has none itself
  return std::string(errno_status(errno, fmt::format("handing it down from {}", folder)).message());
}

// A v2 controller works in a folder when every one above hands it down. What keeps it, if anything
// does.
std::string hand_down(const std::string& mount, std::string_view below,
                      const std::string& controller) {
  std::string path = mount;
  std::string why = why_not_handed(path, controller);
  for (const std::string_view name : core::split(below, '/')) {
    path.append("/").append(name);
    std::string here = why_not_handed(path, controller);
    if (why.empty()) why = std::move(here);
  }
  return why;
}

std::int64_t shares_of(core::Milli cpus) {
  return std::clamp(cpus * kSharesPerCpu / 1000, kMinShares, kMaxShares);
}
std::int64_t weight_of(core::Milli cpus) {
  return std::clamp<std::int64_t>(cpus * kWeightPerCpu / 1000, 1, kMaxWeight);
}
std::int64_t quota_of(core::Milli cpus) {
  return std::max(cpus * kCpuPeriodUs / 1000, kMinQuotaUs);
}
std::uint64_t bytes_of(core::Milli mem) {
  const auto milli = static_cast<std::uint64_t>(mem);
  const std::uint64_t mebibyte = std::uint64_t{1} << 20;
  return std::max(milli / 1000 * mebibyte + milli % 1000 * mebibyte / 1000, kMinTaskMemory);
}

// What one hierarchy sets for a run.
struct Limits {
  core::Milli cpus = 0;
  core::Milli mem = 0;  // 0: no limit
  bool has_cpu = false;
  bool has_quota = false;
  bool has_memory = false;
};

void write_v1_limits(std::vector<std::string>& words, const Limits& limits) {
  if (limits.has_cpu) {
    words.push_back(fmt::format("{}cpu.shares={}", kWriteSetting, shares_of(limits.cpus)));
  }
  if (limits.has_quota) {
    words.push_back(fmt::format("{}cpu.cfs_period_us={}", kWriteSetting, kCpuPeriodUs));
    words.push_back(fmt::format("{}cpu.cfs_quota_us={}", kWriteSetting, quota_of(limits.cpus)));
  }
  if (limits.has_memory) {
    const std::uint64_t bytes = bytes_of(limits.mem);
    words.push_back(fmt::format("{}memory.limit_in_bytes={}", kWriteSetting, bytes));
    // With swap: it is not there on every machine.
    words.push_back(fmt::format("{}memory.memsw.limit_in_bytes={}", kTryWriteSetting, bytes));
  }
}

void write_v2_limits(std::vector<std::string>& words, const Limits& limits) {
  if (limits.has_cpu) {
    words.push_back(fmt::format("{}cpu.weight={}", kWriteSetting, weight_of(limits.cpus)));
  }
  if (limits.has_quota) {
    words.push_back(
        fmt::format("{}cpu.max={} {}", kWriteSetting, quota_of(limits.cpus), kCpuPeriodUs));
  }
  if (limits.has_memory) {
    words.push_back(fmt::format("{}memory.max={}", kWriteSetting, bytes_of(limits.mem)));
    words.push_back(fmt::format("{}memory.swap.max=0", kTryWriteSetting));
    words.push_back(fmt::format("{}memory.oom.group=1", kTryWriteSetting));
  }
}

std::string devices_setting(const std::vector<DeviceRule>& rules) {
  std::vector<std::string> texts;
  for (const DeviceRule& rule : rules) texts.push_back(text_of(rule));
  return fmt::format("{}{}", kDevicesSetting, fmt::join(texts, ","));
}

std::optional<std::uint64_t> number(const std::string& folder, const char* file, const char* key,
                                    std::uint64_t times = 1) {
  std::uint64_t value = 0;
  if (!read_cgroup_number(folder.c_str(), file, key, &value)) return std::nullopt;
  return value * times;
}

}  // namespace

CgroupMounts parse_cgroup_mounts(std::string_view mountinfo) {
  CgroupMounts mounts;
  for (const std::string_view line : core::split(mountinfo, '\n')) {
    // "36 35 98:0 /root /mount/point rw,… [optional]… - type source options"
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = core::split(line.substr(0, dash), ' ');
    const auto after = core::split(line.substr(dash + 3), ' ');
    if (before.size() < 6 || after.size() < 3) continue;
    const std::string where = unescaped(before[4]);
    if (after[0] == "cgroup2" && mounts.v2.empty()) mounts.v2 = where;
    if (after[0] != "cgroup") continue;
    for (const std::string_view option : core::split(after[2], ',')) {
      mounts.v1.try_emplace(std::string(option), where);  // "rw" and "name=…" are nobody's
    }
  }
  return mounts;
}

absl::Status check_cgroup_root(std::string_view root) {
  for (const std::string_view name : core::split(root, '/')) {
    const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == '-' || c == '@';
    });
    if (name.empty() || name.size() > 200 || !is_plain || name == "." || name == "..") {
      return core::invalid(
          "cgroup root '{}': expected names of letters, digits and ._-@, as in shoal or "
          "system.slice/shoal.service/tasks",
          core::printable(root));
    }
  }
  return absl::OkStatus();
}

bool Cgroups::Hierarchy::has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

absl::StatusOr<Cgroups> Cgroups::open(const CgroupOptions& options) {
  return open(parse_cgroup_mounts(content_of("/proc/self/mountinfo")), options);
}

absl::StatusOr<Cgroups> Cgroups::open(const CgroupMounts& mounts, const CgroupOptions& options) {
  if (absl::Status root = check_cgroup_root(options.root); !root.ok()) return root;
  struct stat folder {};
  if (::stat(options.data_dir.c_str(), &folder) != 0) {
    return errno_status(errno, "looking at " + options.data_dir);
  }
  const std::string agent = fmt::format("agent-{:x}-{}", folder.st_dev, folder.st_ino);
  Cgroups cgroups(options);
  std::vector<std::string> unified;
  const std::string offered =
      mounts.v2.empty() ? "" : content_of(mounts.v2 + "/cgroup.controllers");
  std::map<std::string, std::vector<std::string>> by_mount;  // co-mounted ones are one folder
  for (const char* controller : kLimited) {
    const auto found = mounts.v1.find(controller);
    if (found != mounts.v1.end()) {
      by_mount[found->second].emplace_back(controller);
    } else if (is_word_of(offered, controller)) {
      unified.emplace_back(controller);
    }
  }
  if (is_word_of(offered, kIo)) unified.emplace_back(kIo);
  if (!mounts.v2.empty()) cgroups.add(mounts.v2, true, unified, agent);
  cgroups.has_kill_ =
      !cgroups.hierarchies_.empty() &&
      ::access((cgroups.hierarchies_.front().folder + "/cgroup.kill").c_str(), W_OK) == 0;
  const auto freezer = mounts.v1.find("freezer");
  if (!cgroups.has_kill_ && freezer != mounts.v1.end()) {
    if (unified.empty()) cgroups.hierarchies_.clear();  // of no use
    by_mount.erase(freezer->second);
    cgroups.add(freezer->second, false, {}, agent);
    // First, also of a unified one that holds limits.
    std::reverse(cgroups.hierarchies_.begin(), cgroups.hierarchies_.end());
  }
  cgroups.hold_devices(mounts, by_mount);
  for (const auto& [mount, controllers] : by_mount) cgroups.add(mount, false, controllers, agent);
  if (cgroups.hierarchies_.empty()) {
    return absl::UnavailableError(cgroups.why_not_.empty() ? "no cgroup file system is mounted"
                                                           : cgroups.why_not_);
  }
  cgroups.find_missing();
  return cgroups;
}

void Cgroups::add(std::string_view mount, bool is_v2, const std::vector<std::string>& controllers,
                  const std::string& agent) {
  const std::string at(mount);
  const std::string below = options_.root + "/" + agent;
  if (!make_path(at, below)) {
    why_not_ = std::string(errno_status(errno, fmt::format("making {}/{}", at, below)).message());
    return;
  }
  Hierarchy made{at + "/" + below, is_v2, controllers};
  if (is_v2) {
    for (const std::string& controller : controllers) {
      why_missing_[controller] = hand_down(at, below, controller);
    }
    const std::string handed = content_of(made.folder + "/cgroup.subtree_control");
    std::erase_if(made.controllers,
                  [&](const std::string& each) { return !is_word_of(handed, each); });
    // cpu.stat of version 2 tells the time without its controller.
    made.controllers.emplace_back("cpuacct");
  }
  if (made.has("cpu")) {
    // Among what else runs on the machine, the tasks count as much as the agent offers.
    const std::string root = at + "/" + options_.root;
    const core::Milli all = core::Milli{::sysconf(_SC_NPROCESSORS_ONLN)} * 1000;
    const char* file = is_v2 ? "cpu.weight" : "cpu.shares";
    const auto text = [is_v2](core::Milli cpus) {
      return std::to_string(is_v2 ? weight_of(cpus) : shares_of(cpus));
    };
    (void)write_cgroup_file(root.c_str(), file, text(all).c_str());
    (void)write_cgroup_file(made.folder.c_str(), file, text(options_.cpus).c_str());
  }
  hierarchies_.push_back(std::move(made));
}

// By version 2 where it is: there the agent's folder holds all of its tasks, and they cost nothing.
void Cgroups::hold_devices(const CgroupMounts& mounts,
                           std::map<std::string, std::vector<std::string>>& by_mount) {
  const auto unified = std::find_if(hierarchies_.begin(), hierarchies_.end(),
                                    [](const Hierarchy& each) { return each.is_v2; });
  if (unified != hierarchies_.end()) {
    if (!options_.devices.has_value()) return detach_devices(unified->folder);
    const absl::Status attached = attach_devices(unified->folder, *options_.devices);
    if (attached.ok()) {
      unified->controllers.emplace_back("devices");
      return;
    }
    no_devices_ = core::message_of(attached);
  }
  const auto separate = mounts.v1.find("devices");
  if (!options_.devices.has_value() || separate == mounts.v1.end()) return;
  by_mount[separate->second].emplace_back("devices");
}

void Cgroups::find_missing() {
  for (const char* controller : kLimited) {
    const bool is_there = std::any_of(hierarchies_.begin(), hierarchies_.end(),
                                      [&](const Hierarchy& each) { return each.has(controller); });
    if (is_there || controller == std::string_view("cpuacct")) continue;
    const std::string& why = why_missing_[controller];
    missing_.push_back(
        fmt::format("{} ({})", controller, why.empty() ? "no cgroup controller" : why));
  }
  const bool has_devices = std::any_of(hierarchies_.begin(), hierarchies_.end(),
                                       [](const Hierarchy& each) { return each.has("devices"); });
  if (!options_.devices.has_value() || has_devices) return;
  missing_.push_back(
      fmt::format("devices ({})", no_devices_.empty() ? "no cgroup controller" : no_devices_));
}

std::vector<std::string> Cgroups::settings(std::string_view run_uuid,
                                           const core::Resources& resources) const {
  const core::Quantities total = resources.all_quantities();
  Limits limits;
  limits.cpus = total[core::ResourceKind::kCpus];
  limits.mem = total[core::ResourceKind::kMem];
  std::vector<std::string> words;
  for (const Hierarchy& each : hierarchies_) {
    words.push_back(fmt::format("{}{}/{}", kCgroupSetting, each.folder, run_uuid));
    limits.has_cpu = each.has("cpu");
    limits.has_quota = limits.has_cpu && options_.cpu_quota;
    limits.has_memory = each.has("memory") && limits.mem > 0;
    (each.is_v2 ? write_v2_limits : write_v1_limits)(words, limits);
    if (each.has("pids") && options_.max_pids > 0) {
      words.push_back(fmt::format("{}pids.max={}", kWriteSetting, options_.max_pids));
    }
    if (!each.is_v2 && each.has("devices")) words.push_back(devices_setting(*options_.devices));
  }
  return words;
}

std::uint64_t parse_io_stat(std::string_view text, std::string_view key) {
  std::uint64_t sum = 0;
  for (const std::string_view line : core::split(text, '\n')) {
    for (const std::string_view word : core::split(line, ' ')) {
      std::uint64_t value = 0;
      if (word.size() <= key.size() || word.substr(0, key.size()) != key) continue;
      if (word[key.size()] != '=' || !core::parse_int(word.substr(key.size() + 1), &value))
        continue;
      sum += value;
    }
  }
  return sum;
}

CgroupUsage Cgroups::usage(std::string_view run_uuid) const {
  CgroupUsage usage;
  for (const Hierarchy& each : hierarchies_) {
    const std::string folder = fmt::format("{}/{}", each.folder, run_uuid);
    const auto counted = [&](const char* v2, const char* key, const char* v1) {
      return each.is_v2 ? number(folder, v2, key, 1000) : number(folder, v1, nullptr);
    };
    if (each.has("cpuacct")) {
      usage.cpu_ns = counted("cpu.stat", "usage_usec", "cpuacct.usage");
      usage.cpu_user_ns = counted("cpu.stat", "user_usec", "cpuacct.usage_user");
      usage.cpu_system_ns = counted("cpu.stat", "system_usec", "cpuacct.usage_sys");
    }
    if (each.has("cpu")) {
      usage.throttled_ns = each.is_v2 ? number(folder, "cpu.stat", "throttled_usec", 1000)
                                      : number(folder, "cpu.stat", "throttled_time");
    }
    if (each.has("memory")) {
      const bool is_v2 = each.is_v2;
      usage.memory_bytes =
          number(folder, is_v2 ? "memory.current" : "memory.usage_in_bytes", nullptr);
      usage.memory_peak_bytes =
          number(folder, is_v2 ? "memory.peak" : "memory.max_usage_in_bytes", nullptr);
      std::uint64_t kills = 0;
      if (read_oom_kills(folder.c_str(), &kills)) usage.oom_kills = kills;
    }
    if (each.has("pids")) usage.processes = number(folder, "pids.current", nullptr);
    if (each.is_v2 && each.has(kIo) && ::access(folder.c_str(), F_OK) == 0) {
      const std::string text = content_of(folder + "/io.stat");
      usage.read_bytes = parse_io_stat(text, "rbytes");
      usage.written_bytes = parse_io_stat(text, "wbytes");
    }
  }
  return usage;
}

bool Cgroups::end(std::string_view run_uuid) const {
  bool is_gone = true;
  for (const Hierarchy& each : hierarchies_) {
    is_gone = end_tree(fmt::format("{}/{}", each.folder, run_uuid), kMaxDepth) && is_gone;
  }
  return is_gone;
}

std::vector<std::string> Cgroups::runs() const {
  std::vector<std::string> names;
  for (const Hierarchy& each : hierarchies_) {
    for (std::string& name : folders_in(each.folder)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::size_t Cgroups::end_all_but(const absl::flat_hash_set<std::string>& spared) const {
  std::vector<std::string> doomed = runs();
  std::erase_if(doomed, [&](const std::string& run) { return spared.contains(run); });
  const std::size_t count = doomed.size();
  for (int round = 0; round < kEndRounds && !doomed.empty(); ++round) {
    if (round > 0) ::poll(nullptr, 0, kEndPauseMs);
    std::erase_if(doomed, [this](const std::string& run) { return end(run); });
  }
  return count;
}

void Cgroups::close() const {
  for (const Hierarchy& each : hierarchies_) ::rmdir(each.folder.c_str());
}

std::string Cgroups::to_string() const {
  std::string v1;
  std::string v2;
  for (const Hierarchy& each : hierarchies_) {
    std::string& names = each.is_v2 ? v2 : v1;
    for (const std::string& controller : each.controllers) {
      if (controller == "cpuacct" || controller == kIo) continue;  // they only count
      names += (names.empty() ? "" : ", ") + controller;
    }
  }
  std::string text;
  if (!v1.empty()) text = "cgroup v1: " + v1;
  if (!v2.empty()) text += (text.empty() ? "cgroup v2: " : "; cgroup v2: ") + v2;
  if (text.empty()) text = "cgroups without controllers";
  return text + (has_kill_ ? "; killed by cgroup.kill" : "; killed by signals");
}

}  // namespace shoal::agent
