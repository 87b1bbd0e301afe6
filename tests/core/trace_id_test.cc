#include "core/trace_id.h"

#include <gtest/gtest.h>

namespace shoal::core {
namespace {

// Others compute it, too: a change of it is a change of the interface.
TEST(TraceIdTest, IsTheHashOfBothIds) {
  EXPECT_EQ(trace_id(FrameworkId{0xf1}, "t-1"), "a4c5fb55950b71fdd4202fc37d2c9830");
  EXPECT_NE(trace_id(FrameworkId{0xf1}, "t-1"), trace_id(FrameworkId{0xf2}, "t-1"));
  EXPECT_NE(trace_id(FrameworkId{0xf1}, "t-1"), trace_id(FrameworkId{0xf1}, "t-2"));
}

TEST(TraceIdTest, TheParentIsTheLaunch) {
  EXPECT_EQ(trace_parent(FrameworkId{0xf1}, "t-1"),
            "00-a4c5fb55950b71fdd4202fc37d2c9830-d4202fc37d2c9830-00");
}

}  // namespace
}  // namespace shoal::core
