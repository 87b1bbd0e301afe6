// Which of an agent's resources `reserve`, `unreserve` and `volume` mean.
#include "cli/operate_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/status.h"
#include "sdk/operations.h"

namespace shoal::cli {
namespace {

using core::OperationKind;
using testing::AllOf;
using testing::HasSubstr;

core::Resources parse(std::string_view text) {
  auto resources = core::parse_resources(text);
  EXPECT_TRUE(resources.ok()) << resources.status();
  return resources.ok() ? *resources : core::Resources();
}

core::AgentSummary agent(std::string_view total, std::string_view used = "") {
  core::AgentSummary out;
  out.id = core::AgentId{7};
  out.hostname = "node-7";
  out.total = parse(total);
  if (!used.empty()) out.used = parse(used);
  return out;
}

OperateVerb verb(OperationKind kind, std::string role = "", std::string_view resources = "",
                 std::string principal = "") {
  OperateVerb out;
  out.principal = std::move(principal);
  out.kind = kind;
  out.agent = "node-7";
  out.role = std::move(role);
  if (!resources.empty()) out.resources = parse(resources);
  return out;
}

std::string error(const OperateVerb& verb, const core::AgentSummary& agent,
                  absl::StatusCode code = absl::StatusCode::kNotFound) {
  const auto spec = plan_operation(verb, agent);
  EXPECT_EQ(spec.status().code(), code) << spec.status();
  return std::string(core::message_of(spec.status()));
}

TEST(OperatePlanTest, Reserve) {
  OperateVerb reserve = verb(OperationKind::kReserve, "ads", "cpus:4;disk:100");
  reserve.principal = "ops";
  reserve.labels = {{"team", "x"}};
  auto spec = plan_operation(reserve, agent("cpus:8;disk:1000"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->kind, OperationKind::kReserve);
  EXPECT_EQ(spec->resources, parse("cpus(ads,dynamic,by=ops,team=x):4;"
                                   "disk(ads,dynamic,by=ops,team=x):100"));
  EXPECT_EQ(describe_done(reserve, *spec, agent("cpus:8")),
            "cpus:4;disk:100 of node-7 is reserved for role 'ads'");
  spec = plan_operation(verb(OperationKind::kReserve, "eng/ads", "cpus(eng):1"), agent("cpus:8"));
  EXPECT_EQ(spec->resources, parse("cpus(eng)(eng/ads,dynamic):1"));
}

TEST(OperatePlanTest, UnreserveByRole) {
  const auto node =
      agent("cpus:8;cpus(ads,dynamic,by=ops):4;cpus(web):2;mem(ads,dynamic,by=ops):64");
  const auto spec =
      plan_operation(verb(OperationKind::kUnreserve, "ads", "cpus:3;mem:64", "ops"), node);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->resources, parse("cpus(ads,dynamic,by=ops):3;mem(ads,dynamic,by=ops):64"));
  EXPECT_THAT(error(verb(OperationKind::kUnreserve, "ads", "cpus:5"), node),
              AllOf(HasSubstr("no dynamic reservation of cpus:5 for role 'ads'"),
                    HasSubstr("cpus(ads,dynamic,by=ops):4")));
  // A static reservation is the agent's own.
  EXPECT_THAT(error(verb(OperationKind::kUnreserve, "web", "cpus:2"), node),
              HasSubstr("no dynamic reservation"));
  EXPECT_THAT(error(verb(OperationKind::kUnreserve, "ads", "cpus:1"), agent("cpus:8")),
              HasSubstr("nothing of it is reserved"));
}

TEST(OperatePlanTest, UnreserveSaysWhenSeveralMatch) {
  const auto node = agent("cpus(ads,dynamic,by=a):4;cpus(ads,dynamic,by=b):4");
  EXPECT_THAT(error(verb(OperationKind::kUnreserve, "ads", "cpus:1"), node,
                    absl::StatusCode::kFailedPrecondition),
              AllOf(HasSubstr("by=a"), HasSubstr("by=b")));
  const auto spec =
      plan_operation(verb(OperationKind::kUnreserve, "", "cpus(ads,dynamic,by=b):1", "b"), node);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->resources, parse("cpus(ads,dynamic,by=b):1"));
}

TEST(OperatePlanTest, UnreserveNeedsNoNamesWhereOneIsMeant) {
  const auto node = agent("cpus(ads,dynamic,by=ops,team=x):4");
  const auto spec =
      plan_operation(verb(OperationKind::kUnreserve, "", "cpus(ads,dynamic):4", "ops"), node);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->resources, parse("cpus(ads,dynamic,by=ops,team=x):4"));
  error(verb(OperationKind::kUnreserve, "", "cpus(web,dynamic):4"), node);
}

TEST(OperatePlanTest, SaysInWhoseNameItMustBe) {
  const auto node =
      agent("cpus(ads,dynamic,by=ops):4;disk(ads)[data:d,by=ops]:9;cpus{revocable}:1");
  for (const char* principal : {"", "others"}) {
    EXPECT_THAT(error(verb(OperationKind::kUnreserve, "ads", "cpus:4", principal), node,
                      absl::StatusCode::kFailedPrecondition),
                HasSubstr("say --principal ops"));
  }
  OperateVerb destroy = verb(OperationKind::kDestroy);
  destroy.volume = "data";
  EXPECT_THAT(error(destroy, node, absl::StatusCode::kFailedPrecondition),
              HasSubstr("say --principal ops"));
  destroy.principal = "ops";
  EXPECT_TRUE(plan_operation(destroy, node).ok());
  // Nobody's: what is wrong with it is the master's to say.
  EXPECT_TRUE(plan_operation(verb(OperationKind::kUnreserve, "", "cpus{revocable}:1"), node).ok());
}

TEST(OperatePlanTest, UnreserveLeavesVolumesAlone) {
  const auto node = agent("disk(ads,dynamic)[data:d]:64");
  error(verb(OperationKind::kUnreserve, "ads", "disk:64"), node);
}

OperateVerb volume(OperationKind kind, std::string id, core::Milli size = 0,
                   std::string role = "") {
  OperateVerb out = verb(kind, std::move(role));
  out.volume = std::move(id);
  out.size = size;
  out.path = "data";
  return out;
}

TEST(OperatePlanTest, CreateTakesTheRolesDisk) {
  const OperateVerb create = volume(OperationKind::kCreate, "data", 50'000, "ads");
  auto spec = plan_operation(create, agent("disk:900;disk(ads,dynamic):64;disk(web,dynamic):100"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->resources, parse("disk(ads,dynamic)[data:data]:50"));
  EXPECT_THAT(error(create, agent("disk:900;disk(ads,dynamic):49")),
              AllOf(HasSubstr("no 50 MiB of disk reserved for role 'ads'"),
                    HasSubstr("shoal reserve node-7 --role ads 'disk:50'")));
  // What is not in use goes first.
  spec = plan_operation(create, agent("disk(ads):64;disk(ads,dynamic):64", "disk(ads):64"));
  EXPECT_EQ(spec->resources, parse("disk(ads,dynamic)[data:data]:50"));
  // A mount disk only as a whole.
  spec = plan_operation(create, agent("disk(ads){mount=/m}:64;disk(ads){path=/p}:64"));
  EXPECT_EQ(spec->resources, parse("disk(ads)[data:data]{path=/p}:50"));
}

TEST(OperatePlanTest, VolumesAreFoundByIdAndRole) {
  const auto node = agent(
      "disk(ads,dynamic)[data:d]:64;disk(web,dynamic)[data:d]:32;disk(web,dynamic)[logs:l]:9");
  auto spec = plan_operation(volume(OperationKind::kDestroy, "logs"), node);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->resources, parse("disk(web,dynamic)[logs:l]:9"));
  EXPECT_THAT(
      error(volume(OperationKind::kDestroy, "data"), node, absl::StatusCode::kFailedPrecondition),
      AllOf(HasSubstr("--role"), HasSubstr("ads"), HasSubstr("web")));
  spec = plan_operation(volume(OperationKind::kDestroy, "data", 0, "web"), node);
  EXPECT_EQ(spec->resources, parse("disk(web,dynamic)[data:d]:32"));
  EXPECT_THAT(error(volume(OperationKind::kDestroy, "log"), node),
              HasSubstr("did you mean 'logs'?"));
}

TEST(OperatePlanTest, GrowAndShrink) {
  const auto node = agent("disk(ads,dynamic)[data:d]:64;disk(ads,dynamic):10");
  auto spec = plan_operation(volume(OperationKind::kGrow, "data", 10'000), node);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->resources, parse("disk(ads,dynamic)[data:d]:64"));
  EXPECT_EQ(spec->addition, parse("disk(ads,dynamic):10"));
  EXPECT_THAT(error(volume(OperationKind::kGrow, "data", 11'000), node),
              HasSubstr("reserve more first"));
  spec = plan_operation(volume(OperationKind::kShrink, "data", 60'000), node);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->addition, parse("disk:60"));
  EXPECT_THAT(error(volume(OperationKind::kShrink, "data", 64'000), node,
                    absl::StatusCode::kInvalidArgument),
              HasSubstr("--by"));
}

// What is planned is what the agent's resources allow.
TEST(OperatePlanTest, PlansCanBeCarriedOut) {
  const auto node = agent("cpus:8;disk:900;disk(ads,dynamic)[data:d]:64;disk(ads,dynamic):10");
  for (const OperateVerb& each :
       {verb(OperationKind::kReserve, "ads", "cpus:4"),
        verb(OperationKind::kUnreserve, "ads", "disk:10"),
        volume(OperationKind::kCreate, "new", 5000, "ads"), volume(OperationKind::kDestroy, "data"),
        volume(OperationKind::kGrow, "data", 5000), volume(OperationKind::kShrink, "data", 5000)}) {
    const auto spec = plan_operation(each, node);
    ASSERT_TRUE(spec.ok()) << spec.status();
    const auto conversion = core::convert(*spec, node.total, node.total, "");
    EXPECT_TRUE(conversion.ok()) << core::name_of(each.kind) << ": " << conversion.status();
  }
}

TEST(OperatePlanTest, AgentsByHostname) {
  core::AgentSummary one = agent("cpus:1");
  core::AgentSummary gone = agent("cpus:1");
  gone.id = core::AgentId{8};
  gone.state = core::AgentState::kUnreachable;
  EXPECT_EQ(choose_agent({gone, one}, "node-7")->id, one.id);
  EXPECT_THAT(std::string(core::message_of(choose_agent({one}, "noed-7").status())),
              HasSubstr("did you mean 'node-7'?"));
  EXPECT_TRUE(absl::IsNotFound(choose_agent({}, "node-7").status()));
  gone.state = core::AgentState::kActive;
  EXPECT_TRUE(absl::IsFailedPrecondition(choose_agent({gone, one}, "node-7").status()));
}

TEST(OperatePlanTest, ListsVolumes) {
  core::AgentSummary b = agent("disk(ads,dynamic)[data:d,by=ops]:64;disk(ads)[a:x,shared]:8",
                               "disk(ads)[a:x,shared]:8");
  core::AgentSummary a = agent("cpus:1;disk(web)[logs:l]:9");
  a.hostname = "node-1";
  const auto rows = volumes_of({b, a});
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].volume.id, "logs");
  EXPECT_EQ(rows[0].hostname, "node-1");
  EXPECT_EQ(rows[1].volume.id, "a");
  EXPECT_TRUE(rows[1].volume.shared);
  EXPECT_TRUE(rows[1].in_use);
  EXPECT_EQ(rows[2].volume.principal, "ops");
  EXPECT_EQ(rows[2].size, 64'000);
  EXPECT_FALSE(rows[2].in_use);
}

}  // namespace
}  // namespace shoal::cli
