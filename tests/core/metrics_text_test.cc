#include "core/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::core {
namespace {

TEST(MetricsText, ValuesOfLabelsAreEscaped) {
  EXPECT_EQ(escape_label("a \"b\" \\ c\nd"), "a \\\"b\\\" \\\\ c\\nd");
}

using testing::HasSubstr;
using testing::StartsWith;

TEST(MetricsText, SamplesHaveLabelsOrNone) {
  MetricsText out;
  out.one("a_total", "counter", "Things.", 3);
  out.head("b", "gauge", "Others.");
  out.sample("b", "core=\"0\"", 0.5);
  EXPECT_EQ(out.take(),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total 3\n"
            "# HELP b Others.\n# TYPE b gauge\nb{core=\"0\"} 0.5\n");
}

TEST(MetricsText, HistogramsAreCumulativeSumsOfTheirParts) {
  alloc::Histogram one;
  alloc::Histogram two;
  one.observe(std::chrono::microseconds(3));
  two.observe(std::chrono::microseconds(4), 2);
  two.observe(std::chrono::seconds(100));  // over the last bound
  MetricsText out;
  out.histogram("d_seconds", "How long.", {&one, &two});
  const std::string text = out.take();
  EXPECT_THAT(text, StartsWith("# HELP d_seconds How long.\n# TYPE d_seconds histogram\n"
                               "d_seconds_bucket{le=\"1e-06\"} 0\n"
                               "d_seconds_bucket{le=\"2e-06\"} 0\n"
                               "d_seconds_bucket{le=\"4e-06\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"4.194304\"} 3\n"
                              "d_seconds_bucket{le=\"+Inf\"} 4\nd_seconds_sum 100.000011\n"
                              "d_seconds_count 4\n"));
}

TEST(MetricsText, NumbersAreNotScaled) {
  alloc::Histogram depth;
  depth.add(1, 5);
  depth.add(1000);
  MetricsText out;
  out.buckets("depth", "core=\"1\"", {&depth}, MetricsText::Unit::kNumber);
  const std::string text = out.take();
  EXPECT_THAT(text, StartsWith("depth_bucket{core=\"1\",le=\"1\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("depth_bucket{core=\"1\",le=\"1024\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("depth_sum{core=\"1\"} 1005\ndepth_count{core=\"1\"} 6\n"));
}

}  // namespace
}  // namespace shoal::core
