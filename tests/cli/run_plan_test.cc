// The thinking of `shoal run`: what it takes of an offer, and what it says while it waits.
#include "cli/run_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/explain.h"
#include "sdk/operations.h"

namespace shoal::cli {
namespace {

using core::ExplainCause;
using testing::HasSubstr;
using testing::Not;

core::Resources parse(std::string_view text) {
  auto resources = core::parse_resources(text);
  EXPECT_TRUE(resources.ok()) << resources.status();
  return resources.ok() ? *resources : core::Resources();
}

core::Explanation explanation(std::vector<std::pair<ExplainCause, std::uint32_t>> counts,
                              std::string_view largest = "none") {
  core::Explanation out;
  for (const auto& [cause, count] : counts) {
    out.counts[static_cast<std::size_t>(cause)] = count;
    out.agents += count;
  }
  out.largest_total = *core::parse_quantities(largest);
  return out;
}

TEST(RunPlanTest, SaysWhatItWaitsFor) {
  Demand demand;
  demand.scalars = parse("cpus:4;mem:128");
  EXPECT_EQ(to_string(demand), "cpus:4;mem:128");
  WaitReason reason =
      explain_wait(demand, explanation({{ExplainCause::kTooSmall, 2}, {ExplainCause::kInUse, 1}}));
  EXPECT_FALSE(reason.never);
  EXPECT_EQ(reason.text, "3 agents: 2 too small, 1 in use");
  reason = explain_wait(demand, explanation({}));
  EXPECT_FALSE(reason.never);
  EXPECT_EQ(reason.text, "no agents are registered");
  reason = explain_wait(demand, explanation({{ExplainCause::kOfferedToOthers, 1}}));
  EXPECT_EQ(reason.text, "1 agent: 1 offered to other frameworks");
}

TEST(RunPlanTest, KnowsWhatCanNeverBe) {
  Demand demand;
  demand.scalars = parse("cpus:64;mem:128");
  WaitReason reason =
      explain_wait(demand, explanation({{ExplainCause::kTooSmall, 3}}, "cpus:4;mem:1000"));
  EXPECT_TRUE(reason.never);
  EXPECT_EQ(reason.text,
            "no agent is large enough for cpus:64;mem:128: the most on one of 3 agents is cpus:4");
  reason = explain_wait(demand, explanation({{ExplainCause::kTooSmall, 1}}, "cpus:2;mem:64"));
  EXPECT_THAT(reason.text, HasSubstr("the only agent has cpus:2;mem:64"));
  // One has the cpus, another one the memory.
  reason = explain_wait(demand, explanation({{ExplainCause::kTooSmall, 2}}, "cpus:64;mem:128"));
  EXPECT_TRUE(reason.never);
  EXPECT_THAT(reason.text, HasSubstr("no one agent has all of it"));

  reason = explain_wait(
      demand, explanation({{ExplainCause::kTooSmall, 1}, {ExplainCause::kConstraint, 2}}));
  EXPECT_TRUE(reason.never);
  EXPECT_EQ(reason.text,
            "no agent can hold cpus:64;mem:128: 3 agents: 1 too small, 2 excluded by "
            "its offer constraints");
  for (const ExplainCause cause :
       {ExplainCause::kGpu, ExplainCause::kRegion, ExplainCause::kConstraint}) {
    EXPECT_TRUE(explain_wait(demand, explanation({{cause, 1}})).never);
  }
  for (const ExplainCause cause :
       {ExplainCause::kReserved, ExplainCause::kInUse, ExplainCause::kQuota,
        ExplainCause::kHeadroom, ExplainCause::kFiltered, ExplainCause::kCrumb,
        ExplainCause::kOffered, ExplainCause::kWillBeOffered}) {
    EXPECT_FALSE(
        explain_wait(demand, explanation({{ExplainCause::kTooSmall, 5}, {cause, 1}})).never)
        << core::name_of(cause);
  }
}

TEST(RunPlanTest, AgentsThatAreAwayHoldNothing) {
  Demand demand;
  demand.scalars = parse("cpus:64");
  EXPECT_TRUE(explain_wait(
                  demand, explanation({{ExplainCause::kNotActive, 2}, {ExplainCause::kTooSmall, 1}},
                                      "cpus:4"))
                  .never);
  EXPECT_FALSE(explain_wait(demand, explanation({{ExplainCause::kNotActive, 2}})).never);
}

TEST(RunPlanTest, EveryCauseHasItsWords) {
  for (std::uint8_t i = 0; i < core::kExplainCauses; ++i) {
    const auto cause = static_cast<ExplainCause>(i);
    EXPECT_FALSE(core::describe(cause).empty());
    EXPECT_FALSE(core::name_of(cause).empty());
    EXPECT_THAT(summary_of(explanation({{cause, 7}})),
                HasSubstr("7 agents: 7 " + std::string(core::describe(cause))));
  }
}

TEST(RunPlanTest, TakesPortsFromTheOffer) {
  Demand demand;
  demand.scalars.cpus = 100;
  demand.ports = 2;
  EXPECT_EQ(to_string(demand), "cpus:0.1, 2 ports");
  EXPECT_FALSE(take(demand, parse("cpus:0.1")).has_value());
  const auto taken = take(demand, parse("cpus:0.1;ports:[31000-31001,31005-31009]"));
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, parse("cpus:0.1;ports:[31000-31001]"));
}

TEST(RunPlanTest, TakesWhatIsReservedFirst) {
  Demand demand;
  demand.scalars = parse("cpus:3");
  demand.ports = 1;
  const core::Resources free = parse("cpus:2;cpus(ads):2;ports:[200-300];ports(ads):[100-101]");
  const auto taken = take(demand, free);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, parse("cpus:1;cpus(ads):2;ports(ads):[100-100]"));
  EXPECT_TRUE(free.contains(*taken));
  demand.scalars = parse("cpus:5");
  EXPECT_FALSE(take(demand, free).has_value());
}

TEST(RunPlanTest, TakesTheVolumesItIsToldTo) {
  Demand demand;
  demand.scalars = parse("cpus:1");
  demand.volumes = {"data"};
  EXPECT_EQ(to_string(demand), "cpus:1, volume data");
  EXPECT_FALSE(take(demand, parse("cpus:4;disk(ads,dynamic):64")).has_value());
  const core::Resources volume = parse("disk(ads,dynamic)[data:d]:64");
  core::Resources free = parse("cpus:4;disk(ads,dynamic)[other:o]:64");
  free += volume;
  const auto taken = take(demand, free);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(sdk::find_volume(*taken, "data"), volume);
  EXPECT_TRUE(sdk::find_volume(*taken, "other").empty());
}

TEST(RunPlanTest, SaysWhenItIsThePortsOrTheVolumes) {
  EXPECT_TRUE(has_room(explanation({{ExplainCause::kOffered, 1}, {ExplainCause::kTooSmall, 2}})));
  EXPECT_TRUE(has_room(explanation({{ExplainCause::kWillBeOffered, 1}})));
  EXPECT_FALSE(has_room(explanation({{ExplainCause::kTooSmall, 2}})));

  Demand demand;
  demand.ports = 3;
  core::AgentSummary agent;
  agent.total = parse("cpus:4;ports:[1-4];disk(ads,dynamic)[data:d]:64");
  agent.used = parse("ports:[1-2]");
  EXPECT_EQ(explain_parts(demand, {agent}), "3 ports are wanted, at most 2 are free on one agent");
  demand.ports = 2;
  EXPECT_EQ(explain_parts(demand, {agent}), "");
  demand.volumes = {"dta"};
  EXPECT_EQ(explain_parts(demand, {agent}), "no agent has a volume 'dta'");
  demand.volumes = {"data"};
  EXPECT_EQ(explain_parts(demand, {agent}), "");
  agent.used = parse("disk(ads,dynamic)[data:d]:64");
  EXPECT_EQ(explain_parts(demand, {agent}), "volume 'data' is in use");
}

TEST(RunPlanTest, ExitCodes) {
  sdk::TaskStatus status;
  status.state = core::TaskState::kFinished;
  EXPECT_EQ(exit_code_of_task(status), 0);
  status.state = core::TaskState::kFailed;
  EXPECT_EQ(exit_code_of_task(status), 1);
  status.exit_code = 42;
  EXPECT_EQ(exit_code_of_task(status), 42);
  status.exit_code.reset();
  status.exit_signal = 9;
  EXPECT_EQ(exit_code_of_task(status), 137);
  status.reason = core::TaskReason::kMaxCompletionTime;
  EXPECT_EQ(exit_code_of_task(status), 6) << "whatever it ended with";
}

TEST(RunPlanTest, NamesBecomeIds) {
  EXPECT_EQ(task_prefix("", "/usr/bin/env"), "env");
  EXPECT_EQ(task_prefix("", "a b\xff"), "a_b_");
  EXPECT_EQ(task_prefix("", "/"), "task");
  EXPECT_EQ(task_prefix("job", "x"), "job");
}

}  // namespace
}  // namespace shoal::cli
