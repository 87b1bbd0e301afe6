#include "core/operation.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/status.h"

namespace shoal::core {
namespace {

using Kind = OperationKind;

Resources make(std::string_view text) { return parse_resources(text).value(); }

struct Row {
  Kind kind;
  std::string_view resources;
  std::string_view addition;
  std::string_view free;
  std::string_view consumed;  // starts with '!': a refusal that says so
  std::string_view converted;
};

class Convert : public testing::TestWithParam<Row> {};

// By alice.
TEST_P(Convert, Does) {
  const Row& row = GetParam();
  const Resources free = make(row.free);
  const auto done =
      convert({row.kind, make(row.resources), make(row.addition)}, free, free, "alice");
  if (row.consumed.starts_with('!')) {
    ASSERT_FALSE(done.ok()) << to_string(done->converted);
    EXPECT_TRUE(message_of(done.status()).starts_with(name_of(row.kind))) << done.status();
    EXPECT_NE(message_of(done.status()).find(row.consumed.substr(1)), std::string_view::npos)
        << done.status();
    return;
  }
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(to_string(done->consumed), row.consumed);
  EXPECT_EQ(to_string(done->converted), row.converted);
  EXPECT_EQ(done->consumed.all_quantities(), done->converted.all_quantities());
}

INSTANTIATE_TEST_SUITE_P(
    Reserve, Convert,
    testing::Values(
        Row{Kind::kReserve, "cpus(ads,dynamic):2", "", "cpus:4", "cpus:2",
            "cpus(ads,dynamic,by=alice):2"},
        Row{Kind::kReserve, "cpus(ads,dynamic,by=alice,team=x):2;ports(ads,dynamic):[1-2]", "",
            "cpus:4;ports:[1-9]", "cpus:2;ports:[1-2]",
            "ports(ads,dynamic,by=alice):[1-2];cpus(ads,dynamic,by=alice,team=x):2"},
        Row{Kind::kReserve, "cpus(eng)(eng/ads,dynamic):2", "", "cpus(eng):4", "cpus(eng):2",
            "cpus(eng)(eng/ads,dynamic,by=alice):2"},
        Row{Kind::kReserve, "disk(ads,dynamic){mount=/m}:9", "", "disk{mount=/m}:9",
            "disk{mount=/m}:9", "disk(ads,dynamic,by=alice){mount=/m}:9"},
        Row{Kind::kReserve, "disk(ads,dynamic){mount=/m}:8", "", "disk{mount=/m}:9",
            "!only as a whole", ""},
        Row{Kind::kReserve, "cpus(ads,dynamic,by=bob):2", "", "cpus:4", "!principal 'bob'", ""},
        Row{Kind::kReserve, "cpus(ads,dynamic):5", "", "cpus:4", "!cpus 5 (has 4)", ""},
        Row{Kind::kReserve, "cpus(eng,dynamic)(eng/ads,dynamic):2", "", "cpus:4",
            "!cpus(eng,dynamic) 2 (has 0)", ""},
        Row{Kind::kReserve, "cpus(ads):2", "", "cpus:4", "!static", ""},
        Row{Kind::kReserve, "cpus:2", "", "cpus:4", "!neither reserved", ""},
        Row{Kind::kReserve, "cpus{revocable}:2", "", "cpus{revocable}:4", "!not reserved", ""},
        Row{Kind::kReserve, "cpus(ads,dynamic):2", "", "cpus{revocable}:4", "!cpus 2 (has 0)", ""},
        Row{Kind::kReserve, "disk(ads,dynamic)[v:d]:2", "", "disk:4", "!volume 'v' is on it", ""},
        Row{Kind::kReserve, "nothing", "", "cpus:4", "!no resources", ""},
        Row{Kind::kReserve, "cpus(ads,dynamic):2", "cpus:1", "cpus:4", "!no addition", ""}));

INSTANTIATE_TEST_SUITE_P(
    Unreserve, Convert,
    testing::Values(Row{Kind::kUnreserve, "cpus(ads,dynamic):2", "", "cpus(ads,dynamic):4",
                        "cpus(ads,dynamic):2", "cpus:2"},
                    Row{Kind::kUnreserve, "cpus(eng)(eng/ads,dynamic,by=alice):2", "",
                        "cpus(eng)(eng/ads,dynamic,by=alice):4",
                        "cpus(eng)(eng/ads,dynamic,by=alice):2", "cpus(eng):2"},
                    Row{Kind::kUnreserve, "disk(ads,dynamic){path=/p}:2", "",
                        "disk(ads,dynamic){path=/p}:4", "disk(ads,dynamic){path=/p}:2",
                        "disk{path=/p}:2"},
                    Row{Kind::kUnreserve, "cpus(ads,dynamic,by=bob):2", "",
                        "cpus(ads,dynamic,by=bob):2", "!principal 'bob'", ""},
                    Row{Kind::kUnreserve, "cpus(ads):2", "", "cpus(ads):2", "!static", ""},
                    Row{Kind::kUnreserve, "disk(ads,dynamic)[v:d]:2", "",
                        "disk(ads,dynamic)[v:d]:2", "!destroy that first", ""},
                    Row{Kind::kUnreserve, "disk(ads,dynamic):2", "", "disk(ads,dynamic)[v:d]:2",
                        "!disk(ads,dynamic) 2 (has 0)", ""},
                    Row{Kind::kUnreserve, "cpus:2", "", "cpus:2", "!neither reserved", ""}));

INSTANTIATE_TEST_SUITE_P(
    Volumes, Convert,
    testing::Values(
        Row{Kind::kCreate, "disk(ads,dynamic)[v:d]:2", "", "disk(ads,dynamic):9",
            "disk(ads,dynamic):2", "disk(ads,dynamic)[v:d,by=alice]:2"},
        Row{Kind::kCreate, "disk(ads)[v:d,by=alice,shared]:2", "", "disk(ads):9", "disk(ads):2",
            "disk(ads)[v:d,by=alice,shared]:2"},
        Row{Kind::kCreate, "disk(ads)[v:d]{path=/p}:2", "", "disk(ads){path=/p}:9",
            "disk(ads){path=/p}:2", "disk(ads)[v:d,by=alice]{path=/p}:2"},
        Row{Kind::kCreate, "disk(ads)[v:d]{mount=/m}:9", "", "disk(ads){mount=/m}:9",
            "disk(ads){mount=/m}:9", "disk(ads)[v:d,by=alice]{mount=/m}:9"},
        Row{Kind::kCreate, "disk(ads)[v:d]{mount=/m}:2", "", "disk(ads){mount=/m}:9",
            "!only as a whole", ""},
        Row{Kind::kCreate, "disk(ads)[v:d,by=bob]:2", "", "disk(ads):9", "!principal 'bob'", ""},
        Row{Kind::kCreate, "disk(ads)[v:d]:2", "", "disk:9", "!disk(ads) 2 (has 0)", ""},
        Row{Kind::kCreate, "disk(ads):2", "", "disk(ads):9", "!not a volume", ""},
        Row{Kind::kCreate, "disk(ads)[v:d]:2", "", "disk(ads):9;disk(ads)[v:e]:1",
            "!role 'ads' has a volume 'v'", ""},
        Row{Kind::kCreate, "disk(ads)[v:d]:2", "", "disk(ads):9;disk(web)[v:e]:1", "disk(ads):2",
            "disk(ads)[v:d,by=alice]:2"},
        Row{Kind::kDestroy, "disk(ads)[v:d]:2", "", "disk(ads)[v:d]:2;disk(ads):1",
            "disk(ads)[v:d]:2", "disk(ads):2"},
        Row{Kind::kDestroy, "disk(ads)[v:d,shared]{mount=/m}:2", "",
            "disk(ads)[v:d,shared]{mount=/m}:2", "disk(ads)[v:d,shared]{mount=/m}:2",
            "disk(ads){mount=/m}:2"},
        Row{Kind::kDestroy, "disk(ads)[v:d]:1", "", "disk(ads)[v:d]:2", "!only as a whole", ""},
        Row{Kind::kDestroy, "disk(ads)[v:d,by=bob]:2", "", "disk(ads)[v:d,by=bob]:2", "!'bob'", ""},
        Row{Kind::kDestroy, "disk(ads):2", "", "disk(ads):2", "!not a volume", ""}));

INSTANTIATE_TEST_SUITE_P(
    Sizes, Convert,
    testing::Values(
        Row{Kind::kGrow, "disk(ads)[v:d]:2", "disk(ads):3", "disk(ads)[v:d]:2;disk(ads):9",
            "disk(ads):3;disk(ads)[v:d]:2", "disk(ads)[v:d]:5"},
        Row{Kind::kGrow, "disk(ads)[v:d]{path=/p}:2", "disk(ads){path=/p}:3",
            "disk(ads)[v:d]{path=/p}:2;disk(ads){path=/p}:9",
            "disk(ads){path=/p}:3;disk(ads)[v:d]{path=/p}:2", "disk(ads)[v:d]{path=/p}:5"},
        Row{Kind::kGrow, "disk(ads)[v:d]:2", "disk(ads):10", "disk(ads)[v:d]:2;disk(ads):9",
            "!disk(ads) 10 (has 9)", ""},
        Row{Kind::kGrow, "disk(ads)[v:d]:2", "disk:3", "disk(ads)[v:d]:2;disk:9",
            "!must be disk(ads)", ""},
        Row{Kind::kGrow, "disk(ads)[v:d]:2", "", "disk(ads)[v:d]:2", "!must be disk(ads)", ""},
        Row{Kind::kGrow, "disk(ads)[v:d]:2", "disk(ads):1;cpus(ads):1",
            "disk(ads)[v:d]:2;disk(ads):9;cpus(ads):1", "!only be disk", ""},
        Row{Kind::kGrow, "disk(ads)[v:d]:2;disk(ads)[w:d]:2", "disk(ads):1",
            "disk(ads)[v:d]:2;disk(ads):9", "!2 volumes", ""},
        Row{Kind::kGrow, "disk(ads)[v:d,shared]:2", "disk(ads):1",
            "disk(ads)[v:d,shared]:2;disk(ads):9", "!shared", ""},
        Row{Kind::kGrow, "disk(ads)[v:d]{mount=/m}:2", "disk(ads):1",
            "disk(ads)[v:d]{mount=/m}:2;disk(ads):9", "!whole mount", ""},
        Row{Kind::kGrow, "disk(ads)[v:d,by=bob]:2", "disk(ads):1",
            "disk(ads)[v:d,by=bob]:2;disk(ads):9", "!'bob'", ""},
        Row{Kind::kShrink, "disk(ads)[v:d]:5", "disk:3", "disk(ads)[v:d]:5", "disk(ads)[v:d]:5",
            "disk(ads):3;disk(ads)[v:d]:2"},
        Row{Kind::kShrink, "disk(ads)[v:d]:5", "disk:5", "disk(ads)[v:d]:5", "!leave nothing", ""},
        Row{Kind::kShrink, "disk(ads)[v:d]:5", "disk:6", "disk(ads)[v:d]:5", "!leave nothing", ""},
        Row{Kind::kShrink, "disk(ads)[v:d]:5", "", "disk(ads)[v:d]:5", "!how much", ""},
        Row{Kind::kShrink, "disk(ads)[v:d]:5", "disk(ads):1", "disk(ads)[v:d]:5", "!how much", ""},
        Row{Kind::kShrink, "disk(ads)[v:d]:5", "disk:1;cpus:1", "disk(ads)[v:d]:5", "!how much",
            ""},
        Row{Kind::kShrink, "disk(ads)[v:d]:4", "disk:1", "disk(ads)[v:d]:5", "!only as a whole",
            ""},
        Row{Kind::kShrink, "disk(ads)[v:d,shared]:5", "disk:1", "disk(ads)[v:d,shared]:5",
            "!shared", ""},
        Row{Kind::kLaunch, "cpus(ads,dynamic):1", "", "cpus:1", "!does not change", ""}));

TEST(Convert, UnknownKindsAreRefused) {
  const auto done = convert({static_cast<Kind>(7), make("cpus(a,dynamic):1"), {}}, make("cpus:1"),
                            make("cpus:1"), "");
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(message_of(done.status()), "unknown: it does not change resources");
}

TEST(Convert, UnsoundResourcesAreRefused) {
  Resources unsound = make("cpus(ads,dynamic):1");
  LotTags tags;
  tags.reservations.push_back({"ads", true, "", {}});
  tags.reservations.push_back({"web", true, "", {}});
  unsound.lots.add(std::make_shared<const LotTags>(tags), make("cpus:1"));
  const auto done = convert({Kind::kReserve, unsound, {}}, make("cpus:9"), make("cpus:9"), "");
  ASSERT_FALSE(done.ok());
  EXPECT_NE(message_of(done.status()).find("cannot stand on"), std::string_view::npos);
  Amounts negative;
  negative.cpus = -1;
  Resources less;
  less.add(make("mem(ads,dynamic):1").lots.begin()->tags, negative);
  EXPECT_FALSE(convert({Kind::kReserve, less, {}}, make("cpus:9"), make("cpus:9"), "").ok());
}

TEST(Convert, APrincipalThatIsNotTextIsRefused) {
  const auto done = convert({Kind::kReserve, make("cpus(ads,dynamic):1"), {}}, make("cpus:9"),
                            make("cpus:9"), "a\x01");
  ASSERT_FALSE(done.ok());
  EXPECT_NE(message_of(done.status()).find("principal"), std::string_view::npos);
}

TEST(Convert, NobodyMayNotTakeWhatIsSomebodys) {
  const Resources all = make("cpus(ads,dynamic,by=alice):1");
  EXPECT_FALSE(convert({Kind::kUnreserve, all, {}}, all, all, "").ok());
  const Resources nobodys = make("cpus(ads,dynamic):1");
  EXPECT_TRUE(convert({Kind::kUnreserve, nobodys, {}}, nobodys, nobodys, "bob").ok());
}

TEST(Convert, TheVolumeIdIsLookedForInAllTheAgentHas) {
  const auto done = convert({Kind::kCreate, make("disk(ads)[v:d]:1"), {}}, make("disk(ads):9"),
                            make("disk(ads):9;disk(ads)[v:x]:1"), "");
  ASSERT_FALSE(done.ok());
  EXPECT_NE(message_of(done.status()).find("choose another id"), std::string_view::npos);
}

TEST(Convert, AnAgentHasSoManyTags) {
  Resources total = make("cpus:1000");
  for (std::size_t i = 0; i < kMaxLots; ++i) total += make(fmt::format("cpus(r{}):1", i));
  const auto done = convert({Kind::kReserve, make("cpus(ads,dynamic):1"), {}}, total, total, "");
  ASSERT_FALSE(done.ok());
  EXPECT_NE(message_of(done.status()).find("257 different tags"), std::string_view::npos);
}

TEST(Operation, Names) {
  EXPECT_EQ(name_of(Kind::kLaunch), "LAUNCH");
  EXPECT_EQ(name_of(Kind::kShrink), "SHRINK_VOLUME");
  EXPECT_EQ(name_of(static_cast<Kind>(99)), "unknown");
  EXPECT_EQ(name_of(OperationState::kPending), "PENDING");
  EXPECT_EQ(name_of(OperationState::kUnsupported), "UNSUPPORTED");
  EXPECT_EQ(name_of(static_cast<OperationState>(9)), "unknown");
}

}  // namespace
}  // namespace shoal::core
