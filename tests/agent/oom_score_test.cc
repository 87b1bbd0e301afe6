#include "agent/oom_score.h"

#include <gtest/gtest.h>

namespace shoal::agent {
namespace {

// What the kernel does with it: fault_test.cc.
TEST(OomScoreTest, TasksGoBeforeTheirAgent) {
  EXPECT_EQ(oom_setting_of(kProtectedOomScore), "oom=0");
  EXPECT_EQ(oom_setting_of(-1), "oom=0");
  EXPECT_EQ(oom_setting_of(0), "oom=100");
  EXPECT_EQ(oom_setting_of(500), "oom=600");
  EXPECT_EQ(oom_setting_of(950), "oom=1000");
}

}  // namespace
}  // namespace shoal::agent
