#include "core/role.h"

#include <gtest/gtest.h>

#include <string>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::core {
namespace {

TEST(Role, GoodOnesPass) {
  for (const char* role : {"*", "ads", "eng/ads/batch", "a-b", "a.b", "...", "*a", "a*", "größe",
                           "a,b(c)%[d]{e}=;:", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"}) {
    EXPECT_TRUE(check_role(role).ok()) << role << ": " << check_role(role);
  }
  EXPECT_TRUE(check_role(std::string(kMaxRoleBytes, 'x')).ok());
}

struct BadRole {
  std::string text;
  std::string_view says;
};

class BadRoles : public testing::TestWithParam<BadRole> {};

TEST_P(BadRoles, AreRefusedWithTheReason) {
  const absl::Status status = check_role(GetParam().text);
  ASSERT_FALSE(status.ok()) << GetParam().text;
  EXPECT_NE(message_of(status).find(GetParam().says), std::string_view::npos) << status;
  EXPECT_LT(message_of(status).size(), 300u);
  EXPECT_EQ(message_of(status).find('\n'), std::string_view::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadRoles,
    testing::Values(BadRole{"", "is empty"}, BadRole{".", "part '.'"}, BadRole{"..", "part '.'"},
                    BadRole{"a/../b", "part '.'"}, BadRole{"*/a", "part '*'"},
                    BadRole{"a/*", "part '*'"}, BadRole{"/a", "starts with a slash"},
                    BadRole{"/", "starts with a slash"}, BadRole{"a/", "ends with a slash"},
                    BadRole{"a//b", "two slashes"}, BadRole{" a", "white space"},
                    BadRole{"a b", "white space"}, BadRole{"a\n", "white space"},
                    BadRole{"a\u00a0b", "white space"}, BadRole{"a\u200bb", "white space"},
                    BadRole{"a\x01", "clean"}, BadRole{std::string("a\0b", 3), "clean"},
                    BadRole{"\xff", "clean"}, BadRole{"a\u202eb", "clean"},
                    BadRole{"a\x7f", "clean"}, BadRole{"-a", "starts with '-'"},
                    BadRole{"a/-b", "starts with '-'"},
                    BadRole{std::string(10'000, 'x'), "10000 bytes"},
                    BadRole{"1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "17 parts"}));

TEST(Role, TheTreeOfRoles) {
  EXPECT_EQ(parent_role("eng/ads/batch"), "eng/ads");
  EXPECT_EQ(parent_role("eng"), "");
  EXPECT_TRUE(is_within("eng/ads", "eng"));
  EXPECT_TRUE(is_within("eng", "eng"));
  EXPECT_FALSE(is_within("engine", "eng"));
  EXPECT_FALSE(is_within("eng", "eng/ads"));
}

}  // namespace
}  // namespace shoal::core
