#include "master/json_writer.h"

#include <array>
#include <chrono>
#include <cstring>

namespace shoal::master {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighBits = 0x8080808080808080;

// Whether one of the eight bytes is 0. ("Determine if a word has a zero byte", in Anderson, Bit
// Twiddling Hacks.)
constexpr bool has_zero(std::uint64_t word) { return ((word - kOnes) & ~word & kHighBits) != 0; }

// Whether one of the eight bytes is less than `limit` <= 128.
constexpr bool has_less(std::uint64_t word, std::uint8_t limit) {
  return ((word - kOnes * limit) & ~word & kHighBits) != 0;
}

constexpr bool needs_escape(std::uint64_t word) {
  return has_less(word, ' ') || has_zero(word ^ (kOnes * '"')) || has_zero(word ^ (kOnes * '\\'));
}

// Nothing in it is written differently in JSON.
bool is_plain(std::string_view text) {
  std::uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    if (needs_escape(word)) return false;
  }
  std::array<char, sizeof word> rest;
  rest.fill(' ');
  text.copy(rest.data(), rest.size());
  std::memcpy(&word, rest.data(), sizeof word);
  return !needs_escape(word);
}

void write_digits(char* end, int count, std::uint64_t value) {
  for (int i = 0; i < count; ++i, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

}  // namespace

void Writer::text(std::string_view text) {
  if (!is_plain(text)) {
    String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    return;
  }
  Prefix(rapidjson::kStringType);
  char* out = os_->Push(text.size() + 2);
  *out++ = '"';
  text.copy(out, text.size());
  out[text.size()] = '"';
}

void Writer::raw(std::string_view text, rapidjson::Type type) {
  Prefix(type);
  text.copy(os_->Push(text.size()), text.size());
}

std::string iso_time(std::int64_t wall_ms) {
  using std::chrono::days;
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(wall_ms)};
  const auto midnight = floor<days>(time);
  const std::chrono::year_month_day date(midnight);
  const auto of_day = static_cast<std::uint64_t>((time - midnight).count());
  std::string out = "0000-00-00T00:00:00.000Z";
  char* begin = out.data();
  write_digits(begin + 4, 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  write_digits(begin + 7, 2, static_cast<unsigned>(date.month()));
  write_digits(begin + 10, 2, static_cast<unsigned>(date.day()));
  write_digits(begin + 13, 2, of_day / 3'600'000);
  write_digits(begin + 16, 2, of_day / 60'000 % 60);
  write_digits(begin + 19, 2, of_day / 1000 % 60);
  write_digits(begin + 23, 3, of_day % 1000);
  return out;
}

}  // namespace shoal::master
