// The Prometheus text format, version 0.0.4: how both daemons write /metrics.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alloc/histogram.h"

namespace shoal::core {

// A label's value as the format wants it.
std::string escape_label(std::string_view text);

class MetricsText {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // What an alloc::Histogram holds.
  enum class Unit { kSeconds, kNumber };

  // Before the first sample of a name. `type`: "counter", "gauge" or "histogram".
  void head(std::string_view name, std::string_view type, std::string_view help) {
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  // `labels`: as `core="0",mode="user"`, or empty.
  template <typename Number>
  void sample(std::string_view name, std::string_view labels, Number value) {
    if (labels.empty()) {
      out_ += fmt::format("{} {}\n", name, value);
    } else {
      out_ += fmt::format("{}{{{}}} {}\n", name, labels, value);
    }
  }
  // A name of one sample.
  template <typename Number>
  void one(std::string_view name, std::string_view type, std::string_view help, Number value) {
    head(name, type, help);
    sample(name, "", value);
  }
  // The samples of one histogram: the sum of all `parts`.
  void buckets(std::string_view name, std::string_view labels,
               const std::vector<const alloc::Histogram*>& parts, Unit unit = Unit::kSeconds);
  // A name of one histogram.
  void histogram(std::string_view name, std::string_view help,
                 const std::vector<const alloc::Histogram*>& parts, Unit unit = Unit::kSeconds) {
    head(name, "histogram", help);
    buckets(name, "", parts, unit);
  }

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace shoal::core
