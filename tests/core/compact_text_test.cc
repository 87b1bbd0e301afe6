#include "core/compact_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace shoal::core {
namespace {

TEST(CompactTextTest, HoldsAnyText) {
  CompactText text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.view(), "");
  for (const std::string& value :
       {std::string("web"), std::string(), std::string(5000, 'x'), std::string("a\0b", 3)}) {
    text = value;
    EXPECT_EQ(text.view(), value);
    EXPECT_EQ(text.empty(), value.empty());
  }
}

TEST(CompactTextTest, MovesAndTakesAPartOfItself) {
  CompactText text;
  text = "web-server";
  text = text.view().substr(4);
  EXPECT_EQ(text.view(), "server");
  const CompactText moved = std::move(text);
  EXPECT_EQ(moved.view(), "server");
  static_assert(sizeof(CompactText) == sizeof(void*));
}

}  // namespace
}  // namespace shoal::core
