#include "cli/rate_limits_option.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "core/status.h"

namespace shoal::cli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::string fault(const std::string& option) {
  const auto limits = read_rate_limits_option(option);
  return limits.ok() ? "" : std::string(core::message_of(limits.status()));
}

TEST(RateLimitsOption, TheFormOfMesos) {
  const auto limits = read_rate_limits_option(R"({
    "limits": [{"principal": "etl", "qps": 50, "capacity": 200},
               {"principal": "Büro \"2\"", "qps": 0.5},
               {"principal": "web"}],
    "aggregate_default_qps": 1000, "aggregate_default_capacity": 0})");
  ASSERT_TRUE(limits.ok()) << limits.status();
  ASSERT_EQ(limits->limits.size(), 3u);
  EXPECT_EQ(limits->limits[0].principal, "etl");
  EXPECT_EQ(limits->limits[0].interval, milliseconds(20));
  EXPECT_EQ(limits->limits[0].capacity, 200u);
  EXPECT_EQ(limits->limits[1].principal, "Büro \"2\"");
  EXPECT_EQ(limits->limits[1].interval, milliseconds(2000));
  EXPECT_EQ(limits->limits[1].capacity, core::kDefaultRateCapacity);
  EXPECT_EQ(limits->limits[2].interval, core::Duration::zero());
  EXPECT_EQ(limits->others.interval, milliseconds(1));
  EXPECT_EQ(limits->others.capacity, 0u);
  EXPECT_FALSE(limits->empty());
}

TEST(RateLimitsOption, NothingIsNoLimit) {
  EXPECT_TRUE(read_rate_limits_option("")->empty());
  EXPECT_TRUE(read_rate_limits_option("{}")->empty());
  EXPECT_TRUE(read_rate_limits_option(R"({"limits":[]})")->empty());
}

TEST(RateLimitsOption, AFileHoldsThem) {
  const std::string path = testing::TempDir() + fmt::format("shoal-rates-{}.json", ::getpid());
  std::ofstream(path) << R"({"limits":[{"principal":"etl","qps":50}]})"
                      << "\n";
  EXPECT_EQ(read_rate_limits_option("@" + path)->limits.size(), 1u);
  ::unlink(path.c_str());
  EXPECT_THAT(fault("@" + path), HasSubstr("--rate-limits: "));
}

TEST(RateLimitsOption, MistakesAreNamed) {
  EXPECT_THAT(fault("qps"), HasSubstr("--rate-limits: not JSON, at byte 0"));
  EXPECT_THAT(fault("[]"), HasSubstr("the JSON is not an object"));
  EXPECT_THAT(fault(R"({"limit":[]})"), HasSubstr("'limit' is not known here; known are limits"));
  EXPECT_THAT(fault(R"({"limits":{}})"), HasSubstr("'limits' is no array"));
  EXPECT_THAT(fault(R"({"limits":[1]})"), HasSubstr("limit 0 is not an object"));
  EXPECT_THAT(fault(R"({"limits":[{"qps":1}]})"), HasSubstr("limit 0: 'principal' is missing"));
  EXPECT_THAT(fault(R"({"limits":[{"principal":1}]})"), HasSubstr("'principal' is missing or no"));
  for (const char* name : {"", "*", "a\\nb", "\\u0000"}) {
    EXPECT_THAT(fault(fmt::format(R"({{"limits":[{{"principal":"{}"}}]}})", name)),
                HasSubstr("is no name of a framework"));
  }
  EXPECT_THAT(fault(R"({"limits":[{"principal":"a"},{"principal":"a"}]})"),
              HasSubstr("limit 1: 'a' has a limit already"));
  for (const char* qps : {"0", "-1", "1000001", "\"1\"", "null", "0.0001"}) {
    EXPECT_THAT(fault(fmt::format(R"({{"aggregate_default_qps":{}}})", qps)),
                HasSubstr("'aggregate_default_qps' is no number from 0.001 to 1000000"));
  }
  for (const char* capacity : {"-1", "1.5", "1000001", "\"1\""}) {
    EXPECT_THAT(
        fault(fmt::format(R"({{"limits":[{{"principal":"a","qps":1,"capacity":{}}}]}})", capacity)),
        HasSubstr("'capacity' is no whole number from 0 to 1000000"));
  }
  EXPECT_THAT(fault(R"({"limits":[{"principal":"a","capacity":1}]})"),
              HasSubstr("'capacity' without 'qps'"));
  EXPECT_THAT(fault(R"({"limits":[{"principal":"a","qps":1,"qps":2}]})"),
              HasSubstr("'qps' is there twice"));
  std::string many = R"({"limits":[)";
  for (std::size_t i = 0; i <= core::kMaxRateLimits; ++i) {
    many += fmt::format("{}{{\"principal\":\"{}\"}}", i == 0 ? "" : ",", i);
  }
  EXPECT_THAT(fault(many + "]}"), HasSubstr("more than 1024 limits"));
}

}  // namespace
}  // namespace shoal::cli
