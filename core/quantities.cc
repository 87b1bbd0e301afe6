#include "core/quantities.h"

#include <algorithm>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

constexpr int kUnit = 1000;
constexpr std::string_view kNone = "none";

absl::Status refuse(std::string_view part, std::string_view why) {
  return invalid("quantities: '{}': {}", printable(part), why);
}

}  // namespace

std::string to_string(const Quantities& quantities, Milli absent) {
  std::string out;
  for (std::size_t i = 0; i < kResourceKinds; ++i) {
    if (quantities[i] == absent || quantities[i] == kNoLimit) continue;
    out += fmt::format("{}{}:{}", out.empty() ? "" : ";", kResourceNames[i],
                       milli_to_string(quantities[i]));
  }
  return out.empty() ? std::string(kNone) : out;
}

absl::StatusOr<Quantities> parse_quantities(std::string_view text, Milli absent) {
  Quantities out{{absent, absent, absent, absent}};
  if (strip(text) == kNone) return out;
  std::array<bool, kResourceKinds> seen{};
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view part = strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    const std::size_t colon = std::min(part.find(':'), part.size());
    const std::string_view name = strip(part.substr(0, colon));
    const auto known = std::find(kResourceNames.begin(), kResourceNames.end(), name);
    if (known == kResourceNames.end()) return refuse(part, "expected cpus, mem, disk or gpus");
    const auto kind = static_cast<std::size_t>(known - kResourceNames.begin());
    if (seen[kind]) return refuse(part, "named twice");
    seen[kind] = true;
    const absl::StatusOr<Milli> amount =
        parse_milli(strip(part.substr(std::min(colon + 1, part.size()))));
    if (!amount.ok()) return refuse(part, message_of(amount.status()));
    if (auto ok = check_scalar(*amount, static_cast<ResourceKind>(kind), name); !ok.ok()) {
      return refuse(part, message_of(ok));
    }
    out[kind] = *amount;
  }
  return out;
}

absl::Status check_scalar(Milli value, ResourceKind kind, std::string_view name) {
  if (value < 0) return invalid("{} is negative", name);
  if (value > kMaxScalarMilli) return invalid("{} is over {}", name, kMaxScalarMilli / kUnit);
  if (kind == ResourceKind::kGpus && value % kUnit != 0) {
    return invalid("{} must be a whole number", name);
  }
  return absl::OkStatus();
}

std::string milli_to_string(Milli value) {
  const bool negative = value < 0;
  // Unsigned, since the lowest number has no opposite.
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
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
  Milli rest = 0;
  Milli place = 100;
  for (const char c : decimals) {
    rest += (c - '0') * place;
    place /= 10;
  }
  Milli whole = 0;
  if (!parse_int(integer, &whole) || whole > kMaxScalarMilli / kUnit ||
      whole * kUnit + rest > kMaxScalarMilli) {
    return invalid("the number is over {}", kMaxScalarMilli / kUnit);
  }
  return whole * kUnit + rest;
}

}  // namespace shoal::core
