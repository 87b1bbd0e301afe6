#include "cli/rate_limits_option.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <set>
#include <utility>

#include "cli/json_reader.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

using rapidjson::Value;

constexpr std::size_t kMaxBytes = std::size_t{1024} * 1024;
constexpr double kMinQps = 0.001;
constexpr double kMaxQps = 1'000'000;

// Members that are not there leave the limit as it is.
absl::Status read_limit(const Value& object, std::string_view where, const char* qps_name,
                        const char* capacity_name, master::RateLimit& limit) {
  const auto qps = object.FindMember(qps_name);
  if (qps != object.MemberEnd()) {
    const double rate = qps->value.IsNumber() ? qps->value.GetDouble() : 0;
    if (!(rate >= kMinQps && rate <= kMaxQps)) {
      return core::invalid("{}: '{}' is no number from 0.001 to 1000000", where, qps_name);
    }
    limit.interval = core::Duration(static_cast<core::Duration::rep>(1e9 / rate));
  }
  const auto capacity = object.FindMember(capacity_name);
  if (capacity == object.MemberEnd()) return absl::OkStatus();
  if (!capacity->value.IsUint() || capacity->value.GetUint() > core::kMaxRateCapacity) {
    return core::invalid("{}: '{}' is no whole number from 0 to {}", where, capacity_name,
                         core::kMaxRateCapacity);
  }
  if (qps == object.MemberEnd()) {
    return core::invalid("{}: '{}' without '{}': nothing ever waits", where, capacity_name,
                         qps_name);
  }
  limit.capacity = capacity->value.GetUint();
  return absl::OkStatus();
}

absl::StatusOr<master::NamedRateLimit> read_named(const Value& entry, std::string_view where) {
  if (auto ok = check_members(entry, where, {"principal", "qps", "capacity"}); !ok.ok()) return ok;
  const auto principal = entry.FindMember("principal");
  if (principal == entry.MemberEnd() || !principal->value.IsString()) {
    return core::invalid("{}: 'principal' is missing or no text", where);
  }
  master::NamedRateLimit limit;
  limit.principal = view_of(principal->value);
  const bool is_clean =
      core::printable(limit.principal, core::kMaxPrincipalBytes) == limit.principal;
  if (!is_clean || limit.principal.empty() || limit.principal == "*") {
    return core::invalid("{}: '{}' is no name of a framework", where,
                         core::printable(limit.principal));
  }
  if (auto ok = read_limit(entry, where, "qps", "capacity", limit); !ok.ok()) return ok;
  return limit;
}

}  // namespace

absl::StatusOr<master::RateLimitOptions> parse_rate_limits(std::string_view json) {
  rapidjson::Document document;
  // Iterative: the depth is whatever it is.
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                 rapidjson::kParseFullPrecisionFlag>(json.data(), json.size());
  if (document.HasParseError()) {
    return core::invalid("not JSON, at byte {}: {}", document.GetErrorOffset(),
                         rapidjson::GetParseError_En(document.GetParseError()));
  }
  master::RateLimitOptions options;
  if (auto ok = check_members(document, "the JSON",
                              {"limits", "aggregate_default_qps", "aggregate_default_capacity"});
      !ok.ok()) {
    return ok;
  }
  if (auto ok = read_limit(document, "the JSON", "aggregate_default_qps",
                           "aggregate_default_capacity", options.others);
      !ok.ok()) {
    return ok;
  }
  const auto limits = document.FindMember("limits");
  if (limits == document.MemberEnd()) return options;
  if (!limits->value.IsArray()) return core::invalid("'limits' is no array");
  if (limits->value.Size() > core::kMaxRateLimits) {
    return core::invalid("more than {} limits", core::kMaxRateLimits);
  }
  std::set<std::string> principals;
  for (rapidjson::SizeType i = 0; i < limits->value.Size(); ++i) {
    const std::string where = fmt::format("limit {}", i);
    auto limit = read_named(limits->value[i], where);
    if (!limit.ok()) return limit.status();
    if (!principals.insert(limit->principal).second) {
      return core::invalid("{}: '{}' has a limit already", where, limit->principal);
    }
    options.limits.push_back(*std::move(limit));
  }
  return options;
}

absl::StatusOr<master::RateLimitOptions> read_rate_limits_option(const std::string& option) {
  if (option.empty()) return master::RateLimitOptions();
  std::string text = option;
  if (option.starts_with('@')) {
    auto file = net::read_whole_file(option.substr(1), kMaxBytes);
    if (!file.ok()) return core::invalid("--rate-limits: {}", core::message_of(file.status()));
    text = *std::move(file);
  }
  auto limits = parse_rate_limits(text);
  if (!limits.ok()) return core::invalid("--rate-limits: {}", core::message_of(limits.status()));
  return limits;
}

}  // namespace shoal::cli
