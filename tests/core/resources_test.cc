#include "core/resources.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::core {
namespace {

Resources make(std::string_view text) { return parse_resources(text).value(); }

TEST(Resources, ReadsTheTextForm) {
  const Resources r = make("cpus:4; mem:8192.5;disk:10;gpus:2;ports:[31000-31001, 32000-32000]");
  EXPECT_EQ(r.cpus, 4000);
  EXPECT_EQ(r.mem, 8'192'500);
  EXPECT_EQ(r.disk, 10'000);
  EXPECT_EQ(r.gpus, 2000);
  EXPECT_EQ(r.ports.count(), 3u);
  EXPECT_EQ(to_string(r), "cpus:4;mem:8192.5;disk:10;gpus:2;ports:[31000-31001,32000-32000]");
}

TEST(Resources, NothingIsNothing) {
  EXPECT_TRUE(make("").empty());
  EXPECT_EQ(to_string(Resources()), "nothing");
}

struct BadText {
  std::string_view text;
  std::string_view says;
};

class BadResources : public testing::TestWithParam<BadText> {};

TEST_P(BadResources, AreRefusedWithTheReason) {
  const absl::StatusOr<Resources> parsed = parse_resources(GetParam().text);
  ASSERT_FALSE(parsed.ok()) << GetParam().text;
  EXPECT_NE(message_of(parsed.status()).find(GetParam().says), std::string_view::npos)
      << parsed.status();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadResources,
    testing::Values(BadText{"cpus", "a number"}, BadText{"cpus:", "a number"},
                    BadText{"cpus:-1", "a number"}, BadText{"cpus:nan", "a number"},
                    BadText{"cpus:inf", "a number"}, BadText{"cpus:1e3", "a number"},
                    BadText{"cpus:1.", "a number"}, BadText{"cpus:.5", "a number"},
                    BadText{"cpus:0.0001", "three decimals"}, BadText{"cpus:1;cpus:2", "twice"},
                    BadText{"cpu:1", "did you mean 'cpus'"}, BadText{"gpus:0.5", "whole"},
                    BadText{"mem:99999999999999999999", "over"},
                    BadText{"mem:1125899906843", "over"}, BadText{"ports:31000-32000", "ranges"},
                    BadText{"ports:[5-4]", "not a range"},
                    BadText{"ports:[1-65536]", "not a range"},
                    BadText{"ports:[1-5,5-9]", "overlaps"}, BadText{"ports:[1]", "range like"},
                    BadText{"ports:[a-b]", "range like"}, BadText{"\x01:1", "\\x01"}));

TEST(Resources, ArithmeticIsExact) {
  Resources r = make("cpus:0.1;mem:10;ports:[1-10]");
  r += make("cpus:0.2;ports:[20-30]");
  EXPECT_EQ(r, make("cpus:0.3;mem:10;ports:[1-10,20-30]"));
  r -= make("cpus:0.3;ports:[3-4,20-30]");
  EXPECT_EQ(r, make("mem:10;ports:[1-2,5-10]"));
}

TEST(Resources, ContainsLooksAtEveryKind) {
  const Resources r = make("cpus:2;mem:100;disk:5;gpus:1;ports:[10-20]");
  EXPECT_TRUE(r.contains(r));
  EXPECT_TRUE(r.contains(Resources()));
  for (const char* more : {"cpus:2.001", "mem:101", "disk:6", "gpus:2", "ports:[20-21]"}) {
    EXPECT_FALSE(r.contains(make(more))) << more;
  }
}

// Prints as it is written.
class ResourcesWithTags : public testing::TestWithParam<std::string_view> {};

TEST_P(ResourcesWithTags, RoundTrip) {
  const absl::StatusOr<Resources> parsed = parse_resources(GetParam());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(to_string(*parsed), GetParam());
  EXPECT_TRUE(check_resources(*parsed).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Table, ResourcesWithTags,
    testing::Values("nothing", "cpus(ads):8", "cpus(eng)(eng/ads):8", "cpus(ads,dynamic):8",
                    "cpus(ads,dynamic,by=alice):8", "cpus(ads,dynamic,by=alice,team=x):8",
                    "cpus(ads,dynamic,team=x,empty=):8", "cpus(ads,dynamic,%62y=label):8",
                    "cpus(a%2Cb%28c%29%25):1", "disk(ads,dynamic)[vol1:data]:100",
                    "disk(ads,dynamic)[vol1:data,by=alice]:100",
                    "disk(ads)[vol1:data/db,by=alice,shared]:100", "disk{path=/data1}:5",
                    "disk{mount=/data%202}:5", "disk(ads)[v:d]{mount=/data2}:5",
                    "cpus{revocable}:2", "cpus:1;cpus{revocable}:2;mem{revocable}:3",
                    "bays:{left,right};ids:[1-9,20-30];licenses:3",
                    "cpus:1;licenses:0.5;ports(ads):[1-5];x(ads):{a%3Bb}"));

TEST(Resources, OtherSpellingsAreRead) {
  EXPECT_EQ(make("cpus{REV}:2"), make("cpus{revocable}:2"));
  EXPECT_EQ(make(" cpus ( ads , dynamic , by = alice ) : 8"), make("cpus(ads,dynamic,by=alice):8"));
  EXPECT_EQ(make("nothing"), Resources());
  EXPECT_EQ(make("cpus(ads):0;x:0;y:[];z:{}"), Resources());
  EXPECT_EQ(make("ids:[5-9,1-4];bays:{right,left}"), make("ids:[1-9];bays:{left,right}"));
}

INSTANTIATE_TEST_SUITE_P(
    Tags, BadResources,
    testing::Values(
        BadText{"cpus(*):1", "other than '*'"}, BadText{"cpus():1", "role is empty"},
        BadText{"cpus(ads:1", "expected ')'"}, BadText{"cpus(ads)x:1", "expected NAME(ROLE)"},
        BadText{"cpus(ads)):1", "expected NAME"}, BadText{"cpus(a(b):1", "hexadecimal"},
        BadText{"cpus(a%4):1", "hexadecimal"}, BadText{"cpus(a%-1):1", "hexadecimal"},
        BadText{"cpus(a,b):1", "expected dynamic"}, BadText{"cpus(a,dynamic,dynamic):1", "once"},
        BadText{"cpus(a,dynamic,by=):1", "by=PRINCIPAL"}, BadText{"cpus(a,by=x):1", "static"},
        BadText{"cpus(a,dynamic,by=x,by=y):1", "by=PRINCIPAL"},
        BadText{"cpus(a)(b):1", "cannot stand on"},
        BadText{"cpus(a)(a)(a)(a)(a)(a)(a)(a)(a):1", "more than 8"},
        BadText{"cpus(a)[v:d]:1", "only disk"}, BadText{"disk[v:d]:1", "needs reserved"},
        BadText{"disk(a)[v]:1", "like [vol1:data]"},
        BadText{"disk(a)[v:/d]:1", "start with a slash"}, BadText{"disk(a)[v:../d]:1", "part '.'"},
        BadText{"disk(a)[v:d,shared,shared]:1", "once"},
        BadText{"disk(a)[v:d][w:d]:1", "expected NAME"}, BadText{"disk(a)[v:d]:0", "size 0"},
        BadText{"disk{path=/a}(b):1", "expected NAME"}, BadText{"disk{path=/a,mount=/b}:1", "once"},
        BadText{"disk{path=a}:1", "start with a slash"}, BadText{"disk{}:1", "expected path"},
        BadText{"cpus{path=/a}:1", "only disk"}, BadText{"cpus(a){revocable}:1", "revocable"},
        BadText{"cpus(a):1;cpus(a):2", "twice"}, BadText{"gpus(a):0.5", "whole"},
        BadText{"disk(a)[v:d]:1;disk(a)[v:e]:1", "volume 'v' of role 'a' is there twice"},
        BadText{"disk{mount=/a}:1;disk(x){mount=/a}:1", "mount disk '/a' is there twice"},
        BadText{"ports:[1-5];ports(a):[5-9]", "a port is there twice"},
        BadText{"b:{x};b(a):{x}", "is there twice"}, BadText{"b:{x};b(a):1", "different types"}));

INSTANTIATE_TEST_SUITE_P(
    Custom, BadResources,
    testing::Values(BadText{"licenses", "a number"}, BadText{"licenses:-1", "a number"},
                    BadText{"licenses:1;licenses:2", "twice"}, BadText{"memory:1", "'mem'"},
                    BadText{"port:[1-2]", "'ports'"}, BadText{"gpu:1", "'gpus'"},
                    BadText{"ids:[1-]", "a range like"}, BadText{"ids:[5-4]", "not a range"},
                    BadText{"ids:[1-5,5-6]", "overlaps"}, BadText{"bays:{a,a}", "twice"},
                    BadText{"bays:{a,}", "clean text"}, BadText{"bays:{a", "a set like"},
                    BadText{"ids:[1-18446744073709551616]", "a range like"},
                    BadText{"nothing;cpus:1", "a number"}, BadText{":5", "name of a resource"},
                    BadText{"a b:5", "may only hold"}));

TEST(Resources, BoundsOfTheText) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxLots; ++i) many += fmt::format("cpus(r{}):1;", i);
  EXPECT_FALSE(parse_resources(many).ok());
  EXPECT_TRUE(parse_resources(many.substr(0, many.rfind("cpus"))).ok());
  many.clear();
  for (std::size_t i = 0; i <= kMaxCustomResources; ++i) many += fmt::format("r{}:1;", i);
  EXPECT_FALSE(parse_resources(many).ok());
  EXPECT_FALSE(parse_resources(std::string(10'000, '(')).ok());
  EXPECT_FALSE(parse_resources("cpus(" + std::string(10'000, 'a') + "):1").ok());
}

TEST(Resources, LotsAddAndSubtract) {
  Resources r = make("cpus:1;cpus(ads):2");
  r += make("cpus:1;cpus(ads):0.5;mem(web):10");
  EXPECT_EQ(r, make("cpus:2;cpus(ads):2.5;mem(web):10"));
  EXPECT_EQ(r.all_quantities(), (Quantities{{4500, 10'000, 0, 0}}));
  EXPECT_EQ(r.quantities(), (Quantities{{2000, 0, 0, 0}}));
  r -= make("cpus(ads):2.5;mem(web):4");
  EXPECT_EQ(r, make("cpus:2;mem(web):6"));
  r -= make("cpus:2;mem(web):6");
  EXPECT_TRUE(r.empty());
  EXPECT_TRUE(r.lots.empty());
  r = make("cpus:2;mem(web):6;disk(web)[v:d]:3");
  r += r;
  r -= r;
  EXPECT_EQ(r, Resources());
}

TEST(Resources, ContainsIsByTags) {
  const Resources r = make(
      "cpus:1;cpus(ads):2;disk(ads)[v:d]:100;disk{mount=/m}:50;disk{path=/p}:50;cpus{revocable}:1");
  EXPECT_TRUE(r.contains(r));
  EXPECT_TRUE(r.contains(make("cpus(ads):1;disk{path=/p}:7;disk(ads)[v:d]:100")));
  for (const char* more : {"cpus:2", "cpus(web):1", "cpus(ads,dynamic):1", "cpus(ads):2.1",
                           "disk(ads)[v:d]:99", "disk(ads)[v:e]:100", "disk{mount=/m}:49",
                           "disk{mount=/n}:50", "disk(ads):1", "cpus{revocable}:2"}) {
    EXPECT_FALSE(r.contains(make(more))) << more;
  }
}

TEST(Resources, ASharedVolumeIsHeldOnce) {
  Resources r = make("disk(ads)[v:d,shared]:100");
  r += make("disk(ads)[v:d,shared]:100;cpus:1");
  EXPECT_EQ(r, make("disk(ads)[v:d,shared]:100;cpus:1"));
  r -= make("disk(ads)[v:d,shared]:100");
  EXPECT_EQ(r, make("cpus:1"));
}

TEST(Resources, IntersectsIsAboutThingsThatExistOnce) {
  const Resources r =
      make("cpus:1;ports(ads):[1-5];b:{x};disk(ads)[v:d]:9;disk(ads)[s:d,shared]:9");
  for (const char* other :
       {"ports:[5-9]", "ports(web):[1-1]", "b(web):{x,y}", "disk(ads)[v:d]:9"}) {
    EXPECT_TRUE(r.intersects(make(other))) << other;
    EXPECT_TRUE(make(other).intersects(r)) << other;
  }
  for (const char* other : {"cpus:1", "ports:[6-9]", "b:{y}", "disk(ads)[s:d,shared]:9"}) {
    EXPECT_FALSE(r.intersects(make(other))) << other;
  }
}

TEST(Resources, SelectKeepsWhatIsAskedFor) {
  const Resources r = make("cpus:1;cpus(ads):2;cpus(web):3");
  const auto ads = [](const LotTags& tags) { return tags.role() == "ads"; };
  EXPECT_EQ(select(r, false, ads), make("cpus(ads):2"));
  EXPECT_EQ(select(r, true, ads), make("cpus:1;cpus(ads):2"));
}

// --- resolve ---

struct Taken {
  std::string_view wanted;
  std::string_view offered;
  std::string_view gets;  // starts with '!': a refusal that says so
};

class Resolve : public testing::TestWithParam<Taken> {};

TEST_P(Resolve, TakesFromTheRightPlace) {
  const Taken& row = GetParam();
  const auto taken = resolve(make(row.wanted), make(row.offered));
  if (row.gets.starts_with('!')) {
    ASSERT_FALSE(taken.ok()) << to_string(*taken);
    EXPECT_EQ(message_of(taken.status()), row.gets.substr(1));
    return;
  }
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(to_string(*taken), row.gets);
  EXPECT_TRUE(make(row.offered).contains(*taken));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Resolve,
    testing::Values(
        Taken{"cpus:1", "cpus:2", "cpus:1"}, Taken{"cpus:3", "cpus:2", "!cpus 3 (has 2)"},
        Taken{"cpus:1", "cpus:2;cpus(ads):2", "cpus(ads):1"},
        Taken{"cpus:3", "cpus:2;cpus(ads):2", "cpus:1;cpus(ads):2"},
        Taken{"cpus:3", "cpus(ads):1;cpus(ads,dynamic):1;cpus(b):1;cpus:9",
              "cpus(ads):1;cpus(ads,dynamic):1;cpus(b):1"},
        Taken{"cpus:5", "cpus:2;cpus(ads):2", "!cpus 5 (has 4)"},
        Taken{"cpus:1", "cpus{revocable}:4", "!cpus 1 (has 0)"},
        Taken{"cpus{revocable}:1", "cpus{revocable}:4;cpus:9", "cpus{revocable}:1"},
        Taken{"cpus(ads):2;cpus:2", "cpus(ads):3;cpus:1", "cpus:1;cpus(ads):3"},
        Taken{"cpus(ads):2;cpus:3", "cpus(ads):3;cpus:1", "!cpus 3 (has 2)"},
        Taken{"cpus(web):1", "cpus(ads):3", "!cpus(web) 1 (has 0)"},
        Taken{"ports:[1-4]", "ports:[3-9];ports(ads):[1-2]", "ports:[3-4];ports(ads):[1-2]"},
        Taken{"ports:[1-4]", "ports:[4-9];ports(ads):[1-2]", "!ports that are not free"},
        Taken{"b:{x,y};n:3;i:[1-3]", "b:{x};b(ads):{y,z};n(ads):2;n:1;i(ads):[2-9];i:[1-1]",
              "b:{x};i:[1-1];n:1;b(ads):{y};i(ads):[2-3];n(ads):2"},
        Taken{"n:4", "n:1;n(ads):2", "!n 4 (has 3)"}, Taken{"n:{x}", "n:1", "!n that are not free"},
        Taken{"disk:5", "disk(ads)[v:d]:9;disk{path=/p}:9;disk(ads){path=/p}:9", "!disk 5 (has 0)"},
        Taken{"disk(ads)[v:d]:9;disk:1", "disk(ads)[v:d]:9;disk(ads):2",
              "disk(ads):1;disk(ads)[v:d]:9"},
        Taken{"disk(ads)[v:d]:8", "disk(ads)[v:d]:9", "!disk(ads)[v:d] only as a whole (9)"},
        Taken{"disk{mount=/m}:8", "disk{mount=/m}:9", "!disk{mount=/m} only as a whole (9)"},
        Taken{"nothing", "cpus:1;cpus(ads):1", "nothing"},
        Taken{"cpus:9;cpus(b):1", "cpus:1", "!cpus(b) 1 (has 0), cpus 9 (has 1)"}));

TEST(Resources, ShortfallNamesWhatIsMissing) {
  EXPECT_EQ(shortfall(make("cpus:4;mem:10"), make("cpus:2;mem:10")), "cpus 4 (has 2)");
  EXPECT_EQ(shortfall(make("cpus:1"), make("cpus:1")), "");
  EXPECT_EQ(shortfall(make("ports:[1-1]"), Resources()), "ports that are not free");
  EXPECT_EQ(shortfall(make("cpus(ads):4;n:3;b:{x}"), make("cpus:9;n:1;cpus(ads):1")),
            "b that are not free, n 3 (has 1), cpus(ads) 4 (has 1)");
  EXPECT_EQ(shortfall(make("disk{mount=/m}:4"), make("disk{mount=/m}:5")),
            "disk{mount=/m} only as a whole (5)");
  Resources many;
  for (int i = 0; i < 200; ++i) many += make(fmt::format("cpus(role{}):1", i));
  EXPECT_LT(shortfall(many, Resources()).size(), 500u);
}

}  // namespace
}  // namespace shoal::core
