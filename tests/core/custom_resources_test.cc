#include "core/custom_resources.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "core/limits.h"
#include "core/resources.h"
#include "core/status.h"

namespace shoal::core {
namespace {

constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();

CustomResources make(std::string_view text) { return parse_resources(text).value().custom; }

std::string text_of(const CustomResources& custom) {
  Amounts amounts;
  amounts.custom = custom;
  return to_string(amounts);
}

std::string refusal(std::vector<CustomResource> resources) {
  CustomResources out;
  return std::string(message_of(CustomResources::make(std::move(resources), &out)));
}

TEST(CustomResources, AddAndSubtractEveryType) {
  CustomResources held = make("bays:{left,right};ids:[1-9,20-30];licenses:3");
  held.add(make("bays:{top};ids:[10-12,31-40];licenses:1.5;racks:2"));
  EXPECT_EQ(text_of(held), "bays:{left,right,top};ids:[1-12,20-40];licenses:4.5;racks:2");
  held.subtract(make("bays:{left};ids:[3-4,20-40];racks:2"));
  EXPECT_EQ(text_of(held), "bays:{right,top};ids:[1-2,5-12];licenses:4.5");
  held.subtract(CustomResources(held));
  EXPECT_TRUE(held.empty());
  EXPECT_EQ(held, CustomResources());
}

TEST(CustomResources, WorkOnThemselves) {
  CustomResources held = make("ids:[1-9];licenses:3;bays:{left}");
  held.add(held);
  EXPECT_EQ(held, make("ids:[1-9];licenses:6;bays:{left}"));
  held.subtract(held);
  EXPECT_TRUE(held.empty());
}

TEST(CustomResources, ContainsLooksAtEveryItem) {
  const CustomResources held = make("bays:{left,right};ids:[1-9,20-30];licenses:3");
  for (const char* less :
       {"", "bays:{right}", "ids:[2-4,20-20]", "licenses:3", "ids:[1-9,20-30]"}) {
    EXPECT_TRUE(held.contains(make(less))) << less;
  }
  for (const char* more : {"bays:{top}", "ids:[9-10]", "licenses:3.001", "racks:1"}) {
    EXPECT_FALSE(held.contains(make(more))) << more;
  }
}

TEST(CustomResources, TypesThatDifferChangeNothing) {
  CustomResources held = make("x:3");
  const CustomResources other = make("x:{a}");
  EXPECT_FALSE(held.contains(other));
  EXPECT_FALSE(other.contains(held));
  EXPECT_FALSE(held.intersects(other));
  held.add(other);
  held.subtract(other);
  EXPECT_EQ(held, make("x:3"));
  EXPECT_TRUE(held.common(other).empty());
}

TEST(CustomResources, IntersectsMeansAnItemOfARangeOrSet) {
  const CustomResources held = make("bays:{left,right};ids:[1-9];licenses:3");
  EXPECT_TRUE(held.intersects(make("bays:{right,top}")));
  EXPECT_TRUE(held.intersects(make("ids:[9-12]")));
  EXPECT_FALSE(held.intersects(make("ids:[10-12];bays:{a,z};licenses:3")));
  EXPECT_FALSE(held.intersects(CustomResources()));
}

TEST(CustomResources, CommonIsWhatBothHave) {
  EXPECT_EQ(make("b:{l,r};i:[1-9];n:3;x:1").common(make("b:{r,t};i:[5-20];n:2;y:1")),
            make("b:{r};i:[5-9];n:2"));
}

TEST(CustomResources, RangesReachTheLargestNumber) {
  CustomResources held;
  std::vector<CustomRange> ranges = {{kLast, kLast}, {0, 0}, {1, 5}, {10, kLast - 1}};
  ASSERT_TRUE(CustomResources::make({{"ids", ranges}}, &held).ok());
  EXPECT_EQ(text_of(held), "ids:[0-5,10-18446744073709551615]");
  CustomResources top;
  ASSERT_TRUE(
      CustomResources::make({{"ids", std::vector<CustomRange>{{kLast, kLast}}}}, &top).ok());
  EXPECT_TRUE(held.contains(top));
  held.subtract(top);
  EXPECT_FALSE(held.intersects(top));
  held.add(top);
  EXPECT_EQ(text_of(held), "ids:[0-5,10-18446744073709551615]");
}

TEST(CustomResources, MakeRefusesWhatIsNotSound) {
  EXPECT_EQ(refusal({{"n", Milli{1}}, {"n", Milli{2}}}), "n is named twice");
  EXPECT_EQ(refusal({{"n", Milli{-1}}}), "n is negative");
  EXPECT_NE(refusal({{"n", kMaxScalarMilli + 1}}).find("over"), std::string::npos);
  EXPECT_EQ(refusal({{"n", std::vector<CustomRange>{{5, 4}}}}), "n: 5-4 is not a range");
  EXPECT_EQ(refusal({{"n", std::vector<CustomRange>{{4, 9}, {1, 4}}}}), "n: 4-9 overlaps 1-4");
  EXPECT_EQ(refusal({{"n", std::vector<std::string>{"a", "b", "a"}}}),
            "n: the item 'a' is named twice");
  EXPECT_NE(refusal({{"n", std::vector<std::string>{""}}}).find("clean text"), std::string::npos);
  EXPECT_NE(refusal({{"n", std::vector<std::string>{"\x01"}}}).find("\\x01"), std::string::npos);
  EXPECT_NE(refusal({{"a b", Milli{1}}}).find("may only hold"), std::string::npos);
  EXPECT_NE(refusal({{"cpus", Milli{1}}}).find("not a custom"), std::string::npos);
  std::vector<CustomRange> ranges;
  for (std::uint64_t i = 0; i <= kMaxCustomItems; ++i) ranges.push_back({i * 2, i * 2});
  EXPECT_NE(refusal({{"n", ranges}}).find("1025 items"), std::string::npos);
  std::vector<CustomResource> many;
  for (std::size_t i = 0; i <= kMaxCustomResources; ++i)
    many.push_back({fmt::format("n{}", i), Milli{1}});
  EXPECT_NE(refusal(many).find("65 custom resources"), std::string::npos);
}

TEST(CustomResources, NothingIsLeftOut) {
  CustomResources out = make("n:1");
  ASSERT_TRUE(
      CustomResources::make(
          {{"a", Milli{0}}, {"b", std::vector<CustomRange>()}, {"c", std::vector<std::string>()}},
          &out)
          .ok());
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(out.items().empty());
}

TEST(CustomResources, SlipsOfWellKnownNamesAreRefused) {
  const std::pair<const char*, const char*> slips[] = {
      {"cpu", "cpus"},   {"CPUS", "cpus"},  {"cups", "cpus"},  {"pcus", "cpus"}, {"cpuss", "cpus"},
      {"memory", "mem"}, {"Mem", "mem"},    {"mems", "mem"},   {"ram", "mem"},   {"gpu", "gpus"},
      {"port", "ports"}, {"pots", "ports"}, {"disks", "disk"}, {"disc", "disk"}, {"cores", "cpus"}};
  for (const auto& [slip, meant] : slips) {
    const absl::Status status = check_custom_name(slip);
    ASSERT_FALSE(status.ok()) << slip;
    EXPECT_NE(message_of(status).find(fmt::format("did you mean '{}'", meant)),
              std::string_view::npos)
        << status;
  }
  for (const char* fine :
       {"tpus", "npus", "licenses", "ids", "bays", "fpga", "bandwidth", "n", "m"}) {
    EXPECT_TRUE(check_custom_name(fine).ok()) << check_custom_name(fine);
  }
}

// Ranges of 64 bits agree with a plain array of booleans, at the very end of the numbers.
TEST(CustomResources, AgreeWithAModel) {
  std::uint64_t state = 7;
  const auto next = [&state](std::uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  std::array<bool, 40> model{};
  CustomResources held;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t a = next(40);
    const std::uint64_t b = a + next(40 - a);
    CustomResources range;
    ASSERT_TRUE(CustomResources::make(
                    {{"n", std::vector<CustomRange>{{kLast - 39 + a, kLast - 39 + b}}}}, &range)
                    .ok());
    const bool add = next(2) == 0;
    bool any = false;
    bool all = true;
    for (std::uint64_t p = a; p <= b; ++p) {
      any = any || model[p];
      all = all && model[p];
    }
    ASSERT_EQ(held.intersects(range), any);
    ASSERT_EQ(held.contains(range), all);
    add ? held.add(range) : held.subtract(range);
    std::uint64_t count = 0;
    std::uint64_t expected = 0;
    for (std::uint64_t p = 0; p < 40; ++p) {
      if (p >= a && p <= b) model[p] = add;
      expected += model[p] ? 1 : 0;
    }
    if (const CustomResource* item = held.find("n")) {
      for (const CustomRange& r : std::get<std::vector<CustomRange>>(item->value)) {
        count += r.end - r.begin + 1;
      }
    }
    ASSERT_EQ(count, expected);
  }
}

}  // namespace
}  // namespace shoal::core
