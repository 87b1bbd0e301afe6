#include "core/lot.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/resources.h"
#include "core/status.h"

namespace shoal::core {
namespace {

LotTags reserved(std::vector<Reservation> stack) {
  LotTags tags;
  tags.reservations.assign(stack.begin(), stack.end());
  return tags;
}

LotTags volume(std::string id, std::string path) {
  LotTags tags = reserved({{"ads", true, "", {}}});
  tags.volume = Volume{std::move(id), std::move(path), "", false};
  return tags;
}

LotTags disk(DiskKind kind, std::string root) {
  LotTags tags;
  tags.disk_kind = kind;
  tags.disk_root = std::move(root);
  return tags;
}

std::string refusal(const LotTags& tags) { return std::string(message_of(check_tags(tags))); }

TEST(LotTags, Print) {
  LotTags tags = reserved({{"eng", false, "", {}}, {"eng/ads", true, "alice", {{"team", "x"}}}});
  EXPECT_EQ(to_string(tags), "(eng)(eng/ads,dynamic,by=alice,team=x)");
  tags.volume = Volume{"vol1", "data/db", "bob", true};
  tags.disk_kind = DiskKind::kPath;
  tags.disk_root = "/data1";
  EXPECT_EQ(to_string(tags),
            "(eng)(eng/ads,dynamic,by=alice,team=x)[vol1:data/db,by=bob,shared]{path=/data1}");
  EXPECT_EQ(to_string(disk(DiskKind::kMount, "/a b,c")), "{mount=/a%20b%2Cc}");
  LotTags revocable;
  revocable.revocable = true;
  EXPECT_EQ(to_string(revocable), "{revocable}");
  EXPECT_EQ(to_string(LotTags()), "");
}

TEST(LotTags, SayWhatTheyAre) {
  EXPECT_TRUE(LotTags().is_plain());
  EXPECT_FALSE(volume("v", "d").is_plain());
  EXPECT_TRUE(volume("v", "d").is_indivisible());
  EXPECT_TRUE(disk(DiskKind::kMount, "/d").is_indivisible());
  EXPECT_FALSE(disk(DiskKind::kPath, "/d").is_indivisible());
  EXPECT_EQ(reserved({{"a", false, "", {}}, {"a/b", false, "", {}}}).role(), "a/b");
}

TEST(LotTags, HaveATotalOrder) {
  std::vector<LotTags> all = {LotTags(),
                              volume("a", "d"),
                              volume("b", "d"),
                              disk(DiskKind::kPath, "/a"),
                              disk(DiskKind::kMount, "/a"),
                              reserved({{"ads", false, "", {}}}),
                              reserved({{"ads", true, "", {}}})};
  for (const LotTags& a : all) {
    for (const LotTags& b : all) {
      EXPECT_EQ((a < b) + (b < a) + (a == b), 1) << to_string(a) << " " << to_string(b);
    }
  }
}

TEST(LotTags, StacksOfReservations) {
  EXPECT_EQ(refusal(reserved({{"eng", false, "", {}}, {"eng", true, "", {}}})), "");
  EXPECT_EQ(refusal(reserved({{"eng", true, "", {}}, {"eng/ads", true, "", {}}})), "");
  EXPECT_NE(refusal(reserved({{"*", false, "", {}}})).find("other than '*'"), std::string::npos);
  EXPECT_NE(refusal(reserved({{"a//b", false, "", {}}})).find("two slashes"), std::string::npos);
  EXPECT_NE(refusal(reserved({{"eng", false, "", {}}, {"engine", false, "", {}}}))
                .find("cannot stand on one for 'eng'"),
            std::string::npos);
  EXPECT_NE(refusal(reserved({{"eng/ads", false, "", {}}, {"eng", false, "", {}}}))
                .find("same role or one below"),
            std::string::npos);
  EXPECT_NE(refusal(reserved({{"eng", true, "", {}}, {"eng", false, "", {}}}))
                .find("cannot stand on a dynamic"),
            std::string::npos);
  const Reservation r{"a", true, "", {}};
  EXPECT_NE(refusal(reserved(std::vector<Reservation>(kMaxReservationDepth + 1, r)))
                .find("9 reservations"),
            std::string::npos);
}

TEST(LotTags, PrincipalsAndLabels) {
  EXPECT_EQ(refusal(reserved({{"a", true, "alice", {{"k", ""}, {"k", "v"}}}})), "");
  EXPECT_NE(refusal(reserved({{"a", false, "alice", {}}})).find("static"), std::string::npos);
  EXPECT_NE(refusal(reserved({{"a", false, "", {{"k", "v"}}}})).find("static"), std::string::npos);
  EXPECT_NE(refusal(reserved({{"a", true, "a\x01", {}}})).find("\\x01"), std::string::npos);
  EXPECT_NE(refusal(reserved({{"a", true, std::string(257, 'x'), {}}})).find("257 bytes"),
            std::string::npos);
  EXPECT_NE(refusal(reserved({{"a", true, "", {{"", "v"}}}})).find("without a name"),
            std::string::npos);
  EXPECT_NE(refusal(reserved({{"a", true, "", {{"k", "\xff"}}}})).find("label value"),
            std::string::npos);
  Reservation many{"a", true, "", {}};
  for (std::size_t i = 0; i <= kMaxReservationLabels; ++i) many.labels.emplace_back("k", "v");
  EXPECT_NE(refusal(reserved({many})).find("17 labels"), std::string::npos);
}

TEST(LotTags, VolumesAndDisks) {
  EXPECT_EQ(refusal(volume("v1", "data/db")), "");
  for (const char* path : {"", "/data", "..", "a/../b", "a//b", "a/", "./a", "a\nb", "\xff"}) {
    EXPECT_NE(refusal(volume("v1", path)).find("container path"), std::string::npos) << path;
  }
  for (const char* id : {"", "..", "a/b", "a b"}) {
    EXPECT_NE(refusal(volume(id, "data")).find("volume id"), std::string::npos) << id;
  }
  LotTags free_volume = volume("v1", "data");
  free_volume.reservations.clear();
  EXPECT_NE(refusal(free_volume).find("needs reserved disk"), std::string::npos);

  EXPECT_EQ(refusal(disk(DiskKind::kPath, "/data 1/x")), "");
  for (const char* root : {"", "data", "/", "/a/", "/../a", "/a//b", "/a\tb"}) {
    EXPECT_NE(refusal(disk(DiskKind::kMount, root)).find("disk"), std::string::npos) << root;
  }
  EXPECT_NE(refusal(disk(DiskKind::kRoot, "/a")).find("neither"), std::string::npos);
  EXPECT_NE(refusal(disk(static_cast<DiskKind>(3), "/a")).find("unknown kind"), std::string::npos);
}

TEST(LotTags, RevocableIsNothingElse) {
  LotTags tags;
  tags.revocable = true;
  EXPECT_EQ(refusal(tags), "");
  LotTags path = disk(DiskKind::kPath, "/a");
  path.revocable = true;
  EXPECT_NE(refusal(path).find("revocable"), std::string::npos);
  LotTags kept = reserved({{"a", false, "", {}}});
  kept.revocable = true;
  EXPECT_NE(refusal(kept).find("revocable"), std::string::npos);
}

}  // namespace
}  // namespace shoal::core
