#include "master/role_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::master {
namespace {

using testing::HasSubstr;
using testing::Not;

class RoleMetricsTest : public testing::Test {
 protected:
  core::RoleRow& role(std::string_view name) { return **tables_.roles.intern(name); }
  std::string text() const {
    core::MetricsText out;
    append_role_metrics(out, tables_);
    return out.take();
  }
  core::SharedTables tables_{1, 1};
};

TEST_F(RoleMetricsTest, ARoleThatIsOnlyANameHasNoSeries) {
  role("idle");
  EXPECT_THAT(text(), Not(HasSubstr("idle")));
}

TEST_F(RoleMetricsTest, SizesAreBytesAndALimitThatIsNotThereIsNoSeries) {
  core::RoleRow& ads = role("ads");
  ads.limits.store({{4000, 2'000'000, core::kNoLimit, core::kNoLimit}});
  ads.charged.add({{1500, 1'000'000, 0, 0}});
  const std::string out = text();
  EXPECT_THAT(out, HasSubstr("shoal_role_limit{role=\"ads\",resource=\"cpus\"} 4\n"));
  EXPECT_THAT(out, HasSubstr("shoal_role_limit{role=\"ads\",resource=\"mem\"} 2097152000\n"));
  EXPECT_THAT(out, Not(HasSubstr("shoal_role_limit{role=\"ads\",resource=\"gpus\"}")));
  EXPECT_THAT(out, HasSubstr("shoal_role_consumed{role=\"ads\",resource=\"cpus\"} 1.5\n"));
}

TEST_F(RoleMetricsTest, TheDominantShareIsOfTheWholeCluster) {
  tables_.shares.total.add({{10'000, 100'000, 0, 0}});
  core::RoleRow& ads = role("ads");
  ads.allocated.add({{1000, 50'000, 0, 0}});
  EXPECT_THAT(text(), HasSubstr("shoal_role_dominant_share{role=\"ads\"} 0.5\n"));
}

TEST_F(RoleMetricsTest, EveryMetricHasItsHeadOnce) {
  role("ads").weight.store(2000);
  const std::string out = text();
  for (const char* name : {"dominant_share", "weight", "frameworks", "allocated", "offered",
                           "reserved", "consumed", "limit", "guarantee"}) {
    const std::string head = "# TYPE shoal_role_" + std::string(name) + " gauge\n";
    const std::size_t at = out.find(head);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_EQ(out.find(head, at + 1), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace shoal::master
