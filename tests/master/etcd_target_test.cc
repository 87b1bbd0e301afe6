#include "master/etcd_target.h"

#include <gmock/gmock.h>

#include "core/status.h"

namespace shoal::master {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string why_not(std::string_view text) {
  return std::string(core::message_of(parse_etcd_target(text).status()));
}

TEST(EtcdTargetTest, HasAddressesAndAPrefix) {
  const auto full = parse_etcd_target("etcd://a:2379,[::1]:2380/my/cluster/");
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_THAT(full->endpoints, ElementsAre("a:2379", "[::1]:2380"));
  EXPECT_EQ(full->prefix, "/my/cluster");
  for (const char* text : {"etcd://a:2379", "etcd://a:2379/"}) {
    EXPECT_EQ(parse_etcd_target(text)->prefix, "/shoal") << text;
  }
}

TEST(EtcdTargetTest, WhatIsNoneIsRefused) {
  EXPECT_THAT(why_not("zk://a:2181"), HasSubstr("'zk://a:2181' is not etcd://HOST:PORT"));
  EXPECT_THAT(why_not("etcd://"), HasSubstr("empty"));
  EXPECT_THAT(why_not("etcd://a"), HasSubstr("'a'"));
  EXPECT_THAT(why_not("etcd://a:2379,,b:1"), HasSubstr("empty"));
  EXPECT_THAT(why_not("etcd://a:0"), HasSubstr("the port is 0"));
  EXPECT_THAT(why_not("etcd://a:2379/x y"), HasSubstr("is no prefix of keys"));
  EXPECT_THAT(why_not("etcd://a:2379/" + std::string(1000, 'x')),
              HasSubstr("is no prefix of keys"));
  std::string many = "etcd://a:1";
  for (int i = 2; i < 40; ++i) many += ",a:" + std::to_string(i);
  EXPECT_THAT(why_not(many), HasSubstr("more than 16 addresses"));
}

}  // namespace
}  // namespace shoal::master
