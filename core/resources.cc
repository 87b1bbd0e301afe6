#include "core/resources.h"

#include <fmt/core.h>

#include <utility>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

constexpr std::uint32_t kMaxPort = 65535;
constexpr Milli kUnit = 1000;

absl::Status refuse(std::string_view part, std::string_view why) {
  return invalid("resources: '{}': {}", printable(part), why);
}

absl::StatusOr<PortSet> parse_ports(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return refuse(text, "expected ranges like [31000-32000,33000-33010]");
  }
  PortSet::Ranges ranges;
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (inner.empty()) return PortSet();
  for (const std::string_view part : split(inner, ',')) {
    const std::vector<std::string_view> ends = split(part, '-');
    PortRange range;
    if (ends.size() != 2 || !parse_int(ends[0], &range.begin) || !parse_int(ends[1], &range.end)) {
      return refuse(part, "expected a range like 31000-32000");
    }
    ranges.push_back(range);
  }
  return PortSet::from_ranges(std::move(ranges));
}

absl::Status check_scalar(Milli value, std::string_view name) {
  if (value < 0) return invalid("{} is negative", name);
  if (value > kMaxScalarMilli) return invalid("{} is over {}", name, kMaxScalarMilli / kUnit);
  return absl::OkStatus();
}

void append_scalar(std::string& out, std::string_view name, Milli value) {
  if (value == 0) return;
  out += fmt::format("{}{}:{}", out.empty() ? "" : ";", name, milli_to_string(value));
}

void append_shortfall(std::string& out, std::string_view name, Milli wanted, Milli free) {
  if (wanted <= free) return;
  out += fmt::format("{}{} {} (has {})", out.empty() ? "" : ", ", name, milli_to_string(wanted),
                     milli_to_string(free));
}

}  // namespace

absl::StatusOr<PortSet> PortSet::from_ranges(Ranges ranges) {
  if (ranges.size() > kMaxPortRanges) {
    return invalid("ports: more than {} ranges", kMaxPortRanges);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const PortRange& a, const PortRange& b) { return a.begin < b.begin; });
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const PortRange& range = ranges[i];
    if (range.begin > range.end || range.end > kMaxPort) {
      return invalid("ports: {}-{} is not a range within 0-65535", range.begin, range.end);
    }
    if (i > 0 && range.begin <= ranges[i - 1].end) {
      return invalid("ports: {}-{} overlaps {}-{}", range.begin, range.end, ranges[i - 1].begin,
                     ranges[i - 1].end);
    }
  }
  PortSet set;
  set.ranges_ = std::move(ranges);
  set.normalise();
  return set;
}

std::uint32_t PortSet::count() const {
  std::uint32_t total = 0;
  for (const PortRange& range : ranges_) total += range.end - range.begin + 1;
  return total;
}

bool PortSet::contains(const PortSet& other) const {
  std::size_t i = 0;
  for (const PortRange& wanted : other.ranges_) {
    while (i < ranges_.size() && ranges_[i].end < wanted.begin) ++i;
    if (i == ranges_.size() || ranges_[i].begin > wanted.begin || ranges_[i].end < wanted.end) {
      return false;
    }
  }
  return true;
}

bool PortSet::intersects(const PortSet& other) const {
  std::size_t i = 0;
  for (const PortRange& range : other.ranges_) {
    while (i < ranges_.size() && ranges_[i].end < range.begin) ++i;
    if (i < ranges_.size() && ranges_[i].begin <= range.end) return true;
  }
  return false;
}

void PortSet::add(const PortSet& other) {
  if (other.empty()) return;
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  normalise();
}

void PortSet::subtract(const PortSet& other) {
  if (other.empty()) return;
  Ranges left;
  std::size_t j = 0;
  for (PortRange range : ranges_) {
    while (j < other.ranges_.size() && other.ranges_[j].end < range.begin) ++j;
    bool consumed = false;
    for (std::size_t k = j; k < other.ranges_.size() && other.ranges_[k].begin <= range.end; ++k) {
      const PortRange& cut = other.ranges_[k];
      if (cut.begin > range.begin) left.push_back({range.begin, cut.begin - 1});
      if (cut.end >= range.end) {
        consumed = true;
        break;
      }
      range.begin = cut.end + 1;
    }
    if (!consumed) left.push_back(range);
  }
  ranges_ = std::move(left);
}

PortSet PortSet::lowest(std::uint32_t count) const {
  PortSet set;
  for (const PortRange& range : ranges_) {
    if (count == 0) break;
    const std::uint32_t take = std::min(count, range.end - range.begin + 1);
    set.ranges_.push_back({range.begin, range.begin + take - 1});
    count -= take;
  }
  return set;
}

void PortSet::normalise() {
  std::sort(ranges_.begin(), ranges_.end(),
            [](const PortRange& a, const PortRange& b) { return a.begin < b.begin; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].begin <= ranges_[last].end + 1) {
      ranges_[last].end = std::max(ranges_[last].end, ranges_[i].end);
    } else {
      ranges_[++last] = ranges_[i];
    }
  }
  if (!ranges_.empty()) ranges_.resize(last + 1);
}

Resources& Resources::operator+=(const Resources& other) {
  cpus += other.cpus;
  mem += other.mem;
  disk += other.disk;
  gpus += other.gpus;
  ports.add(other.ports);
  return *this;
}

Resources& Resources::operator-=(const Resources& other) {
  cpus -= other.cpus;
  mem -= other.mem;
  disk -= other.disk;
  gpus -= other.gpus;
  ports.subtract(other.ports);
  return *this;
}

absl::Status check_resources(const Resources& resources) {
  if (absl::Status s = check_scalar(resources.cpus, "cpus"); !s.ok()) return s;
  if (absl::Status s = check_scalar(resources.mem, "mem"); !s.ok()) return s;
  if (absl::Status s = check_scalar(resources.disk, "disk"); !s.ok()) return s;
  if (absl::Status s = check_scalar(resources.gpus, "gpus"); !s.ok()) return s;
  if (resources.gpus % kUnit != 0) return invalid("gpus must be a whole number");
  return absl::OkStatus();
}

absl::StatusOr<Resources> parse_resources(std::string_view text) {
  Resources resources;
  const std::pair<std::string_view, Milli*> scalars[] = {{"cpus", &resources.cpus},
                                                         {"mem", &resources.mem},
                                                         {"disk", &resources.disk},
                                                         {"gpus", &resources.gpus}};
  absl::InlinedVector<std::string_view, 5> seen;
  for (const std::string_view part : split(text, ';')) {
    if (part.empty()) continue;
    const std::size_t colon = part.find(':');
    const std::string_view name = strip(part.substr(0, colon));
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : strip(part.substr(colon + 1));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return refuse(part, "named twice");
    }
    seen.push_back(name);
    if (name == "ports") {
      absl::StatusOr<PortSet> ports = parse_ports(value);
      if (!ports.ok()) return ports.status();
      resources.ports = *std::move(ports);
      continue;
    }
    const auto* scalar = std::find_if(std::begin(scalars), std::end(scalars),
                                      [name](const auto& entry) { return entry.first == name; });
    if (scalar == std::end(scalars)) {
      return refuse(part, "unknown resource; known are cpus, mem, disk, gpus and ports");
    }
    absl::StatusOr<Milli> amount = parse_milli(value);
    if (!amount.ok()) return refuse(part, message_of(amount.status()));
    *scalar->second = *amount;
  }
  if (absl::Status status = check_resources(resources); !status.ok()) return status;
  return resources;
}

std::string to_string(const Resources& resources) {
  std::string out;
  append_scalar(out, "cpus", resources.cpus);
  append_scalar(out, "mem", resources.mem);
  append_scalar(out, "disk", resources.disk);
  append_scalar(out, "gpus", resources.gpus);
  if (!resources.ports.empty()) {
    out += out.empty() ? "ports:[" : ";ports:[";
    std::string_view separator;
    for (const PortRange& range : resources.ports.ranges()) {
      out += fmt::format("{}{}-{}", separator, range.begin, range.end);
      separator = ",";
    }
    out += ']';
  }
  return out.empty() ? "nothing" : out;
}

std::string milli_to_string(Milli value) {
  const bool negative = value < 0;
  const Milli magnitude = negative ? -value : value;
  std::string whole = fmt::format("{}{}", negative ? "-" : "", magnitude / kUnit);
  if (magnitude % kUnit == 0) return whole;
  std::string decimals = fmt::format(".{:03}", magnitude % kUnit);
  while (decimals.back() == '0') decimals.pop_back();
  return whole + decimals;
}

absl::StatusOr<Milli> parse_milli(std::string_view text) {
  const std::size_t point = text.find('.');
  const bool has_point = point != std::string_view::npos;
  const std::string_view integer = text.substr(0, point);
  const std::string_view decimals = has_point ? text.substr(point + 1) : std::string_view();
  const auto digits = [](std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (integer.empty() || !digits(integer) || !digits(decimals) || (has_point && decimals.empty())) {
    return invalid("expected a number like 4 or 0.5");
  }
  if (decimals.size() > 3) return invalid("at most three decimals are kept");
  Milli whole = 0;
  if (!parse_int(integer, &whole) || whole > kMaxScalarMilli / kUnit) {
    return invalid("the number is over {}", kMaxScalarMilli / kUnit);
  }
  Milli rest = 0;
  Milli place = 100;
  for (const char c : decimals) {
    rest += (c - '0') * place;
    place /= 10;
  }
  return whole * kUnit + rest;
}

std::string shortfall(const Resources& wanted, const Resources& free) {
  std::string out;
  append_shortfall(out, "cpus", wanted.cpus, free.cpus);
  append_shortfall(out, "mem", wanted.mem, free.mem);
  append_shortfall(out, "disk", wanted.disk, free.disk);
  append_shortfall(out, "gpus", wanted.gpus, free.gpus);
  if (!free.ports.contains(wanted.ports)) {
    out += out.empty() ? "ports that are not free" : ", ports that are not free";
  }
  return out;
}

}  // namespace shoal::core
