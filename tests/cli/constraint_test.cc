// Constraints as people write them.
#include "cli/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/status.h"

namespace shoal::cli {
namespace {

using core::ConstraintTarget;
using core::ConstraintTest;
using testing::HasSubstr;

struct Case {
  const char* text;
  ConstraintTarget target;
  const char* name;
  ConstraintTest test;
  const char* value;
};

TEST(ConstraintTest, EveryForm) {
  constexpr auto kAttribute = ConstraintTarget::kAttribute;
  for (const Case& each : {
           Case{"rack=a", kAttribute, "rack", ConstraintTest::kTextEquals, "a"},
           Case{"rack!=a", kAttribute, "rack", ConstraintTest::kTextNotEquals, "a"},
           Case{"rack~a|b", kAttribute, "rack", ConstraintTest::kTextMatches, "a|b"},
           Case{"rack!~a.*", kAttribute, "rack", ConstraintTest::kTextNotMatches, "a.*"},
           Case{"rack", kAttribute, "rack", ConstraintTest::kExists, ""},
           Case{"!rack", kAttribute, "rack", ConstraintTest::kNotExists, ""},
           Case{"@hostname=h", ConstraintTarget::kHostname, "", ConstraintTest::kTextEquals, "h"},
           Case{"@region!=r", ConstraintTarget::kRegion, "", ConstraintTest::kTextNotEquals, "r"},
           Case{"@zone~z-[0-9]", ConstraintTarget::kZone, "", ConstraintTest::kTextMatches,
                "z-[0-9]"},
           Case{"!@zone", ConstraintTarget::kZone, "", ConstraintTest::kNotExists, ""},
           Case{"a=b=c", kAttribute, "a", ConstraintTest::kTextEquals, "b=c"},
           Case{"a=", kAttribute, "a", ConstraintTest::kTextEquals, ""},
           Case{"a=~b", kAttribute, "a", ConstraintTest::kTextEquals, "~b"},
       }) {
    const auto parsed = parse_constraint(each.text);
    ASSERT_TRUE(parsed.ok()) << each.text << ": " << parsed.status();
    EXPECT_EQ(parsed->target, each.target) << each.text;
    EXPECT_EQ(parsed->name, each.name) << each.text;
    EXPECT_EQ(parsed->test, each.test) << each.text;
    EXPECT_EQ(parsed->value, each.value) << each.text;
  }
}

TEST(ConstraintTest, WhatIsNone) {
  for (const char* bad : {"", "!", "=a", "!=a", "~a", "!rack=a", "rack!a", "ra ck=a", "@rack=a",
                          "a=\x1b[31m", "a=\xff"}) {
    const auto parsed = parse_constraint(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << bad;
  }
  EXPECT_THAT(std::string(core::message_of(parse_constraint("@regoin=x").status())),
              HasSubstr("did you mean '@region'?"));
}

}  // namespace
}  // namespace shoal::cli
