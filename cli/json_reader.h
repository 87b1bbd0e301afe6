// Members of a JSON object that came from elsewhere: what is missing or of another type is as if it
// were not there.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace shoal::cli {

// nullptr: not there, or `object` is none.
const rapidjson::Value* member(const rapidjson::Value& object, const char* key);
std::string text_of(const rapidjson::Value& object, const char* key);     // else ""
std::uint64_t count_of(const rapidjson::Value& object, const char* key);  // else 0
double number_of(const rapidjson::Value& object, const char* key);        // else 0
bool flag_of(const rapidjson::Value& object, const char* key);            // else false

// --- strictly, for what people write: nothing is passed over ---

// Of a string.
std::string_view view_of(const rapidjson::Value& text);
// That it is an object, whose members are all known and there once. Errors: INVALID_ARGUMENT, with
// `where`.
absl::Status check_members(const rapidjson::Value& object, std::string_view where,
                           std::initializer_list<std::string_view> known);

// What the operator API says is wrong (docs/API.md#errors); "" when `json` is no such answer.
std::string error_of(const std::string& json);

}  // namespace shoal::cli
