// JSON of strings and times, for those who write a line of it by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shoal::core {

// `text` as a JSON string with its quotes. What core::printable() would not show as it is becomes
// \xNN, so that it is safe on a terminal as well; cut after `limit` bytes with "…".
std::string json_text(std::string_view text, std::size_t limit);

// "2026-01-31T12:00:00.250Z" (RFC 3339): milliseconds since 1970.
std::string rfc3339(std::int64_t wall_ms);

}  // namespace shoal::core
