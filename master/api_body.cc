#include "master/api_body.h"

#include <fmt/ranges.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/limits.h"
#include "core/text.h"
#include "master/json_writer.h"

namespace shoal::master {
namespace {

// No recursion on outside input, nothing but UTF-8, one value.
constexpr unsigned kStrict = rapidjson::kParseIterativeFlag |
                             rapidjson::kParseValidateEncodingFlag |
                             rapidjson::kParseFullPrecisionFlag;

std::string_view view_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

}  // namespace

ApiBody::ApiBody(std::string_view json) {
  if (core::strip(json).empty()) {
    document_.SetObject();
    return;
  }
  document_.Parse<kStrict>(json.data(), json.size());
  if (document_.HasParseError()) {
    fail(fmt::format("the body is no JSON: {} at byte {}",
                     rapidjson::GetParseError_En(document_.GetParseError()),
                     document_.GetErrorOffset()));
  } else if (!document_.IsObject()) {
    fail("the body must be a JSON object");
  } else {
    return;
  }
  document_.SetObject();
}

const rapidjson::Value* ApiBody::find(std::string_view name) {
  known_.emplace_back(name);
  const rapidjson::Document& document = document_;
  const auto found = document.FindMember(
      rapidjson::Value(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  return found == document.MemberEnd() ? nullptr : &found->value;
}

const rapidjson::Value* ApiBody::require(std::string_view name) {
  const rapidjson::Value* value = find(name);
  if (value == nullptr) fail(fmt::format("{} is missing", name));
  return value;
}

bool ApiBody::has(std::string_view name) const {
  return document_.HasMember(
      rapidjson::Value(name.data(), static_cast<rapidjson::SizeType>(name.size())));
}

void ApiBody::fail(std::string why) {
  if (wrong_.empty()) wrong_ = std::move(why);
}

std::string ApiBody::text(std::string_view name, std::string_view absent) {
  const rapidjson::Value* value = find(name);
  if (value == nullptr) return std::string(absent);
  if (value->IsString()) return std::string(view_of(*value));
  fail(fmt::format("{} must be a string", name));
  return {};
}

std::string ApiBody::required_text(std::string_view name) {
  if (!has(name)) fail(fmt::format("{} is missing", name));
  return text(name);
}

bool ApiBody::flag(std::string_view name) {
  const rapidjson::Value* value = find(name);
  if (value == nullptr) return false;
  if (!value->IsBool()) fail(fmt::format("{} must be true or false", name));
  return value->IsTrue();
}

std::int64_t ApiBody::integer(std::string_view name, std::int64_t absent) {
  const rapidjson::Value* value = find(name);
  if (value == nullptr) return absent;
  if (value->IsInt64() && value->GetInt64() >= 0) return value->GetInt64();
  fail(fmt::format("{} must be a whole number from 0 on", name));
  return absent;
}

core::Milli ApiBody::milli_of(const rapidjson::Value& value, const std::string& path) {
  constexpr auto kMost = static_cast<double>(core::kMaxScalarMilli);
  if (!value.IsNumber()) {
    fail(path + " must be a number");
    return 0;
  }
  const double milli = std::round(value.GetDouble() * 1000);
  if (milli >= 0 && milli <= kMost) return static_cast<core::Milli>(milli);
  fail(fmt::format("{} must be from 0 to {}", path, core::kMaxScalarMilli / 1000));
  return 0;
}

core::Milli ApiBody::required_milli(std::string_view name) {
  const rapidjson::Value* value = require(name);
  return value == nullptr ? 0 : milli_of(*value, std::string(name));
}

core::Quantities ApiBody::quantities(std::string_view name, core::Milli absent) {
  core::Quantities out;
  out.amounts.fill(absent);
  const rapidjson::Value* value = find(name);
  if (value == nullptr) return out;
  if (!value->IsObject()) {
    fail(fmt::format("{} must be an object", name));
    return out;
  }
  for (const auto& member : value->GetObject()) {
    const std::string_view kind = view_of(member.name);
    const std::string path = fmt::format("{}.{}", name, core::printable(kind));
    const auto* key = std::find(kQuantityKeys.begin(), kQuantityKeys.end(), kind);
    if (key == kQuantityKeys.end()) {
      fail(fmt::format("{} is not known; there are {}", path, fmt::join(kQuantityKeys, ", ")));
    } else if (!member.value.IsNull()) {
      out[static_cast<std::size_t>(key - kQuantityKeys.begin())] = milli_of(member.value, path);
    }
  }
  return out;
}

absl::Status ApiBody::finish() const {
  if (!wrong_.empty()) return absl::InvalidArgumentError(wrong_);
  for (const auto& member : document_.GetObject()) {
    const std::string_view name = view_of(member.name);
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    return absl::InvalidArgumentError(
        fmt::format("{} is not known; there {} {}", core::printable(name),
                    known_.empty() ? "is no field" : "are", fmt::join(known_, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace shoal::master
