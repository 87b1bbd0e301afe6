// Small text helpers that several layers need.
#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::core {

// `text` made safe for a terminal, a log line or an error message: control characters, bytes that
// are not valid UTF-8 and bidirectional marks become \xNN; cut after `limit` bytes with "…".
std::string printable(std::string_view text, std::size_t limit = 80);

// Whether `text` is valid UTF-8 without NUL, control characters other than \n and \t, and
// bidirectional marks: fit for names that people see.
bool is_clean_text(std::string_view text);

// The parts of `text` between separators, without surrounding blanks; empty parts are kept.
std::vector<std::string_view> split(std::string_view text, char separator);

std::string_view strip(std::string_view text);

// `text` as one token of a resource text: blanks, control characters, '%' and the separators
// ()[]{},;:= become %XX.
std::string percent_escape(std::string_view text);

// The opposite. False for a '%' without two hexadecimal digits, or a bracket that is not escaped.
bool percent_unescape(std::string_view token, std::string* text);

// For hash maps keyed by std::string that are searched with views.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
struct TextEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

// The whole of `text` as a decimal number; false when it is anything else or does not fit.
template <typename Int>
bool parse_int(std::string_view text, Int* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end && !text.empty();
}

}  // namespace shoal::core
