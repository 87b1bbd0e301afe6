// What is counted. That it is enough for the encoding is shown in tests/wire/resources_test.cc.
#include "core/frame_cost.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace shoal::core {
namespace {

Resources with_lot(const Reservation& reservation) {
  Resources resources;
  LotTags tags;
  tags.reservations = {reservation};
  Amounts amounts;
  amounts.cpus = 1000;
  resources.lots.add(std::make_shared<const LotTags>(tags), amounts);
  return resources;
}

TEST(FrameCost, NothingCostsNothing) { EXPECT_EQ(frame_cost({}), FrameCost()); }

TEST(FrameCost, EveryTableIsCounted) {
  Resources resources;
  resources.cpus = 1000;
  EXPECT_EQ(frame_cost(resources).tables, 1u);
  // The list, the lot, its reservation, its amounts; one more for each label.
  EXPECT_EQ(frame_cost(with_lot({"ads", true, "alice", {}})).tables, 4u);
  EXPECT_EQ(frame_cost(with_lot({"ads", true, "alice", {{"a", "b"}, {"c", "d"}}})).tables, 6u);
  ASSERT_TRUE(CustomResources::make({{"licenses", Milli{1000}}}, &resources.custom).ok());
  EXPECT_EQ(frame_cost(resources).tables, 2u);
}

TEST(FrameCost, LongerTextsCostMore) {
  const FrameCost with_short = frame_cost(with_lot({"ads", true, "", {}}));
  const FrameCost with_long = frame_cost(with_lot({std::string(103, 'r'), true, "", {}}));
  EXPECT_EQ(with_long.bytes - with_short.bytes, 100u);
  const FrameCost report = task_report_cost("t", "", "*", {});
  EXPECT_EQ(report.tables, 1u);
  EXPECT_EQ(task_report_cost("t", "", "*", with_lot({"ads", true, "", {}})).tables, 5u);
  EXPECT_GE(task_report_cost(std::string(101, 't'), "", "*", {}).bytes, report.bytes + 100);
}

TEST(FrameCost, SumsAndBounds) {
  FrameCost sum;
  const FrameCost one = task_report_cost("task", "name", "role", {});
  sum += one;
  sum += one;
  sum -= one;
  EXPECT_EQ(sum, one);
  EXPECT_TRUE((FrameCost{10, 2}).within({10, 2}));
  EXPECT_FALSE((FrameCost{11, 2}).within({10, 2}));
  EXPECT_FALSE((FrameCost{10, 3}).within({10, 2}));
}

// As many tasks as a message may hold, with the longest ids and names, are within its bound.
TEST(FrameCost, AFullMessageIsWithinTheBound) {
  Resources resources;
  resources.cpus = 1000;
  resources.mem = 1000;
  resources.ports = *PortSet::from_ranges({{1, 2}});
  FrameCost sum;
  for (std::size_t i = 0; i < kMaxTaskReports; ++i) {
    sum += task_report_cost(std::string(kMaxIdBytes, 'i'), std::string(kMaxTaskNameBytes, 'n'),
                            "eng/ads", resources);
  }
  EXPECT_TRUE(sum.within(kMaxTaskReportsCost)) << sum.bytes;
}

}  // namespace
}  // namespace shoal::core
