#include "core/port_set.h"

#include <gtest/gtest.h>

#include <array>

#include "core/limits.h"
#include "core/resources.h"
#include "core/status.h"

namespace shoal::core {
namespace {

PortSet ports_of(std::string_view text) {
  return parse_resources(std::string("ports:") + std::string(text)).value().ports;
}

TEST(PortSet, SubtractCutsInTheMiddleAndAcrossRanges) {
  PortSet ports = ports_of("[1-10,20-30,40-50]");
  ports.subtract(ports_of("[5-6,8-45]"));
  EXPECT_EQ(ports, ports_of("[1-4,7-7,46-50]"));
}

TEST(PortSet, AddJoinsNeighboursAndOverlaps) {
  PortSet ports = ports_of("[1-4]");
  ports.add(ports_of("[5-6]"));
  EXPECT_EQ(ports.ranges().size(), 1u);
  ports.add(ports_of("[3-10]"));
  EXPECT_EQ(ports, ports_of("[1-10]"));
}

TEST(PortSet, IntersectsAndLowest) {
  const PortSet ports = ports_of("[10-12,20-21]");
  EXPECT_TRUE(ports.intersects(ports_of("[1-10]")));
  EXPECT_FALSE(ports.intersects(ports_of("[13-19]")));
  EXPECT_EQ(ports.lowest(4), ports_of("[10-12,20-20]"));
  EXPECT_EQ(ports.lowest(99), ports);
}

// Sets agree with a plain array of booleans, over many random operations.
TEST(PortSet, AgreesWithAModel) {
  std::uint64_t state = 1;
  const auto next = [&state](std::uint32_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state >> 33) % bound;
  };
  std::array<bool, 64> model{};
  PortSet set;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t a = next(64);
    const std::uint32_t b = a + next(64 - a);
    const PortSet range = PortSet::from_ranges({{a, b}}).value();
    const bool add = next(2) == 0;
    add ? set.add(range) : set.subtract(range);
    std::uint32_t count = 0;
    for (std::uint32_t p = 0; p < 64; ++p) {
      if (p >= a && p <= b) model[p] = add;
      count += model[p] ? 1 : 0;
      ASSERT_EQ(set.contains(PortSet::from_ranges({{p, p}}).value()), model[p]);
    }
    ASSERT_EQ(set.count(), count);
  }
}

TEST(PortSet, TheSumOfManyRangesIsOneWhenTheyTouch) {
  PortSet ports = ports_of("[1-2,5-6,9-10]");
  ports.add(ports_of("[3-4,7-8]"));
  EXPECT_EQ(ports, ports_of("[1-10]"));
  EXPECT_EQ(ports_of("[1-4,5-9]").ranges().size(), 1u);
}

TEST(PortSet, CommonIsWhatBothHave) {
  EXPECT_EQ(ports_of("[1-10,20-30]").common(ports_of("[5-22,30-40]")),
            ports_of("[5-10,20-22,30-30]"));
  EXPECT_TRUE(ports_of("[1-10]").common(PortSet()).empty());
}

TEST(PortSet, WorksOnItself) {
  PortSet ports = ports_of("[1-3,7-9]");
  ports.add(ports);
  EXPECT_EQ(ports, ports_of("[1-3,7-9]"));
  ports.subtract(ports);
  EXPECT_TRUE(ports.empty());
}

TEST(PortSet, RefusesBadRanges) {
  EXPECT_FALSE(PortSet::from_ranges({{5, 4}}).ok());
  EXPECT_FALSE(PortSet::from_ranges({{1, 65536}}).ok());
  EXPECT_FALSE(PortSet::from_ranges({{1, 5}, {3, 9}}).ok());
  EXPECT_FALSE(PortSet::from_ranges({{1, 5}, {1, 5}}).ok());
  EXPECT_EQ(PortSet::from_ranges({{0, 65535}}).value().count(), 65536u);
  PortSet::Ranges many;
  for (std::uint32_t i = 0; i <= kMaxPortRanges; ++i) many.push_back({i * 2, i * 2});
  const auto refused = PortSet::from_ranges(many);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(message_of(refused.status()).find("more than 1024 ranges"), std::string_view::npos);
}

}  // namespace
}  // namespace shoal::core
