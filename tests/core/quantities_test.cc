#include "core/quantities.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::core {
namespace {

TEST(Quantities, ReadsAndPrints) {
  const Quantities q = parse_quantities("cpus:4; mem:1024.5;gpus:2").value();
  EXPECT_EQ(q, (Quantities{{4000, 1'024'500, 0, 2000}}));
  EXPECT_EQ(to_string(q), "cpus:4;mem:1024.5;gpus:2");
  EXPECT_EQ(to_string(Quantities()), "none");
  EXPECT_EQ(to_string(kNoLimits), "none");
  EXPECT_EQ(parse_quantities("none").value(), Quantities());
  EXPECT_EQ(parse_quantities("").value(), Quantities());
}

TEST(Quantities, ALimitOfZeroIsALimit) {
  const Quantities limits = parse_quantities("gpus:0;cpus:3", kNoLimit).value();
  EXPECT_EQ(limits, (Quantities{{3000, kNoLimit, kNoLimit, 0}}));
  EXPECT_EQ(to_string(limits, kNoLimit), "cpus:3;gpus:0");
  EXPECT_EQ(to_string(limits), "cpus:3");
}

TEST(Quantities, Arithmetic) {
  const Quantities a{{4000, 10, 20, 1000}};
  const Quantities b{{1000, 10, 0, 0}};
  EXPECT_EQ(a - b, (Quantities{{3000, 0, 20, 1000}}));
  EXPECT_EQ(a + b, (Quantities{{5000, 20, 20, 1000}}));
  EXPECT_TRUE(a.contains(b));
  EXPECT_FALSE(b.contains(a));
  EXPECT_TRUE(Quantities().empty());
  EXPECT_EQ(a[ResourceKind::kGpus], 1000);
}

struct BadText {
  std::string_view text;
  std::string_view says;
};

class BadQuantities : public testing::TestWithParam<BadText> {};

TEST_P(BadQuantities, AreRefusedWithTheReason) {
  const auto parsed = parse_quantities(GetParam().text);
  ASSERT_FALSE(parsed.ok()) << GetParam().text;
  EXPECT_NE(message_of(parsed.status()).find(GetParam().says), std::string_view::npos)
      << parsed.status();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadQuantities,
    testing::Values(BadText{"cpus", "a number"}, BadText{"cpus:-1", "a number"},
                    BadText{"cpus:1;cpus:1", "twice"}, BadText{"gpus:0.5", "whole"},
                    BadText{"ports:[1-2]", "expected cpus, mem, disk or gpus"},
                    BadText{"licenses:1", "expected cpus"}, BadText{"cpus(ads):1", "expected cpus"},
                    BadText{"mem:1e9", "a number"}, BadText{"mem:nan", "a number"},
                    BadText{"mem:1125899906842.625", "over"}));

TEST(Milli, TextRoundTrips) {
  for (const std::int64_t value : {0, 1, 10, 100, 999, 1000, 1001, 123456}) {
    EXPECT_EQ(parse_milli(milli_to_string(value)).value(), value);
  }
}

TEST(Milli, TheBoundIsTheLastNumber) {
  EXPECT_EQ(parse_milli(milli_to_string(kMaxScalarMilli)).value(), kMaxScalarMilli);
  EXPECT_FALSE(parse_milli(milli_to_string(kMaxScalarMilli + 1)).ok());
  EXPECT_EQ(milli_to_string(std::numeric_limits<Milli>::min()), "-9223372036854775.808");
  EXPECT_EQ(milli_to_string(-1500), "-1.5");
}

}  // namespace
}  // namespace shoal::core
