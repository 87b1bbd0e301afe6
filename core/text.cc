#include "core/text.h"

#include <fmt/core.h>

namespace shoal::core {
namespace {

// Length of the valid UTF-8 sequence at the front of `text` and its code point; 0 when invalid
// (overlong forms, surrogates and values over U+10FFFF included; RFC 3629).
std::size_t decode_utf8(std::string_view text, char32_t* point) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    *point = first;
    return 1;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  char32_t value = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
  *point = value;
  return length;
}

bool is_bidirectional_mark(char32_t point) {
  return point == 0x061c || point == 0x200e || point == 0x200f ||
         (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

bool is_control(char32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (i >= limit) return out + "…";
    char32_t point = 0;
    const std::size_t length = decode_utf8(text.substr(i), &point);
    if (length > 0 && !is_control(point) && !is_bidirectional_mark(point)) {
      out.append(text.substr(i, length));
      i += length;
      continue;
    }
    const std::size_t bad = length == 0 ? 1 : length;
    for (std::size_t k = 0; k < bad; ++k) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + k]));
    }
    i += bad;
  }
  return out;
}

bool is_clean_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    char32_t point = 0;
    const std::size_t length = decode_utf8(text.substr(i), &point);
    if (length == 0 || is_bidirectional_mark(point)) return false;
    if (is_control(point) && point != '\n' && point != '\t') return false;
    i += length;
  }
  return true;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(strip(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string percent_escape(std::string_view text) {
  constexpr std::string_view kMarks = "%()[]{},;:=";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || kMarks.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

bool percent_unescape(std::string_view token, std::string* text) {
  constexpr std::string_view kBrackets = "()[]{}";
  text->clear();
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (kBrackets.find(token[i]) != std::string_view::npos) return false;
    if (token[i] != '%') {
      *text += token[i];
      continue;
    }
    unsigned char byte = 0;
    const std::string_view digits = token.substr(i + 1, 2);
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, byte, 16);
    if (digits.size() != 2 || error != std::errc() || stop != end) return false;
    *text += static_cast<char>(byte);
    i += 2;
  }
  return true;
}

std::string_view strip(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace shoal::core
