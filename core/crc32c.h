// CRC-32C (Castagnoli polynomial, reflected; RFC 3720 B.4): the checksum of everything an agent and
// its supervisors write to be found again. By table: the files are small. Needs no library, so that
// the supervisor can have it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace shoal::core {

namespace crc32c_detail {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = value;
  }
  return table;
}

inline constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace crc32c_detail

// Of `size` bytes; `before` is the sum of what comes before them (0: nothing).
constexpr std::uint32_t crc32c(const unsigned char* data, std::size_t size,
                               std::uint32_t before = 0) {
  std::uint32_t sum = ~before;
  for (std::size_t i = 0; i < size; ++i) {
    sum = crc32c_detail::kTable[(sum ^ data[i]) & 0xff] ^ (sum >> 8);
  }
  return ~sum;
}

}  // namespace shoal::core
