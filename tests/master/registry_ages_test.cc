#include "master/registry_ages.h"

#include <gmock/gmock.h>

#include "tests/master/registry_rows.h"

namespace shoal::master {
namespace {

using core::AgentStanding;
using core::FrameworkStanding;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::size_t kMany = 1000;

core::RegisteredAgent agent_of(std::uint64_t id, AgentStanding standing, std::int64_t since_ms) {
  core::RegisteredAgent row = an_agent(id);
  row.standing = standing;
  row.since_ms = since_ms;
  return row;
}
core::RegisteredFramework framework_of(std::uint64_t id, FrameworkStanding standing,
                                       std::int64_t since_ms) {
  core::RegisteredFramework row = a_framework(id);
  row.standing = standing;
  row.since_ms = since_ms;
  return row;
}

// "a1 f2": what of the rows is forgotten.
std::string names(const std::vector<core::RegistryRow>& rows) {
  std::string out;
  for (const core::RegistryRow& row : rows) {
    if (!out.empty()) out += ' ';
    if (const auto* agent = std::get_if<core::ForgottenAgent>(&row)) {
      out += "a" + std::to_string(agent->id.value);
    } else {
      out += "f" + std::to_string(std::get<core::ForgottenFramework>(row).id.value);
    }
  }
  return out;
}

TEST(RegistryAgesTest, WhatIsOverForLongIsForgottenOnce) {
  RegistryAges ages;
  ages.note(agent_of(1, AgentStanding::kGone, 1000));
  ages.note(agent_of(2, AgentStanding::kGone, 5000));
  ages.note(agent_of(3, AgentStanding::kAdmitted, 1000));
  ages.note(agent_of(4, AgentStanding::kUnreachable, 1000));
  ages.note(framework_of(5, FrameworkStanding::kRemoved, 2000));
  ages.note(framework_of(6, FrameworkStanding::kDisconnected, 1000));
  ages.note(a_role("dev"));
  EXPECT_EQ(ages.size(), 3u);
  EXPECT_THAT(ages.take_old(11'000, 10s, kMany), IsEmpty()) << "not older than that";
  EXPECT_EQ(names(ages.take_old(13'000, 10s, kMany)), "a1 f5");
  EXPECT_THAT(ages.take_old(13'000, 10s, kMany), IsEmpty());
  EXPECT_EQ(names(ages.take_old(20'000, 10s, kMany)), "a2");
  EXPECT_EQ(ages.size(), 0u);
}

TEST(RegistryAgesTest, OfTooManyGoneAgentsTheOldestAreForgotten) {
  RegistryAges ages;
  for (std::uint64_t id = 1; id <= 5; ++id) {
    ages.note(agent_of(id, AgentStanding::kGone, static_cast<std::int64_t>(100 - id)));
    ages.note(framework_of(id, FrameworkStanding::kRemoved, 50));
  }
  EXPECT_EQ(names(ages.take_old(100, 10s, 2)), "a5 a4 a3");
  EXPECT_THAT(ages.take_old(100, 10s, 2), IsEmpty());
  EXPECT_EQ(names(ages.take_old(100'000, 10s, 2)), "a2 a1 f1 f2 f3 f4 f5");
}

TEST(RegistryAgesTest, WhatIsNoLongerOverOrKnownIsNotForgottenTwice) {
  RegistryAges ages;
  ages.note(agent_of(1, AgentStanding::kGone, 0));
  ages.note(core::ForgottenAgent{core::AgentId{1}});
  ages.note(framework_of(2, FrameworkStanding::kRemoved, 0));
  ages.note(core::ForgottenFramework{core::FrameworkId{2}});
  ages.note(framework_of(3, FrameworkStanding::kRemoved, 0));
  ages.note(framework_of(3, FrameworkStanding::kConnected, 1));
  EXPECT_THAT(ages.take_old(100'000, 10s, kMany), IsEmpty());
}

TEST(RegistryAgesTest, ARowThatIsWrittenAgainKeepsItsTime) {
  RegistryAges ages;
  ages.note(agent_of(1, AgentStanding::kGone, 0));
  ages.note(agent_of(1, AgentStanding::kGone, 50'000));
  EXPECT_EQ(names(ages.take_old(20'000, 10s, kMany)), "a1");
}

}  // namespace
}  // namespace shoal::master
