// Persistent volumes: created, used, shared, resized and destroyed.
#include "tests/core/scenarios/scenario.h"

namespace shoal::core {
namespace {

constexpr std::string_view kVolume = "disk(eng,dynamic)[v:data]:100";
constexpr std::string_view kShared = "disk(eng,dynamic)[v:data,shared]:100";

using VolumeScenario = ScenarioTest;

TEST_P(VolumeScenario, ReserveCreateAndLaunchInOneAccept) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400;disk:1000");
  accept(f,
         {operation(OperationKind::kReserve, "disk(eng,dynamic):300"),
          operation(OperationKind::kCreate, kVolume), launch_operation(1)},
         {{"t", "cpus:1;mem:50;disk(eng,dynamic)[v:data]:100"}});
  ASSERT_EQ(bag(a).operations.size(), 2u);
  EXPECT_EQ(to_string(bag(a).operations[1].consumed), "disk(eng,dynamic):100");
  EXPECT_EQ(to_string(bag(a).operations[1].converted), kVolume);
  ASSERT_EQ(bag(a).launches.size(), 1u);
  EXPECT_EQ(offered(f), "cpus:3;mem:350;disk:700;disk(eng,dynamic):200");
  finish("t");
  decline(f, 0);
  EXPECT_EQ(offered(f),
            "cpus:4;mem:400;disk:700;disk(eng,dynamic):200;disk(eng,dynamic)[v:data]:100");
}

TEST_P(VolumeScenario, OneStepThatFailsUndoesTheWholeCall) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400;disk:1000");
  accept(f,
         {operation(OperationKind::kReserve, "disk(eng,dynamic):50", "r"),
          operation(OperationKind::kCreate, kVolume, "c"), launch_operation(1)},
         {{"t", "cpus:1;mem:50"}});
  EXPECT_TRUE(bag(a).operations.empty());
  EXPECT_TRUE(bag(a).launches.empty());
  ASSERT_EQ(bag(f).operations.size(), 2u);
  for (const SeenOperation& seen : bag(f).operations) {
    EXPECT_EQ(seen.state, OperationState::kError);
    EXPECT_THAT(seen.message, testing::HasSubstr("CREATE: that is not free"));
  }
  EXPECT_EQ(state(f, "t"), TaskState::kError);
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk:1000");
}

TEST_P(VolumeScenario, ATaskThatDoesNotFitUndoesTheOperations) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400;disk:1000");
  accept(f, {operation(OperationKind::kReserve, "disk(eng,dynamic):50", "r"), launch_operation(1)},
         {{"t", "cpus:5;mem:50"}});
  EXPECT_TRUE(bag(a).operations.empty());
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
  EXPECT_EQ(to_string(cluster.agent(a).total), "cpus:4;mem:400;disk:1000");
}

TEST_P(VolumeScenario, AVolumeIsOfferedToItsRoleAgain) {
  agent("cpus:4;mem:400;disk(eng,dynamic)[v:data]:100");
  const FrameworkId ops = framework("ops");
  const FrameworkId child = framework("eng/ads");
  EXPECT_EQ(offered(ops), "cpus:4;mem:400");
  decline(ops, 3'600'000);
  EXPECT_EQ(offered(child), "cpus:4;mem:400;disk(eng,dynamic)[v:data]:100");
}

TEST_P(VolumeScenario, ADestroyedVolumeIsReservedDisk) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data]:100");
  accept(f, {operation(OperationKind::kDestroy, kVolume)});
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk(eng,dynamic):100");
  EXPECT_EQ(to_string(bag(a).operations.at(0).consumed), kVolume);
}

TEST_P(VolumeScenario, AVolumeInUseIsNotDestroyed) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data]:100");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:50;disk(eng,dynamic)[v:data]:100"));
  EXPECT_EQ(offered(f), "cpus:3;mem:350");
  accept(f, {operation(OperationKind::kDestroy, kVolume, "d")});
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
  EXPECT_EQ(operate(a, OperationKind::kDestroy, kVolume), "volume 'v' is used by task 't'");
  finish("t");
  EXPECT_EQ(operate(a, OperationKind::kDestroy, kVolume), "");
}

TEST_P(VolumeScenario, AReservationUnderAVolumeStays) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400;disk(eng,dynamic)[v:data]:100");
  accept(f, {operation(OperationKind::kUnreserve, kVolume, "u")});
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
  EXPECT_THAT(bag(f).operations.at(0).message, testing::HasSubstr("destroy that first"));
  accept(f, {operation(OperationKind::kDestroy, kVolume),
             operation(OperationKind::kUnreserve, "disk(eng,dynamic):100")});
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk:100");
}

TEST_P(VolumeScenario, AVolumeIdIsThereOnce) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400;disk(eng,dynamic)[v:data]:100;disk(eng,dynamic):300");
  accept(f, {operation(OperationKind::kCreate, "disk(eng,dynamic)[v:other]:10", "c")});
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
  EXPECT_THAT(bag(f).operations.at(0).message, testing::HasSubstr("choose another id"));
}

TEST_P(VolumeScenario, GrowAndShrink) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400;disk(eng,dynamic)[v:data]:100;disk(eng,dynamic):300");
  accept(f, {operation(OperationKind::kGrow, kVolume, "", "disk(eng,dynamic):200")});
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk(eng,dynamic):100;disk(eng,dynamic)[v:data]:300");
  accept(f, {operation(OperationKind::kShrink, "disk(eng,dynamic)[v:data]:300", "", "disk:250")});
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk(eng,dynamic):350;disk(eng,dynamic)[v:data]:50");
  accept(f, {operation(OperationKind::kShrink, "disk(eng,dynamic)[v:data]:50", "s", "disk:50")});
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
}

TEST_P(VolumeScenario, AVolumeCountsOnceAgainstTheLimit) {
  ASSERT_EQ(limit("eng", "disk:100"), "");
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400;disk:1000");
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk:100");
  accept(f, {operation(OperationKind::kReserve, "disk(eng,dynamic):100"),
             operation(OperationKind::kCreate, kVolume)});
  EXPECT_EQ(charged("eng"), "cpus:4;mem:400;disk:100");
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk(eng,dynamic)[v:data]:100");
}

TEST_P(VolumeScenario, TwoTasksUseOneSharedVolume) {
  const FrameworkId f = framework("eng", can(Capability::kSharedResources));
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  const std::string task = "cpus:1;mem:50;" + std::string(kShared);
  ASSERT_TRUE(launch(f, "t0", task));
  EXPECT_EQ(offered(f), "cpus:3;mem:350;disk(eng,dynamic)[v:data,shared]:100");
  ASSERT_TRUE(launch(f, "t1", task));
  EXPECT_EQ(bag(a).launches.size(), 2u);
  EXPECT_EQ(allocated("eng"), "cpus:4;mem:400;disk:300");  // by two tasks and an offer
  finish("t0");
  finish("t1");
  decline(f, 0);
  EXPECT_EQ(allocated("eng"), "cpus:4;mem:400;disk:100");
}

TEST_P(VolumeScenario, TwoTasksOfOneAcceptUseOneSharedVolume) {
  const FrameworkId f = framework("eng", can(Capability::kSharedResources));
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  const std::string task = "cpus:1;mem:50;" + std::string(kShared);
  cluster.accept(f, {held(f).at(0).id}, {{"t0", task}, {"t1", task}});
  EXPECT_EQ(bag(a).launches.size(), 2u);
}

TEST_P(VolumeScenario, ASharedVolumeIsForThoseWhoCanShare) {
  const FrameworkId f = framework("eng");
  agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  EXPECT_EQ(offered(f), "cpus:4;mem:400");
}

TEST_P(VolumeScenario, ASharedVolumeInUseIsNotDestroyed) {
  const FrameworkId f = framework("eng", can(Capability::kSharedResources));
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  ASSERT_TRUE(launch(f, "t", "cpus:1;mem:50;" + std::string(kShared)));
  accept(f, {operation(OperationKind::kDestroy, kShared, "d")});
  ASSERT_EQ(bag(f).operations.size(), 1u);
  EXPECT_EQ(bag(f).operations[0].state, OperationState::kError);
  EXPECT_EQ(bag(f).operations[0].message, "volume 'v' is used by task 't'");
  EXPECT_EQ(operate(a, OperationKind::kDestroy, kShared), "volume 'v' is used by task 't'");
}

TEST_P(VolumeScenario, ATaskOfTheSameCallUsesASharedVolumeToo) {
  const FrameworkId f = framework("eng", can(Capability::kSharedResources));
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  accept(f, {launch_operation(1), operation(OperationKind::kDestroy, kShared, "d")},
         {{"t", "cpus:1;mem:50;" + std::string(kShared)}});
  EXPECT_TRUE(bag(a).launches.empty());
  EXPECT_EQ(state(f, "t"), TaskState::kError);
  EXPECT_EQ(bag(f).operations.at(0).state, OperationState::kError);
}

// It is in several offers at once: those that still have it when it goes are taken back.
TEST_P(VolumeScenario, ADestroyedSharedVolumeIsTakenOutOfOtherOffers) {
  const FrameworkId a = framework("eng", can(Capability::kSharedResources));
  const FrameworkId b = framework("eng", can(Capability::kSharedResources));
  const AgentId where = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  ASSERT_TRUE(launch(a, "t", "cpus:1;mem:100"));
  ASSERT_EQ(offers(b), 1u);
  finish("t");
  ASSERT_EQ(offers(a), 1u);  // both have it now
  accept(a, {operation(OperationKind::kDestroy, kShared)});
  EXPECT_EQ(bag(b).rescinded.size(), 1u);
  EXPECT_EQ(to_string(cluster.agent(where).total), "cpus:4;mem:400;disk(eng,dynamic):100");
  for (const FrameworkId f : {a, b}) {
    EXPECT_THAT(offered(f), testing::Not(testing::HasSubstr("shared")));
  }
}

TEST_P(VolumeScenario, AnOperatorsDestroyTakesASharedVolumeOutOfOffers) {
  const FrameworkId f = framework("eng", can(Capability::kSharedResources));
  const AgentId a = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  ASSERT_EQ(operate(a, OperationKind::kDestroy, kShared), "");
  EXPECT_EQ(bag(f).rescinded.size(), 1u);
  EXPECT_EQ(offered(f), "cpus:4;mem:400;disk(eng,dynamic):100");
}

// The other framework's call was under way when the volume went.
TEST_P(VolumeScenario, AnAcceptThatComesAfterTheDestroyFails) {
  const FrameworkId a = framework("eng", can(Capability::kSharedResources));
  const FrameworkId b = framework("eng", can(Capability::kSharedResources));
  const AgentId where = agent("cpus:4;mem:400;disk(eng,dynamic)[v:data,shared]:100");
  ASSERT_TRUE(launch(a, "t", "cpus:1;mem:100"));
  finish("t");
  ASSERT_EQ(offers(a) + offers(b), 2u);
  const auto call = [&](FrameworkId f, Operation op, std::string_view task) {
    Accept message;
    message.offers.push_back(held(f).at(0).id);
    message.refuse_ms = 0;
    if (task.empty()) message.operations.push_back(std::move(op));
    TaskLaunch launch;
    launch.id = task;
    launch.resources = res("cpus:1;mem:50;" + std::string(kShared));
    if (!task.empty()) message.tasks.push_back(launch);
    on_accept(cluster.home(f), cluster.outbox(), f, message, 1, cluster.now);
  };
  call(a, operation(OperationKind::kDestroy, kShared), "");
  call(b, {}, "late");
  cluster.settle();
  EXPECT_EQ(state(b, "late"), TaskState::kError);
  EXPECT_EQ(bag(where).launches.size(), 1u);
  EXPECT_EQ(to_string(cluster.agent(where).total), "cpus:4;mem:400;disk(eng,dynamic):100");
}

TEST_P(VolumeScenario, AMountDiskIsGivenAsAWhole) {
  const FrameworkId f = framework("eng");
  const AgentId a = agent("cpus:4;mem:400;disk{mount=/d}:100");
  cluster.accept(f, {held(f).at(0).id}, {{"part", "cpus:1;disk{mount=/d}:50"}});
  EXPECT_EQ(state(f, "part"), TaskState::kError);
  ASSERT_TRUE(launch(f, "all", "cpus:1;disk{mount=/d}:100"));
  EXPECT_EQ(offered(f), "cpus:3;mem:400");
  EXPECT_EQ(bag(a).launches.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Shards, VolumeScenario, testing::Values(1u, 4u));

}  // namespace
}  // namespace shoal::core
