#include "master/api_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/status.h"

namespace shoal::master {
namespace {

// What is wrong with a body that is read as a whole: all kinds of fields.
std::string read_all(std::string_view json) {
  ApiBody body(json);
  body.text("text");
  body.flag("flag");
  body.integer("whole", -1);
  body.quantities("limits", core::kNoLimit);
  return std::string(core::message_of(body.finish()));
}

TEST(ApiBodyTest, FieldsAreRead) {
  ApiBody body(
      R"({"text":"a","flag":true,"whole":7,"weight":2.5,"limits":{"cpus":1.5,"gpus":null}})");
  EXPECT_EQ(body.required_text("text"), "a");
  EXPECT_TRUE(body.flag("flag"));
  EXPECT_EQ(body.integer("whole", -1), 7);
  EXPECT_EQ(body.required_milli("weight"), 2500);
  const core::Quantities limits = body.quantities("limits", core::kNoLimit);
  EXPECT_EQ(limits[core::ResourceKind::kCpus], 1500);
  EXPECT_EQ(limits[core::ResourceKind::kGpus], core::kNoLimit);
  EXPECT_EQ(limits[core::ResourceKind::kMem], core::kNoLimit);
  EXPECT_TRUE(body.finish().ok()) << body.finish();
}

TEST(ApiBodyTest, NothingIsAnObjectWithoutFields) {
  ApiBody body("  \n");
  EXPECT_EQ(body.text("text", "x"), "x");
  EXPECT_EQ(body.integer("whole", -1), -1);
  EXPECT_TRUE(body.finish().ok());
  ApiBody empty("");
  empty.required_text("text");
  EXPECT_EQ(core::message_of(empty.finish()), "text is missing");
}

TEST(ApiBodyTest, WhatIsWrongIsNamedWithItsPath) {
  const std::pair<const char*, const char*> wrong[] = {
      {"{", "the body is no JSON: Missing a name for object member. at byte 1"},
      {"[]", "the body must be a JSON object"},
      {"{} {}", "the body is no JSON"},
      {"{\"text\":\"\xff\"}", "the body is no JSON: Invalid encoding in string."},
      {R"({"text":1})", "text must be a string"},
      {R"({"flag":0})", "flag must be true or false"},
      {R"({"whole":-1})", "whole must be a whole number from 0 on"},
      {R"({"whole":1.5})", "whole must be a whole number from 0 on"},
      {R"({"whole":1e99})", "whole must be a whole number from 0 on"},
      {R"({"limits":[]})", "limits must be an object"},
      {R"({"limits":{"cpus":"4"}})", "limits.cpus must be a number"},
      {R"({"limits":{"cpus":-1}})", "limits.cpus must be from 0 to"},
      {R"({"limits":{"cpus":1e300}})", "limits.cpus must be from 0 to"},
      {R"({"limits":{"mem":1}})", "limits.mem is not known; there are cpus, mem_mib"},
      {R"({"texd":"a"})", "texd is not known; there are text, flag, whole, limits"},
  };
  for (const auto& [json, message] : wrong) {
    EXPECT_THAT(read_all(json), testing::StartsWith(message)) << json;
  }
}

TEST(ApiBodyTest, DepthIsNoDanger) {
  const std::string deep(500'000, '[');
  EXPECT_THAT(read_all(R"({"text":)" + deep), testing::StartsWith("the body is no JSON"));
}

}  // namespace
}  // namespace shoal::master
