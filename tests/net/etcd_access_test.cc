#include "net/etcd_access.h"

#include "core/status.h"
#include "gmock/gmock.h"
#include "net/etcd_curl.h"
#include "net/master_list.h"

namespace shoal::net {
namespace {

using ::testing::HasSubstr;

std::string why_not(std::string_view text) {
  return std::string(core::message_of(parse_master_list(text).status()));
}

TEST(EtcdAccess, StandsBehindTheAddress) {
  const auto plain = parse_master_list("etcd://a:1/x");
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(plain->etcd->access.is_plain());
  const auto system = parse_master_list("etcds://a:1");
  ASSERT_TRUE(system.ok()) << system.status();
  EXPECT_TRUE(system->etcd->access.is_encrypted);
  EXPECT_EQ(system->etcd->prefix, "/shoal");
  EXPECT_EQ(system->to_string(), "etcds://a:1/shoal");
  const auto all = parse_master_list(
      "etcds://a:1,b:2/x?cacert=/etc/ca.pem&cert=c.pem&key=c.key&user=shoal&password-file=/pw");
  ASSERT_TRUE(all.ok()) << all.status();
  const EtcdAccess& access = all->etcd->access;
  EXPECT_EQ(all->etcd->members.size(), 2u);
  EXPECT_EQ(all->etcd->prefix, "/x");
  EXPECT_EQ(access.ca_file, "/etc/ca.pem");
  EXPECT_EQ(access.cert_file, "c.pem");
  EXPECT_EQ(access.key_file, "c.key");
  EXPECT_EQ(access.user, "shoal");
  EXPECT_EQ(access.password_file, "/pw");
  EXPECT_FALSE(access.is_plain());
  const auto password = parse_master_list("etcd://a:1?user=u&password-file=f");
  ASSERT_TRUE(password.ok()) << password.status();
  EXPECT_FALSE(password->etcd->access.is_encrypted);
  EXPECT_FALSE(password->etcd->access.is_plain());
}

TEST(EtcdAccess, WhatIsNoneIsRefused) {
  EXPECT_THAT(why_not("etcds://a:1?ca=x"), HasSubstr("'ca' is none of cacert, cert, key"));
  EXPECT_THAT(why_not("etcds://a:1?cacert"), HasSubstr("?cacert=: needs a value"));
  EXPECT_THAT(why_not("etcds://a:1?cacert="), HasSubstr("?cacert=: needs a value"));
  EXPECT_THAT(why_not("etcds://a:1?cacert=a b"), HasSubstr("?cacert=: needs a value"));
  EXPECT_THAT(why_not("etcds://a:1?cacert=a&cacert=b"), HasSubstr("?cacert= is said twice"));
  EXPECT_THAT(why_not("etcds://a:1?cert=a"), HasSubstr("need each other"));
  EXPECT_THAT(why_not("etcds://a:1?key=a"), HasSubstr("need each other"));
  EXPECT_THAT(why_not("etcd://a:1?user=a"), HasSubstr("need each other"));
  EXPECT_THAT(why_not("etcd://a:1?cacert=a"), HasSubstr("certificates are for etcds://"));
  EXPECT_THAT(why_not("etcds://a:1?cacert=" + std::string(5000, 'x')), HasSubstr("needs a value"));
}

TEST(EtcdAccess, TokensAreReadFromAnswersOfAnybody) {
  EXPECT_EQ(token_in_answer(R"({"header":{},"token":"abc.12"})").value(), "abc.12");
  for (const char* json : {"", "[]", "{}", R"({"token":5})", R"({"token":""})",
                           R"({"token":"a\r\nX: y"})", "[[[[[[[["}) {
    EXPECT_FALSE(token_in_answer(json).ok()) << json;
  }
  EXPECT_TRUE(is_stale_token(401, ""));
  EXPECT_TRUE(is_stale_token(400, R"({"error":"etcdserver: revision of auth store is old"})"));
  EXPECT_FALSE(is_stale_token(400, "{}"));
  EXPECT_FALSE(is_stale_token(200, ""));
}

}  // namespace
}  // namespace shoal::net
