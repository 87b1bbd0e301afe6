#include "master/registry_text.h"

#include <gmock/gmock.h>

#include "core/status.h"
#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

using testing::HasSubstr;

// Golden: what is in databases out there.
TEST(RegistryTextTest, TheTextsOfEveryRow) {
  const core::RegistryContents contents{{an_agent(0xb1)}, {a_framework(0xf1)}, {a_role("eng/ads")}};
  EXPECT_EQ(lines_of(contents),
            "agents|a-00000000000000b1|admitted|draining|5000|1|1700000000123|0|node-7|"
            "10.0.0.7:7071|1700000000000\n"
            "frameworks|f-00000000000000f1|disconnected|spark, the 'big' one|ann|"
            "18446744073709551615|3600000|1700000000001\n"
            "roles|eng/ads|2.5|cpus:8;gpus:0|mem:64\n");
  EXPECT_EQ(checksum_of(0, to_text(an_agent(0xb1)).values), 3106683634u);
  EXPECT_EQ(checksum_of(2, to_text(a_role("eng/ads")).values), 2386850180u);
}

TEST(RegistryTextTest, IsReadBackAsItWas) {
  core::RegistryContents read;
  for (const core::RegistryRow& row :
       {core::RegistryRow(an_agent(0xb1)), core::RegistryRow(a_framework(0xf1)),
        core::RegistryRow(a_role("*"))}) {
    const RegistryText text = to_text(row);
    EXPECT_FALSE(text.erased);
    EXPECT_EQ(text.values.size(), registry_tables()[text.table].columns.size());
    EXPECT_TRUE(read_text(text.table, text.values, read).ok());
  }
  EXPECT_EQ(lines_of(read), lines_of({{an_agent(0xb1)}, {a_framework(0xf1)}, {a_role("*")}}));
}

TEST(RegistryTextTest, WhatIsErasedHasItsKeyOnly) {
  for (const core::RegistryRow& row :
       {core::RegistryRow(core::ForgottenAgent{core::AgentId{1}}),
        core::RegistryRow(core::ForgottenFramework{core::FrameworkId{1}})}) {
    EXPECT_TRUE(to_text(row).erased);
    EXPECT_EQ(to_text(row).values.size(), 1u);
  }
  EXPECT_TRUE(to_text(core::RegisteredRole{.name = "dev", .guarantees = {}}).erased)
      << "nothing of its own is left";
}

TEST(RegistryTextTest, BadColumnsAreNamed) {
  const std::vector<std::string> good = to_text(an_agent(0xb1)).values;
  const std::vector<std::pair<std::size_t, std::string>> bad = {{0, "a-1"},
                                                                {0, "a-0000000000000000"},
                                                                {1, "Admitted"},
                                                                {2, ""},
                                                                {3, "-2"},
                                                                {5, "-1"},
                                                                {6, "1e3"},
                                                                {7, std::string(5000, 'x')},
                                                                {9, "18446744073709551616"}};
  for (const auto& [column, value] : bad) {
    std::vector<std::string> values = good;
    values[column] = value;
    core::RegistryContents read;
    const absl::Status status = read_text(0, values, read);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << value;
    EXPECT_THAT(std::string(core::message_of(status)),
                HasSubstr(std::string(registry_tables()[0].columns[column])));
    EXPECT_TRUE(read.agents.empty());
  }
  core::RegistryContents read;
  EXPECT_FALSE(read_text(0, {}, read).ok());
  EXPECT_FALSE(read_text(2, std::vector<std::string>{"dev", "0", "none", "none"}, read).ok());
}

TEST(RegistryTextTest, TheSumDependsOnEveryByteAndBoundary) {
  const std::vector<std::string> values = to_text(a_role("dev")).values;
  const std::uint32_t sum = checksum_of(2, values);
  std::vector<std::string> moved = values;
  moved[0] = "dev2";
  EXPECT_NE(checksum_of(2, moved), sum);
  EXPECT_NE(checksum_of(1, values), sum);
  const std::vector<std::string> left = {"ab", "c"};
  const std::vector<std::string> right = {"a", "bc"};
  EXPECT_NE(checksum_of(2, left), checksum_of(2, right));
}

}  // namespace
}  // namespace shoal::master
