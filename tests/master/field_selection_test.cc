#include "master/field_selection.h"

#include <gtest/gtest.h>

namespace shoal::master {
namespace {

constexpr const char* kObject =
    R"({"id":"a","n":0.10,"deep":{"id":"b","list":[1,{"id":"c"}]},"list":[{"n":2}],"no":null,"t":true})";

TEST(FieldSelectionTest, WhatIsWantedIsAsItWas) {
  EXPECT_EQ(select_fields(kObject, {"id"}), R"({"id":"a"})");
  EXPECT_EQ(select_fields(kObject, {"t", "n"}), R"({"n":0.10,"t":true})");
  EXPECT_EQ(select_fields(kObject, {"deep"}), R"({"deep":{"id":"b","list":[1,{"id":"c"}]}})");
  EXPECT_EQ(select_fields(kObject, {"list", "no"}), R"({"list":[{"n":2}],"no":null})");
  EXPECT_EQ(select_fields(kObject, {"nothing"}), "{}");
}

}  // namespace
}  // namespace shoal::master
