#include "master/registry_watch.h"

#include <gmock/gmock.h>

namespace shoal::master {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(RegistryWatchTest, AFastStoreIsNotTalkedAbout) {
  RegistryWatch watch(30s);
  for (const core::Duration taken : {0ms, 20ms, 4900ms, 0ms, 3000ms, 100ms}) {
    const auto verdict = watch.look(taken, 100);
    EXPECT_EQ(verdict.line, "");
    EXPECT_FALSE(verdict.is_over);
  }
}

TEST(RegistryWatchTest, ASlowOneIsToldOnceAndAgainWhenItAnswers) {
  RegistryWatch watch(30s);
  EXPECT_THAT(watch.look(5s, 7).line, HasSubstr("has not answered for 5 s; 7 rows wait"));
  EXPECT_EQ(watch.look(6s, 8).line, "");
  EXPECT_EQ(watch.look(20s, 9).line, "");
  EXPECT_THAT(watch.look(0s, 0).line, HasSubstr("answers again, after more than 20 s"));
  EXPECT_EQ(watch.look(0s, 0).line, "");
  EXPECT_THAT(watch.look(8s, 1).line, HasSubstr("has not answered for 8 s"));
  EXPECT_THAT(watch.look(1s, 1).line, HasSubstr("answers again")) << "that is another transaction";
  EXPECT_EQ(watch.look(3s, 1).line, "");
}

TEST(RegistryWatchTest, OneThatHangsIsTheEnd) {
  RegistryWatch watch(30s);
  EXPECT_FALSE(watch.look(29'999ms, 5).is_over);
  const auto verdict = watch.look(30s, 5);
  EXPECT_TRUE(verdict.is_over);
  EXPECT_THAT(verdict.line, HasSubstr("has not answered for 30 s and 5 rows wait"));
  EXPECT_THAT(verdict.line, HasSubstr("--registry-store-timeout"));
  EXPECT_TRUE(RegistryWatch(2s).look(2s, 1).is_over);
}

}  // namespace
}  // namespace shoal::master
