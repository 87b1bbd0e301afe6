#include "core/metrics_text.h"

#include <cstdint>

namespace shoal::core {

std::string escape_label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"' || c == '\n') out += '\\';
    out += c == '\n' ? 'n' : c;
  }
  return out;
}

void MetricsText::buckets(std::string_view name, std::string_view labels,
                          const std::vector<const alloc::Histogram*>& parts, Unit unit) {
  const double scale = unit == Unit::kSeconds ? 1e6 : 1;  // of what it holds
  const std::string_view comma = labels.empty() ? "" : ",";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i + 1 < alloc::Histogram::kBuckets; ++i) {
    for (const alloc::Histogram* part : parts) below += part->bucket(i);
    out_ += fmt::format("{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma,
                        static_cast<double>(alloc::Histogram::bound(i)) / scale, below);
  }
  // The count is of the buckets that were read, so that they agree also while others observe.
  std::uint64_t sum = 0;
  for (const alloc::Histogram* part : parts) {
    below += part->bucket(alloc::Histogram::kBuckets - 1);
    sum += part->sum();
  }
  out_ += fmt::format("{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name, labels, comma, below);
  sample(fmt::format("{}_sum", name), labels, static_cast<double>(sum) / scale);
  sample(fmt::format("{}_count", name), labels, below);
}

}  // namespace shoal::core
