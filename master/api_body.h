// The body of an operator's request: one JSON object with known fields. Whatever is wrong is named
// with its path: "limits.cpus must be a number or null".
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/quantities.h"

namespace shoal::master {

// Reads the fields of one object, each at most once. The first thing wrong is kept and what follows
// is read as if absent; ask finish() at the end.
class ApiBody {
 public:
  // An empty text is an object without fields.
  explicit ApiBody(std::string_view json);

  // The field's value, or `absent` when it is not there. Text is valid UTF-8.
  std::string text(std::string_view name, std::string_view absent = {});
  std::string required_text(std::string_view name);
  bool flag(std::string_view name);
  // Whole and not negative; `absent` may be anything.
  std::int64_t integer(std::string_view name, std::int64_t absent);
  // As a decimal number, at most three decimals are kept.
  core::Milli required_milli(std::string_view name);
  // An object {"cpus": 4, "mem_mib": 1024, "disk_mib": …, "gpus": …}; kinds that are not named, or
  // null, are `absent`.
  core::Quantities quantities(std::string_view name, core::Milli absent);
  bool has(std::string_view name) const;

  // INVALID_ARGUMENT: what was wrong, a field that nobody asked for included.
  absl::Status finish() const;

 private:
  const rapidjson::Value* find(std::string_view name);
  const rapidjson::Value* require(std::string_view name);
  void fail(std::string why);
  core::Milli milli_of(const rapidjson::Value& value, const std::string& path);

  rapidjson::Document document_;
  std::vector<std::string> known_;
  std::string wrong_;
};

}  // namespace shoal::master
