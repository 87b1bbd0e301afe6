#include "core/ids.h"

#include <gtest/gtest.h>

#include "core/status.h"

namespace shoal::core {
namespace {

TEST(Ids, TextFormsRoundTrip) {
  EXPECT_EQ(parse_agent_id(to_string(AgentId{0x1f})).value(), AgentId{0x1f});
  EXPECT_EQ(parse_framework_id(to_string(FrameworkId{~0ull})).value(), FrameworkId{~0ull});
  const OfferId offer{7, 0xffffffff};
  EXPECT_EQ(parse_offer_id(to_string(offer)).value(), offer);
  EXPECT_EQ(OfferId::unpack(offer.packed()), offer);
}

TEST(Ids, OtherTextsAreRefused) {
  for (const char* text : {"", "a-", "a-1", "f-0000000000000001", "a-0000000000000000",
                           "a-000000000000000g", "a-00000000000000001", "A-0000000000000001"}) {
    EXPECT_FALSE(parse_agent_id(text).ok()) << text;
  }
  for (const char* text : {"", "o-1-1", "o-0000000000000001", "o-00000001-0000000G"}) {
    EXPECT_FALSE(parse_offer_id(text).ok()) << text;
  }
}

TEST(Ids, DrawnIdsHaveTheAskedHome) {
  Random random(1);
  for (std::uint32_t shards : {1u, 2u, 3u, 64u}) {
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      EXPECT_EQ(home_shard(draw_id(random, shard, shards), shards), shard);
    }
  }
}

TEST(Names, BecomeFileNamesSoTheyAreNarrow) {
  for (const char* good : {"a", "task-1", "A.b_C", "..."}) EXPECT_TRUE(check_name(good, "id").ok());
  const std::string long_name(129, 'x');
  for (std::string_view bad :
       {std::string_view(""), std::string_view("."), std::string_view(".."),
        std::string_view("a/b"), std::string_view("a b"), std::string_view("a\0b", 3),
        std::string_view("é"), std::string_view(long_name)}) {
    EXPECT_FALSE(check_name(bad, "id").ok()) << bad;
  }
}

}  // namespace
}  // namespace shoal::core
