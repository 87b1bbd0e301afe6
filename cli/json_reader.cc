#include "cli/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {

const rapidjson::Value* member(const rapidjson::Value& object, const char* key) {
  return object.IsObject() && object.HasMember(key) ? &object[key] : nullptr;
}

std::string text_of(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = member(object, key);
  if (value == nullptr || !value->IsString()) return "";
  return {value->GetString(), value->GetStringLength()};
}

std::uint64_t count_of(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = member(object, key);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : 0;
}

double number_of(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = member(object, key);
  return value != nullptr && value->IsNumber() ? value->GetDouble() : 0;
}

bool flag_of(const rapidjson::Value& object, const char* key) {
  const rapidjson::Value* value = member(object, key);
  return value != nullptr && value->IsBool() && value->GetBool();
}

std::string error_of(const std::string& json) {
  rapidjson::Document answer;
  answer.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  const rapidjson::Value* error = answer.HasParseError() ? nullptr : member(answer, "error");
  return error == nullptr ? "" : text_of(*error, "message");
}

std::string_view view_of(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

absl::Status check_members(const rapidjson::Value& object, std::string_view where,
                           std::initializer_list<std::string_view> known) {
  if (!object.IsObject()) return core::invalid("{} is not an object", where);
  std::set<std::string_view> seen;
  for (const auto& member : object.GetObject()) {
    const std::string_view name = view_of(member.name);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return core::invalid("{}: '{}' is not known here; known are {}", where, core::printable(name),
                           fmt::join(known, ", "));
    }
    if (!seen.insert(name).second) return core::invalid("{}: '{}' is there twice", where, name);
  }
  return absl::OkStatus();
}

}  // namespace shoal::cli
