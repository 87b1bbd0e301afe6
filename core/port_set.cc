#include "core/port_set.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "core/ranges.h"
#include "core/status.h"

namespace shoal::core {
namespace {

constexpr std::uint32_t kMaxPort = 65535;

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
  join_ranges(ranges);
  return PortSet(std::move(ranges));
}

std::uint32_t PortSet::count() const {
  std::uint32_t total = 0;
  for (const PortRange& range : ranges_) total += range.end - range.begin + 1;
  return total;
}

bool PortSet::contains(const PortSet& other) const {
  return ranges_contain(ranges_, other.ranges_);
}

bool PortSet::intersects(const PortSet& other) const {
  return ranges_intersect(ranges_, other.ranges_);
}

void PortSet::add(const PortSet& other) {
  if (!other.empty()) ranges_ = ranges_union(ranges_, other.ranges_);
}

void PortSet::subtract(const PortSet& other) {
  if (!other.empty()) ranges_ = ranges_difference(ranges_, other.ranges_);
}

PortSet PortSet::common(const PortSet& other) const {
  return PortSet(ranges_common(ranges_, other.ranges_));
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

}  // namespace shoal::core
