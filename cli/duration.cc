#include "cli/duration.h"

#include <array>

#include "core/limits.h"
#include "core/resources.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

}  // namespace

absl::StatusOr<core::Duration> parse_duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view unit_text = text.substr(digits);
  std::int64_t unit_ms = unit_text.empty() ? 1000 : 0;
  for (const Unit& unit : kUnits) {
    if (unit.name == unit_text) unit_ms = unit.ms;
  }
  const auto number = core::parse_milli(text.substr(0, digits));
  if (unit_ms == 0 || digits == 0 || !number.ok()) {
    return core::invalid("'{}' is no duration: expected a number and ms, s, m, h or d, as in 30s",
                         core::printable(text));
  }
  const std::int64_t most_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(core::kMaxRefuse).count();
  if (*number / 1000 > most_ms / unit_ms) {
    return core::invalid("'{}' is longer than 365 days", core::printable(text));
  }
  return std::chrono::microseconds(*number * unit_ms);
}

absl::StatusOr<double> parse_part(std::string_view text, std::string_view suffix) {
  std::string_view number = text;
  if (number.ends_with(suffix)) number.remove_suffix(suffix.size());
  const bool is_percent = number.ends_with('%');
  if (is_percent) number.remove_suffix(1);
  const auto milli = core::parse_milli(number);
  if (!is_percent || !milli.ok() || *milli < 0 || *milli > 100'000) {
    return core::invalid("'{}' is no part: expected percent, as in 0.1%{}", core::printable(text),
                         suffix);
  }
  return static_cast<double>(*milli) / 100'000;
}

absl::StatusOr<core::DurationSpread> parse_spread(std::string_view text) {
  constexpr std::string_view kExponential = "exp:";
  if (text.starts_with(kExponential)) {
    const auto mean = parse_duration(text.substr(kExponential.size()));
    if (!mean.ok()) return mean.status();
    return core::DurationSpread::exponential(*mean);
  }
  const std::size_t dots = text.find("..");
  const auto least = parse_duration(text.substr(0, dots));
  if (!least.ok()) return least.status();
  if (dots == std::string_view::npos) return core::DurationSpread::fixed(*least);
  const auto most = parse_duration(text.substr(dots + 2));
  if (!most.ok()) return most.status();
  if (*most < *least) return core::invalid("'{}' ends before it begins", core::printable(text));
  return core::DurationSpread::uniform(*least, *most);
}

std::string duration_to_string(core::Duration duration) {
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms < 1000) return fmt::format("{}ms", ms);
  const std::int64_t s = ms / 1000;
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{}s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{}h{}m", s / 3600, s / 60 % 60);
  return fmt::format("{}d{}h", s / 86'400, s / 3600 % 24);
}

}  // namespace shoal::cli
