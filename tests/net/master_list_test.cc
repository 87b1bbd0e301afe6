#include "net/master_list.h"

#include <string>

#include "core/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/leader_query.h"

namespace shoal::net {
namespace {

using ::testing::HasSubstr;

std::string why_not(std::string_view text) {
  const absl::StatusOr<MasterList> result = parse_master_list(text);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(result.status().message());
}

TEST(MasterList, Addresses) {
  const auto one = parse_master_list("127.0.0.1:7070");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->to_string(), "127.0.0.1:7070");
  EXPECT_FALSE(one->etcd.has_value());
  const auto several = parse_master_list(" a:1,[::1]:2 , b:3");
  ASSERT_TRUE(several.ok()) << several.status();
  EXPECT_EQ(several->addresses.size(), 3u);
  EXPECT_EQ(several->to_string(), "a:1, [::1]:2, b:3");
  const auto without_port = parse_master_list("a,b:3", true);
  ASSERT_TRUE(without_port.ok()) << without_port.status();
  EXPECT_EQ(without_port->to_string(), "a:7070, b:3");
}

TEST(MasterList, Etcd) {
  const auto plain = parse_master_list("etcd://h1:2379");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE(plain->addresses.empty());
  EXPECT_EQ(plain->etcd->members.size(), 1u);
  EXPECT_EQ(plain->etcd->prefix, "/shoal");
  const auto all = parse_master_list("etcd://h1:2379,[::1]:2380/clusters/one/");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->etcd->members.size(), 2u);
  EXPECT_EQ(all->etcd->prefix, "/clusters/one");
  EXPECT_EQ(all->to_string(), "etcd://h1:2379,[::1]:2380/clusters/one");
  EXPECT_EQ(parse_master_list("etcd://h1:1/")->etcd->prefix, "/shoal");
}

TEST(MasterList, EveryMalformedTextSaysWhy) {
  EXPECT_THAT(why_not(""), HasSubstr("empty"));
  EXPECT_THAT(why_not("a"), HasSubstr("port is missing"));
  EXPECT_THAT(why_not("a:1,"), HasSubstr("empty"));
  EXPECT_THAT(why_not("a:1,,b:2"), HasSubstr("empty"));
  EXPECT_THAT(why_not("a:1,b"), HasSubstr("'b'"));
  EXPECT_THAT(why_not("a:0"), HasSubstr("port is 0"));
  EXPECT_THAT(why_not("a:1,b:2,a:1"), HasSubstr("twice"));
  EXPECT_THAT(why_not("a:1,etcd://b:2"), HasSubstr("etcd"));
  EXPECT_THAT(why_not("etcd://"), HasSubstr("empty"));
  EXPECT_THAT(why_not("etcd:///shoal"), HasSubstr("empty"));
  EXPECT_THAT(why_not("etcd://a:1/a b"), HasSubstr("prefix"));
  EXPECT_THAT(why_not("etcd://a:1/" + std::string(300, 'x')), HasSubstr("prefix"));
  std::string many = "a:1";
  for (std::size_t i = 2; i <= core::kMaxMasters + 1; ++i) many += ",a:" + std::to_string(i);
  EXPECT_THAT(why_not(many), HasSubstr("more than 16"));
}

// What etcd 3.4 answers; the value is base64.
constexpr char kAnswer[] =
    R"({"header":{"cluster_id":"1","revision":"5"},"kvs":[{"key":"L3Nob2FsL2xlYWRlcg==",)"
    R"("create_revision":"5","value":"eyJhZGRyZXNzIjoiMTI3LjAuMC4xOjcwNzIiLCJpZCI6IjAwIn0="}],)"
    R"("count":"1"})";

TEST(LeaderInEtcd, IsReadFromTheAnswer) {
  const auto leader = leader_in_range_answer(kAnswer);
  ASSERT_TRUE(leader.ok()) << leader.status();
  EXPECT_EQ(leader->to_string(), "127.0.0.1:7072");
  EXPECT_TRUE(absl::IsNotFound(leader_in_range_answer(R"({"header":{}})").status()));
  EXPECT_TRUE(absl::IsNotFound(leader_in_range_answer(R"({"header":{},"kvs":[]})").status()));
}

TEST(LeaderInEtcd, OtherAnswersSayWhatIsWrong) {
  const auto refused = [](std::string_view body) {
    const auto leader = leader_in_range_answer(body);
    EXPECT_TRUE(absl::IsInvalidArgument(leader.status())) << body;
    return std::string(leader.status().message());
  };
  EXPECT_THAT(refused(""), HasSubstr("as etcd does"));
  EXPECT_THAT(refused("[]"), HasSubstr("as etcd does"));
  EXPECT_THAT(refused("{}"), HasSubstr("as etcd does"));
  EXPECT_THAT(refused(std::string(100'000, '[')), HasSubstr("as etcd does"));
  EXPECT_THAT(refused(R"({"kvs":[{"value":"%"}]})"), HasSubstr("base64"));
  EXPECT_THAT(refused(R"({"kvs":[{"value":"eA=="}]})"), HasSubstr("JSON"));
  EXPECT_THAT(refused(R"({"kvs":[7]})"), HasSubstr("JSON"));
  EXPECT_THAT(refused(R"({"kvs":[{"value":"e30="}]})"), HasSubstr("empty"));
  EXPECT_THAT(refused(R"({"kvs":[{"value":"eyJhZGRyZXNzIjoieCJ9"}]})"), HasSubstr("port"));
}

}  // namespace
}  // namespace shoal::net
