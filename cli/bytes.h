// Sizes as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace shoal::cli {

// "0 B", "999 B", "1.5 KiB", "10 MiB", "2.0 TiB": three digits at most, but for "1023".
std::string bytes_to_string(std::uint64_t bytes);

}  // namespace shoal::cli
