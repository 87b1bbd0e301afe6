#include "agent/resource_probe.h"

#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace shoal::agent {

namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kNoLimitV1 = std::uint64_t{1} << 60;  // v1 says "none" as 2^63 - 4096

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> cores(std::optional<std::int64_t> quota, std::optional<std::int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

template <typename Number>
void keep_least(std::optional<Number>* least, std::optional<Number> candidate) {
  if (candidate && (!*least || *candidate < **least)) *least = candidate;
}

// A cgroup's limit holds for all below it: from our own group up to the root of the hierarchy. In a
// container the path may not exist below the mount; then only the mount's top is there to read.
template <typename Visit>
void each_level(const std::string& mount, std::string path, Visit visit) {
  while (!path.empty() && path.back() == '/') path.pop_back();
  for (;;) {
    visit(mount + path);
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

void read_v2(const std::string& folder, MachineFacts* facts) {
  keep_least(&facts->cpu_quota, parse_cpu_max(slurp(folder + "/cpu.max")));
  keep_least(&facts->mem_limit, parse_memory_limit(slurp(folder + "/memory.max")));
}

void read_v1_cpu(const std::string& folder, MachineFacts* facts) {
  const std::string quota = slurp(folder + "/cpu.cfs_quota_us");
  const std::string period = slurp(folder + "/cpu.cfs_period_us");
  keep_least(&facts->cpu_quota,
             cores(number<std::int64_t>(trimmed(quota)), number<std::int64_t>(trimmed(period))));
}

void read_v1_memory(const std::string& folder, MachineFacts* facts) {
  keep_least(&facts->mem_limit, parse_memory_limit(slurp(folder + "/memory.limit_in_bytes")));
}

void read_cgroup_limits(const std::string& root, MachineFacts* facts) {
  const std::string top = root + "/sys/fs/cgroup";
  const std::string membership = slurp(root + "/proc/self/cgroup");
  // Lines are "<hierarchy>:<controllers>:<path>"; v2 has hierarchy 0 and no controllers.
  for (const absl::string_view line : absl::StrSplit(membership, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> part = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (part.size() != 3) continue;
    if (part[1].empty()) {
      const auto visit = [&](const std::string& folder) { read_v2(folder, facts); };
      each_level(top, part[2], visit);
      each_level(top + "/unified", part[2], visit);
      continue;
    }
    for (const absl::string_view controller : absl::StrSplit(part[1], ',')) {
      const std::string mount = absl::StrCat(top, "/", controller);
      if (controller == "cpu") {
        each_level(mount, part[2], [&](const std::string& f) { read_v1_cpu(f, facts); });
      } else if (controller == "memory") {
        each_level(mount, part[2], [&](const std::string& f) { read_v1_memory(f, facts); });
      }
    }
  }
}

// Machines with over 1024 cores need a larger mask than cpu_set_t.
std::optional<int> usable_cores() {
  for (int bits = 1024; bits <= 1024 * 1024; bits *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(bits));
    if (set == nullptr) return std::nullopt;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(bits));
    const bool known = ::sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known && count > 0) return count;
  }
  return std::nullopt;
}

// `total` less what the machine keeps for itself; half of it when that would be most of it.
std::int64_t less_reserve(std::uint64_t total, std::uint64_t reserve) {
  const std::uint64_t offered = total >= 2 * reserve ? total - reserve : total / 2;
  return static_cast<std::int64_t>(offered / kMiB);
}

}  // namespace

std::optional<double> parse_cpu_max(std::string_view text) {
  text = trimmed(text);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return cores(number<std::int64_t>(text.substr(0, space)),
               number<std::int64_t>(text.substr(space + 1)));
}

std::optional<std::uint64_t> parse_memory_limit(std::string_view text) {
  const auto bytes = number<std::uint64_t>(trimmed(text));
  if (!bytes || *bytes == 0 || *bytes >= kNoLimitV1) return std::nullopt;
  return bytes;
}

std::optional<std::uint64_t> parse_mem_total(std::string_view meminfo) {
  constexpr std::string_view kKey = "MemTotal:";
  const std::size_t at = meminfo.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = trimmed(meminfo.substr(at + kKey.size(), 64));
  const auto kib = number<std::uint64_t>(rest.substr(0, rest.find(' ')));
  if (!kib) return std::nullopt;
  return *kib * 1024;
}

ProbedResources default_resources(const MachineFacts& facts) {
  ProbedResources resources;
  resources.cpus = facts.usable_cores.value_or(1);
  if (facts.cpu_quota) resources.cpus = std::min(resources.cpus, *facts.cpu_quota);
  if (facts.mem_bytes || facts.mem_limit) {
    constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
    const std::uint64_t total =
        std::min(facts.mem_bytes.value_or(kUnknown), facts.mem_limit.value_or(kUnknown));
    resources.mem_mib = less_reserve(total, kGiB);
  } else {
    resources.mem_mib = kGiB / kMiB;
  }
  resources.disk_mib = facts.disk_bytes ? less_reserve(*facts.disk_bytes, 5 * kGiB)
                                        : static_cast<std::int64_t>(10 * kGiB / kMiB);
  resources.ports = {{31000, 32000}};
  return resources;
}

MachineFacts read_machine_facts(const std::string& data_dir, const std::string& root) {
  MachineFacts facts;
  facts.usable_cores = usable_cores();
  facts.mem_bytes = parse_mem_total(slurp(root + "/proc/meminfo"));
  read_cgroup_limits(root, &facts);
  struct statvfs disk {};
  if (::statvfs(data_dir.c_str(), &disk) == 0) {
    facts.disk_bytes = static_cast<std::uint64_t>(disk.f_blocks) * disk.f_frsize;
  }
  return facts;
}

ProbedResources probe_resources(const std::string& data_dir) {
  return default_resources(read_machine_facts(data_dir));
}

std::string read_hostname() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace shoal::agent
