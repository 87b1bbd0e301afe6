#include "core/crc32c.h"

#include <gtest/gtest.h>

#include <string_view>

namespace shoal::core {
namespace {

std::uint32_t sum_of(std::string_view text, std::uint32_t before = 0) {
  return crc32c(reinterpret_cast<const unsigned char*>(text.data()), text.size(), before);
}

// The check values of RFC 3720, B.4, and of the catalogue of parametrised CRC algorithms.
TEST(Crc32cTest, KnownSums) {
  EXPECT_EQ(sum_of(""), 0u);
  EXPECT_EQ(sum_of("123456789"), 0xe3069283u);
  EXPECT_EQ(sum_of(std::string_view(
                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32)),
            0x8a9136aau);
}

TEST(Crc32cTest, InPartsAsInOne) {
  EXPECT_EQ(sum_of("6789", sum_of("12345")), sum_of("123456789"));
}

}  // namespace
}  // namespace shoal::core
