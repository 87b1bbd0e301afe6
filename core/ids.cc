#include "core/ids.h"

#include <fmt/core.h>

#include <charconv>
#include <cstring>

#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::core {
namespace {

constexpr std::size_t kHex64 = 16;
constexpr std::size_t kHex32 = 8;

// Exactly `digits` lower-case hexadecimal digits.
bool parse_hex(std::string_view text, std::size_t digits, std::uint64_t* value) {
  if (text.size() != digits) return false;
  for (const char c : text) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return std::from_chars(text.data(), text.data() + text.size(), *value, 16).ec == std::errc();
}

absl::StatusOr<std::uint64_t> parse_id(std::string_view text, char prefix, std::string_view what) {
  std::uint64_t value = 0;
  const bool has_prefix = text.size() > 2 && text[0] == prefix && text[1] == '-';
  if (!has_prefix || !parse_hex(text.substr(2), kHex64, &value) || value == 0) {
    return invalid("'{}' is not an id of {}: expected {}- and 16 hexadecimal digits",
                   printable(text), what, prefix);
  }
  return value;
}

// By hand: a read of all tasks prints two ids for each.
std::string print_id(char prefix, std::uint64_t value) {
  std::string out(2 + kHex64, '-');
  out[0] = prefix;
  for (std::size_t i = out.size(); i > 2; value >>= 4) out[--i] = "0123456789abcdef"[value & 15];
  return out;
}

}  // namespace

std::string to_string(AgentId id) { return print_id('a', id.value); }

std::string to_string(FrameworkId id) { return print_id('f', id.value); }

std::string to_string(OfferId id) { return fmt::format("o-{:08x}-{:08x}", id.slot, id.generation); }

std::string to_string(const UpdateUuid& uuid) {
  std::string out;
  for (const std::uint8_t byte : uuid) out += fmt::format("{:02x}", byte);
  return out;
}

absl::StatusOr<AgentId> parse_agent_id(std::string_view text) {
  absl::StatusOr<std::uint64_t> value = parse_id(text, 'a', "an agent");
  if (!value.ok()) return value.status();
  return AgentId{*value};
}

absl::StatusOr<FrameworkId> parse_framework_id(std::string_view text) {
  absl::StatusOr<std::uint64_t> value = parse_id(text, 'f', "a framework");
  if (!value.ok()) return value.status();
  return FrameworkId{*value};
}

absl::StatusOr<OfferId> parse_offer_id(std::string_view text) {
  std::uint64_t slot = 0;
  std::uint64_t generation = 0;
  const bool shape = text.size() == 2 + kHex32 + 1 + kHex32 && text.substr(0, 2) == "o-" &&
                     text[2 + kHex32] == '-';
  if (!shape || !parse_hex(text.substr(2, kHex32), kHex32, &slot) ||
      !parse_hex(text.substr(3 + kHex32), kHex32, &generation)) {
    return invalid("'{}' is not an id of an offer: expected o-<8 hex digits>-<8 hex digits>",
                   printable(text));
  }
  return OfferId{static_cast<std::uint32_t>(slot), static_cast<std::uint32_t>(generation)};
}

absl::Status check_name(std::string_view text, std::string_view what) {
  if (text.empty()) return invalid("{} is empty", what);
  if (text.size() > kMaxIdBytes) {
    return invalid("{} has {} bytes; the limit is {}", what, text.size(), kMaxIdBytes);
  }
  if (text == "." || text == "..") return invalid("{} may not be '{}'", what, text);
  for (const char c : text) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!allowed) return invalid("{} '{}' may only hold [A-Za-z0-9._-]", what, printable(text));
  }
  return absl::OkStatus();
}

UpdateUuid draw_uuid(Random& random) {
  UpdateUuid uuid;
  const std::uint64_t words[2] = {random.next(), random.next()};
  static_assert(sizeof(words) == sizeof(uuid));
  std::memcpy(uuid.data(), words, sizeof(words));
  return uuid;
}

}  // namespace shoal::core
