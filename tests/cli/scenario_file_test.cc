#include "cli/scenario_file.h"

#include <gmock/gmock.h>

#include "core/status.h"

namespace shoal::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

std::string mistakes(std::string_view text) {
  const auto parsed = parse_scenario(text);
  return parsed.ok() ? "" : std::string(core::message_of(parsed.status()));
}

TEST(ScenarioFile, PhasesFollowEachOther) {
  const auto scenario = parse_scenario(R"(
    [[phase]]
    name = "ramp"
    duration = "10s"
    agents = 1000
    [[phase]]
    duration = "5s"
    fail = "1%/min"
    cut = "30%"
    restart = "100%"
    [[phase]]
    name = "burst"
    duration = "2s"
    agents = 3000
    at_once = true
    [[phase]]
    duration = "1s"
    agents = 0
  )");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_EQ(scenario->duration(), seconds(18));
  EXPECT_EQ(scenario->most_agents(), 3000u);
  EXPECT_EQ(scenario->phases[1].name, "phase 2");
  EXPECT_EQ(scenario->phases[1].agents, 1000u);
  EXPECT_DOUBLE_EQ(scenario->phases[1].fail_per_minute, 0.01);
  EXPECT_DOUBLE_EQ(scenario->phases[1].cut, 0.3);
  EXPECT_DOUBLE_EQ(scenario->phases[1].restart, 1);
  EXPECT_EQ(scenario->agents_at(seconds(0)), 0u);
  EXPECT_EQ(scenario->agents_at(seconds(5)), 500u);
  EXPECT_EQ(scenario->agents_at(seconds(12)), 1000u);
  EXPECT_EQ(scenario->agents_at(seconds(15)), 3000u);
  EXPECT_EQ(scenario->agents_at(milliseconds(17'500)), 1500u);
  EXPECT_EQ(scenario->agents_at(seconds(100)), 0u);
  EXPECT_EQ(scenario->phase_at(seconds(9)), 0u);
  EXPECT_EQ(scenario->phase_at(seconds(10)), 1u);
  EXPECT_EQ(scenario->phase_at(seconds(18)), 4u);
}

TEST(ScenarioFile, AllMistakesAtOnceWithTheirLines) {
  const std::string said = mistakes(
      "speed = 3\n[[phase]]\nduration = \"soon\"\nagents = -1\n[[phase]]\nagent = 5\nfail = \"2\"\n"
      "at_once = \"yes\"\n");
  EXPECT_THAT(said, HasSubstr("line 1: unknown key 'speed'"));
  EXPECT_THAT(said, HasSubstr("line 3: duration: 'soon' is no duration"));
  EXPECT_THAT(said, HasSubstr("line 4: agents: a number from 0 to 500000"));
  EXPECT_THAT(said, HasSubstr("line 5: a phase needs a duration"));
  EXPECT_THAT(said, HasSubstr("line 6: unknown key 'agent'; known are"));
  EXPECT_THAT(said, HasSubstr("line 7: fail: '2' is no part"));
  EXPECT_THAT(said, HasSubstr("line 8: at_once: true or false"));
}

TEST(ScenarioFile, WhatIsNoScenario) {
  EXPECT_THAT(mistakes(""), HasSubstr("there is no [[phase]]"));
  EXPECT_THAT(mistakes("phase = 3"), HasSubstr("there is no [[phase]]"));
  EXPECT_THAT(mistakes("[[phase]\n"), HasSubstr("line 1: "));
  EXPECT_THAT(mistakes("[[phase]]\nduration = \"1s\"\n"), HasSubstr("no phase has an agent"));
  EXPECT_THAT(mistakes("[[phase]]\nduration = \"0s\"\nagents = 1\n"), HasSubstr("is zero"));
  EXPECT_THAT(mistakes("[[[phase]]]"), HasSubstr("this is no TOML"));
  EXPECT_NE(mistakes(std::string(100'000, '[')), "");
  EXPECT_NE(mistakes("a = " + std::string(100'000, '[')), "");
}

}  // namespace
}  // namespace shoal::cli
