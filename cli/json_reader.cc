#include "cli/json_reader.h"

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

}  // namespace shoal::cli
