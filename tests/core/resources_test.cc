#include "core/resources.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::core {
namespace {

Resources make(std::string_view text) { return parse_resources(text).value(); }

TEST(Resources, ReadsTheTextForm) {
  const Resources r = make("cpus:4; mem:8192.5;disk:10;gpus:2;ports:[31000-31001, 32000-32000]");
  EXPECT_EQ(r.cpus, 4000);
  EXPECT_EQ(r.mem, 8'192'500);
  EXPECT_EQ(r.disk, 10'000);
  EXPECT_EQ(r.gpus, 2000);
  EXPECT_EQ(r.ports.count(), 3u);
  EXPECT_EQ(to_string(r), "cpus:4;mem:8192.5;disk:10;gpus:2;ports:[31000-31001,32000-32000]");
}

TEST(Resources, NothingIsNothing) {
  EXPECT_TRUE(make("").empty());
  EXPECT_EQ(to_string(Resources()), "nothing");
}

struct BadText {
  std::string_view text;
  std::string_view says;
};

class BadResources : public testing::TestWithParam<BadText> {};

TEST_P(BadResources, AreRefusedWithTheReason) {
  const absl::StatusOr<Resources> parsed = parse_resources(GetParam().text);
  ASSERT_FALSE(parsed.ok()) << GetParam().text;
  EXPECT_NE(message_of(parsed.status()).find(GetParam().says), std::string_view::npos)
      << parsed.status();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadResources,
    testing::Values(BadText{"cpus", "a number"}, BadText{"cpus:", "a number"},
                    BadText{"cpus:-1", "a number"}, BadText{"cpus:nan", "a number"},
                    BadText{"cpus:inf", "a number"}, BadText{"cpus:1e3", "a number"},
                    BadText{"cpus:1.", "a number"}, BadText{"cpus:.5", "a number"},
                    BadText{"cpus:0.0001", "three decimals"}, BadText{"cpus:1;cpus:2", "twice"},
                    BadText{"cpu:1", "unknown resource"}, BadText{"gpus:0.5", "whole"},
                    BadText{"mem:99999999999999999999", "over"},
                    BadText{"mem:1125899906843", "over"}, BadText{"ports:31000-32000", "ranges"},
                    BadText{"ports:[5-4]", "not a range"},
                    BadText{"ports:[1-65536]", "not a range"},
                    BadText{"ports:[1-5,5-9]", "overlaps"}, BadText{"ports:[1]", "range like"},
                    BadText{"ports:[a-b]", "range like"}, BadText{"\x01:1", "\\x01"}));

TEST(Resources, ArithmeticIsExact) {
  Resources r = make("cpus:0.1;mem:10;ports:[1-10]");
  r += make("cpus:0.2;ports:[20-30]");
  EXPECT_EQ(r, make("cpus:0.3;mem:10;ports:[1-10,20-30]"));
  r -= make("cpus:0.3;ports:[3-4,20-30]");
  EXPECT_EQ(r, make("mem:10;ports:[1-2,5-10]"));
}

TEST(Resources, ContainsLooksAtEveryKind) {
  const Resources r = make("cpus:2;mem:100;disk:5;gpus:1;ports:[10-20]");
  EXPECT_TRUE(r.contains(r));
  EXPECT_TRUE(r.contains(Resources()));
  for (const char* more : {"cpus:2.001", "mem:101", "disk:6", "gpus:2", "ports:[20-21]"}) {
    EXPECT_FALSE(r.contains(make(more))) << more;
  }
}

TEST(Resources, ShortfallNamesWhatIsMissing) {
  EXPECT_EQ(shortfall(make("cpus:4;mem:10"), make("cpus:2;mem:10")), "cpus 4 (has 2)");
  EXPECT_EQ(shortfall(make("cpus:1"), make("cpus:1")), "");
  EXPECT_EQ(shortfall(make("ports:[1-1]"), Resources()), "ports that are not free");
}

TEST(PortSet, SubtractCutsInTheMiddleAndAcrossRanges) {
  PortSet ports = make("ports:[1-10,20-30,40-50]").ports;
  ports.subtract(make("ports:[5-6,8-45]").ports);
  EXPECT_EQ(ports, make("ports:[1-4,7-7,46-50]").ports);
}

TEST(PortSet, AddJoinsNeighboursAndOverlaps) {
  PortSet ports = make("ports:[1-4]").ports;
  ports.add(make("ports:[5-6]").ports);
  EXPECT_EQ(ports.ranges().size(), 1u);
  ports.add(make("ports:[3-10]").ports);
  EXPECT_EQ(ports, make("ports:[1-10]").ports);
}

TEST(PortSet, IntersectsAndLowest) {
  const PortSet ports = make("ports:[10-12,20-21]").ports;
  EXPECT_TRUE(ports.intersects(make("ports:[1-10]").ports));
  EXPECT_FALSE(ports.intersects(make("ports:[13-19]").ports));
  EXPECT_EQ(ports.lowest(4), make("ports:[10-12,20-20]").ports);
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

TEST(Milli, TextRoundTrips) {
  for (const std::int64_t value : {0, 1, 10, 100, 999, 1000, 1001, 123456}) {
    EXPECT_EQ(parse_milli(milli_to_string(value)).value(), value);
  }
}

}  // namespace
}  // namespace shoal::core
