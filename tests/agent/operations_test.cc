#include "agent/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::OperationKind;
using core::OperationState;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

core::UpdateUuid uuid_of(int number) {
  core::UpdateUuid uuid{};
  uuid[0] = static_cast<std::uint8_t>(number);
  uuid[1] = static_cast<std::uint8_t>(number >> 8);
  return uuid;
}

struct OperatedAgent : TestAgent {
  OperatedAgent() {
    state.total = resources_of("cpus:4;mem:1000;disk:1000;ports:[31000-31009]");
    connect();
    fx.take_deeds();
  }

  void apply(int number, OperationKind kind, std::string_view consumed, std::string_view converted,
             core::FrameworkId framework = kFramework) {
    core::ApplyOperation message;
    message.framework = framework;
    const std::string id = "op-" + std::to_string(number);
    message.id = id;
    message.uuid = uuid_of(number);
    message.kind = kind;
    message.consumed = resources_of(consumed);
    message.converted = resources_of(converted);
    on_apply_operation(state, fx, message, now);
  }
  // … and the tick that follows.
  SentOperation applied(int number, OperationKind kind, std::string_view consumed,
                        std::string_view converted) {
    fx.take_operations();
    apply(number, kind, consumed, converted);
    tick();
    const auto sent = fx.take_operations();
    EXPECT_EQ(sent.size(), 1u);
    return sent.empty() ? SentOperation{} : sent[0];
  }
  void tick() { on_tick(state, fx, now); }
  void acknowledge(int number) {
    on_acknowledge_operation(
        state, core::AcknowledgeOperation{kFramework, state.id, uuid_of(number)}, now);
  }
  void reserve_disk(std::string_view amount = "100") {
    const std::string lot = fmt::format("disk(ads,dynamic):{}", amount);
    EXPECT_EQ(applied(90, OperationKind::kReserve, fmt::format("disk:{}", amount), lot).state,
              OperationState::kFinished);
    acknowledge(90);
  }
  void make_volume(std::string_view more = "") {
    reserve_disk();
    const std::string lot = fmt::format("disk(ads,dynamic)[v1:data{}]:100", more);
    EXPECT_EQ(applied(91, OperationKind::kCreate, "disk(ads,dynamic):100", lot).state,
              OperationState::kFinished);
    acknowledge(91);
    fx.take_deeds();
  }
  std::string total() const { return core::to_string(state.total); }
};

constexpr std::string_view kVolume = "disk(ads,dynamic)[v1:data]:100";

TEST(Operations, AreStoredBeforeTheyAreTold) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic,by=alice):2");
  EXPECT_THAT(a.fx.deeds, IsEmpty());
  EXPECT_EQ(next_deadline(a.state), core::TimePoint::min());
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-1 FINISHED"));
  EXPECT_EQ(a.state.total, resources_of("cpus:2;mem:1000;disk:1000;ports:[31000-31009];"
                                        "cpus(ads,dynamic,by=alice):2"));
  ASSERT_EQ(a.fx.operations.size(), 1u);
  EXPECT_EQ(a.fx.operations[0].framework, kFramework);
  EXPECT_EQ(a.fx.operations[0].agent, a.state.id);
  EXPECT_EQ(a.fx.operations[0].uuid, uuid_of(1));
  EXPECT_EQ(a.fx.operations[0].message, "");
  const auto stored = decode_stored(a.fx.disk);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->resources, a.state.total);
  ASSERT_EQ(stored->operations.size(), 1u);
  EXPECT_EQ(stored->operations[0].id, "op-1");
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, TheSameOneIsDoneOnce) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic):2");
  a.apply(1, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic):2");
  a.tick();
  EXPECT_EQ(a.fx.take_operations().size(), 1u);
  a.apply(1, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic):2");
  EXPECT_EQ(a.fx.take_operations().size(), 1u);  // told again
  a.tick();
  EXPECT_EQ(a.state.total.cpus, 2000);
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-1 FINISHED", "tell op-1 FINISHED"));
}

TEST(Operations, WhatComesTogetherIsStoredTogether) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.apply(3, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("make /volumes/ads/v1", "store", "tell op-1 FINISHED",
                                             "tell op-2 FINISHED", "tell op-3 FINISHED"));
  EXPECT_EQ(next_deadline(a.state.operations), a.now + milliseconds(10'000));
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, ATaskStartsOnWhatIsStored) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.run("t", kVolume);
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("make /volumes/ads/v1", "store", "tell op-1 FINISHED",
                                             "tell op-2 FINISHED", "launch t"));
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, WhatCannotBeStoredIsUndone) {
  OperatedAgent a;
  const core::Resources before = a.state.total;
  a.fx.store_status = absl::ResourceExhaustedError("the disk is full");
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.apply(3, OperationKind::kReserve, "gpus:1", "gpus(ads,dynamic):1");
  a.run("t", kVolume);
  EXPECT_EQ(a.state.total, before);
  EXPECT_THAT(a.fx.take_deeds(),
              ElementsAre("make /volumes/ads/v1", "remove /volumes/ads/v1", "tell op-1 FAILED",
                          "tell op-2 FAILED", "tell op-3 FAILED"));
  EXPECT_THAT(a.fx.operations[0].message, HasSubstr("the disk is full"));
  EXPECT_THAT(a.fx.operations[2].message, HasSubstr("gpus"));  // its own reason
  const auto statuses = a.fx.take();
  ASSERT_EQ(statuses.size(), 1u);
  EXPECT_THAT(statuses[0].message, HasSubstr("no volume 'v1' of role 'ads'"));
  // The disk has room again: everything works, and the failures are on it too.
  a.fx.store_status = absl::OkStatus();
  EXPECT_EQ(a.applied(4, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1").state,
            OperationState::kFinished);
  EXPECT_EQ(decode_stored(a.fx.disk)->operations.size(), 4u);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, AFolderThatCannotBeMadeFailsThatOneOnly) {
  OperatedAgent a;
  a.fx.unmakeable = "/volumes/ads/v1";
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-1 FINISHED", "tell op-2 FAILED"));
  EXPECT_THAT(a.fx.operations[1].message, HasSubstr("v1: the disk is full"));
  EXPECT_EQ(a.state.total.lots, resources_of("disk(ads,dynamic):100").lots);
}

TEST(Operations, OneVolumeOfTwoFailsBoth) {
  OperatedAgent a;
  a.reserve_disk();
  a.fx.take_deeds();
  const core::Resources before = a.state.total;
  a.fx.unmakeable = "/volumes/ads/v2";
  EXPECT_EQ(a.applied(1, OperationKind::kCreate, "disk(ads,dynamic):100",
                      "disk(ads,dynamic)[v1:a]:40;disk(ads,dynamic)[v2:b]:60")
                .state,
            OperationState::kFailed);
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("make /volumes/ads/v1", "remove /volumes/ads/v1",
                                             "store", "tell op-1 FAILED"));
  EXPECT_EQ(a.state.total, before);
}

TEST(Operations, RefusedWithTheReason) {
  OperatedAgent a;
  a.make_volume();
  const core::Resources before = a.state.total;
  int number = 100;
  const auto why = [&](OperationKind kind, std::string_view consumed, std::string_view converted) {
    const SentOperation sent = a.applied(++number, kind, consumed, converted);
    EXPECT_EQ(sent.state, OperationState::kFailed);
    EXPECT_EQ(a.state.total, before);
    EXPECT_LE(sent.message.size(), core::kMaxOperationTextBytes);
    return sent.message;
  };
  EXPECT_THAT(why(OperationKind::kReserve, "cpus:5", "cpus(ads,dynamic):5"),
              HasSubstr("the agent lacks cpus 5 (has 4)"));
  EXPECT_THAT(why(OperationKind::kUnreserve, "cpus(ads,dynamic):1", "cpus:1"),
              HasSubstr("the agent lacks"));
  EXPECT_THAT(why(OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):2"),
              HasSubstr("not as much"));
  EXPECT_THAT(why(OperationKind::kReserve, "", ""), HasSubstr("nothing is named"));
  EXPECT_THAT(why(OperationKind::kUnreserve, kVolume, "disk:100"),
              HasSubstr("volume 'v1' of role 'ads' would be lost by UNRESERVE"));
  EXPECT_THAT(why(OperationKind::kReserve, "disk:1", "disk(ads,dynamic)[v2:x]:1"),
              HasSubstr("would be made by RESERVE"));
  EXPECT_THAT(why(OperationKind::kCreate, "disk:1", "disk(ads,dynamic)[v1:other]:1"),
              HasSubstr("there is a volume 'v1' of role 'ads' already"));
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, NothingIsTakenFromTasks) {
  OperatedAgent a;
  a.start("t", "cpus:3");
  EXPECT_THAT(a.applied(1, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic):2").message,
              HasSubstr("tasks use some of it: cpus 2 (has 1)"));
  EXPECT_EQ(a.applied(2, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1").state,
            OperationState::kFinished);
  // The framework goes, its process is still there.
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kFramework}, a.now);
  EXPECT_EQ(a.applied(3, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic):2").state,
            OperationState::kFailed);
  a.exit("t");
  EXPECT_EQ(a.applied(4, OperationKind::kReserve, "cpus:2", "cpus(ads,dynamic):2").state,
            OperationState::kFinished);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, AVolumeInUseIsNotDestroyed) {
  OperatedAgent a;
  a.make_volume();
  a.start("t", kVolume);
  const SentOperation refused =
      a.applied(1, OperationKind::kDestroy, kVolume, "disk(ads,dynamic):100");
  EXPECT_EQ(refused.state, OperationState::kFailed);
  EXPECT_THAT(refused.message, HasSubstr("task 't' uses volume 'v1' of role 'ads'"));
  EXPECT_EQ(a.applied(2, OperationKind::kShrink, kVolume,
                      "disk(ads,dynamic)[v1:data]:60;disk(ads,dynamic):40")
                .state,
            OperationState::kFailed);
  a.exit("t");
  a.fx.take_deeds();
  EXPECT_EQ(a.applied(3, OperationKind::kDestroy, kVolume, "disk(ads,dynamic):100").state,
            OperationState::kFinished);
  EXPECT_THAT(a.fx.take_deeds(),
              ElementsAre("store", "remove /volumes/ads/v1", "tell op-3 FINISHED"));
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, ASharedVolumeIsKeptForItsLastTask) {
  OperatedAgent a;
  a.make_volume(",shared");
  const std::string_view shared = "disk(ads,dynamic)[v1:data,shared]:100";
  a.start("one", shared);
  a.start("two", shared);
  EXPECT_THAT(a.fx.launches, ElementsAre("one", "two"));
  a.exit("one");
  EXPECT_EQ(a.broken(), "");
  EXPECT_THAT(a.applied(1, OperationKind::kDestroy, shared, "disk(ads,dynamic):100").message,
              HasSubstr("task 'two' uses"));
  a.exit("two");
  EXPECT_EQ(a.applied(2, OperationKind::kDestroy, shared, "disk(ads,dynamic):100").state,
            OperationState::kFinished);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, GrowAndShrinkKeepTheFolder) {
  OperatedAgent a;
  a.make_volume();
  EXPECT_EQ(a.applied(1, OperationKind::kReserve, "disk:50", "disk(ads,dynamic):50").state,
            OperationState::kFinished);
  EXPECT_EQ(
      a.applied(2, OperationKind::kGrow, "disk(ads,dynamic)[v1:data]:100;disk(ads,dynamic):50",
                "disk(ads,dynamic)[v1:data]:150")
          .state,
      OperationState::kFinished);
  EXPECT_EQ(a.applied(3, OperationKind::kShrink, "disk(ads,dynamic)[v1:data]:150",
                      "disk(ads,dynamic)[v1:data]:20;disk(ads,dynamic):130")
                .state,
            OperationState::kFinished);
  for (const std::string& deed : a.fx.take_deeds()) {
    EXPECT_THAT(deed, testing::Not(HasSubstr("volumes")));
  }
  EXPECT_EQ(a.state.total.lots,
            resources_of("disk(ads,dynamic)[v1:data]:20;disk(ads,dynamic):130").lots);
}

TEST(Operations, DestroyedAndMadeAgainInOneTurnIsAnEmptyFolder) {
  OperatedAgent a;
  a.make_volume();
  a.apply(1, OperationKind::kDestroy, kVolume, "disk(ads,dynamic):100");
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(),
              ElementsAre("store", "remove /volumes/ads/v1", "tell op-1 FINISHED",
                          "make /volumes/ads/v1", "store", "tell op-2 FINISHED"));
  // If the first cannot be stored the volume is still there, and is not made anew.
  a.fx.store_status = absl::ResourceExhaustedError("full");
  a.apply(3, OperationKind::kDestroy, kVolume, "disk(ads,dynamic):100");
  a.apply(4, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("tell op-3 FAILED", "tell op-4 FAILED"));
  EXPECT_EQ(a.state.total.lots, resources_of(kVolume).lots);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, AreToldUntilAcknowledged) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.tick();
  a.fx.take_operations();
  a.advance_hearing(milliseconds(9'999));
  EXPECT_THAT(a.fx.operations, IsEmpty());
  a.advance_hearing(milliseconds(1));
  EXPECT_EQ(a.fx.take_operations().size(), 1u);
  a.advance_hearing(milliseconds(19'999));
  EXPECT_THAT(a.fx.operations, IsEmpty());
  a.advance_hearing(milliseconds(1));
  EXPECT_EQ(a.fx.take_operations().size(), 1u);
  a.acknowledge(2);  // of something else
  EXPECT_EQ(a.state.operations.outcomes.size(), 1u);
  a.acknowledge(1);
  a.acknowledge(1);
  EXPECT_THAT(a.state.operations.outcomes, IsEmpty());
  a.fx.take_deeds();
  a.advance_hearing(milliseconds(1000));  // acknowledgements are stored together
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store"));
  EXPECT_THAT(decode_stored(a.fx.disk)->operations, IsEmpty());
  a.advance_hearing(milliseconds(100'000));
  EXPECT_THAT(a.fx.take_deeds(), IsEmpty());
}

TEST(Operations, AreToldAgainAfterANewRegistration) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  on_disconnected(a.state);
  a.tick();  // stored, told to nobody
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store"));
  EXPECT_EQ(next_deadline(a.state), core::TimePoint::max());
  a.connect();
  EXPECT_THAT(a.fx.reported_operations, ElementsAre("op-1"));
  EXPECT_EQ(a.fx.registered, a.state.total);
  EXPECT_EQ(a.fx.take_operations().size(), 1u);
}

TEST(Operations, ARegistrationTellsOnlyWhatIsStored) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.fx.store_status = absl::ResourceExhaustedError("full");
  on_disconnected(a.state);
  a.connect();
  EXPECT_TRUE(a.fx.registered.lots.empty());
  EXPECT_EQ(a.fx.take_operations().back().state, OperationState::kFailed);
}

TEST(Operations, ARestartKeepsThem) {
  OperatedAgent first;
  first.make_volume();
  first.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  first.apply(2, OperationKind::kReserve, "cpus:100", "cpus(ads,dynamic):100");
  first.tick();

  OperatedAgent second;
  auto stored = decode_stored(first.fx.disk);
  ASSERT_TRUE(stored.ok()) << stored.status();
  second.state.total = *reconcile(second.state.total, stored->resources);
  second.state.operations.outcomes = std::move(stored->operations);
  EXPECT_EQ(second.state.total, first.state.total);
  second.connect();
  EXPECT_THAT(second.fx.reported_operations, ElementsAre("op-1", "op-2"));
  const auto sent = second.fx.take_operations();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].state, OperationState::kFinished);
  EXPECT_EQ(sent[1].state, OperationState::kFailed);
  EXPECT_THAT(sent[1].message, HasSubstr("cpus"));
  // The master asks again, for it has not heard: not done twice.
  second.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  second.tick();
  EXPECT_EQ(second.state.total, first.state.total);
  EXPECT_EQ(second.fx.take_operations().size(), 1u);
  second.acknowledge(1);
  second.acknowledge(2);
  EXPECT_THAT(second.state.operations.outcomes, IsEmpty());
}

TEST(Operations, TooManyAreToldOnceAndNotDone) {
  OperatedAgent a;
  for (std::size_t i = 0; i < core::kMaxOperationsPerAgent; ++i) {
    a.apply(static_cast<int>(i), OperationKind::kReserve, "mem:1", "mem(ads,dynamic):1");
  }
  a.tick();
  EXPECT_EQ(a.fx.take_operations().size(), core::kMaxOperationsPerAgent);
  const core::Resources before = a.state.total;
  const SentOperation last =
      a.applied(1000, OperationKind::kReserve, "mem:1", "mem(ads,dynamic):1");
  EXPECT_EQ(last.state, OperationState::kFailed);
  EXPECT_THAT(last.message, HasSubstr("256 operations that nobody has acknowledged"));
  EXPECT_EQ(a.state.total, before);
  a.acknowledge(7);
  EXPECT_EQ(a.applied(1000, OperationKind::kReserve, "mem:1", "mem(ads,dynamic):1").state,
            OperationState::kFinished);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, ThoseOfARemovedFrameworkAreForgotten) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1", kOtherFramework);
  a.apply(2, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.tick();
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kFramework}, a.now);
  ASSERT_EQ(a.state.operations.outcomes.size(), 1u);
  EXPECT_EQ(a.state.operations.outcomes[0].framework, kOtherFramework);
  EXPECT_EQ(a.state.total.cpus, 2000);  // what was reserved stays
  // Also one that was not told yet.
  a.apply(3, OperationKind::kReserve, "mem:1", "mem(ads,dynamic):1");
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kFramework}, a.now);
  EXPECT_EQ(a.state.operations.outcomes.size(), 1u);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, AnAcknowledgementWhileABatchIsOpen) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.tick();
  a.apply(2, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.acknowledge(2);  // nobody has been told of it
  a.acknowledge(1);
  a.fx.take_deeds();
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-2 FINISHED"));
  EXPECT_EQ(decode_stored(a.fx.disk)->operations.size(), 1u);
  EXPECT_EQ(a.broken(), "");
}

TEST(Operations, AShutdownStoresWhatWasDone) {
  OperatedAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  on_shutdown(a.state, a.fx, KillMode::kTerminate, a.now);
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-1 FINISHED"));
}

// --- a disk that takes its time ---

struct WaitingAgent : OperatedAgent {
  WaitingAgent() { fx.stores_later = true; }
  // The disk has done what it was asked for.
  void stored() {
    const StoreOutcome outcome = fx.do_store();
    on_stored(state, fx, outcome, now);
    EXPECT_EQ(broken(), "");
  }
  std::string why(std::string_view id) {
    for (const SentOperation& sent : fx.operations) {
      if (sent.id == id && sent.state == OperationState::kFailed) return sent.message;
    }
    return "";
  }
};

TEST(OperationsOnASlowDisk, WhatComesMeanwhileIsTheNextBatch) {
  WaitingAgent a;
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  a.tick();
  EXPECT_TRUE(a.fx.asked.has_value());
  EXPECT_EQ(next_deadline(a.state.operations), core::TimePoint::max()) << "it waits, and sleeps";
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.apply(3, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");  // is known
  a.tick();
  EXPECT_THAT(a.fx.take_deeds(), IsEmpty());
  EXPECT_EQ(a.broken(), "");
  a.stored();
  EXPECT_EQ(decode_stored(a.fx.disk)->resources.lots, resources_of("disk(ads,dynamic):100").lots)
      << "what came later is not in it";
  EXPECT_EQ(decode_stored(a.fx.disk)->operations.size(), 1u);
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-1 FINISHED"));
  a.stored();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("make /volumes/ads/v1", "store", "tell op-2 FINISHED",
                                             "tell op-3 FINISHED"));
  EXPECT_EQ(decode_stored(a.fx.disk)->resources, a.state.total);
  EXPECT_FALSE(a.fx.asked.has_value());
}

TEST(OperationsOnASlowDisk, ATaskWaitsForWhatItRunsOnAndNoOtherDoes) {
  WaitingAgent a;
  a.apply(1, OperationKind::kReserve, "disk:100;cpus:1",
          "disk(ads,dynamic):100;cpus(ads,dynamic):1");
  a.run("reserved", "cpus(ads,dynamic):1");
  a.run("plain", "cpus:1");
  EXPECT_THAT(a.fx.launches, ElementsAre("plain"));
  a.run("reserved", "cpus(ads,dynamic):1");  // once
  a.run("killed", "disk(ads,dynamic):10");
  a.kill("killed");
  EXPECT_EQ(a.fx.take().back().state, core::TaskState::kKilled);
  a.run("too-much", "cpus:3");  // one of four is reserved, if all goes well
  EXPECT_EQ(a.fx.take().back().state, core::TaskState::kDropped);
  EXPECT_EQ(a.broken(), "");
  a.stored();
  EXPECT_THAT(a.fx.launches, ElementsAre("plain", "reserved"));
  EXPECT_THAT(a.fx.take_deeds(),
              ElementsAre("launch plain", "store", "tell op-1 FINISHED", "launch reserved"));
}

TEST(OperationsOnASlowDisk, WhatCannotBeStoredFailsWithWhatStandsOnIt) {
  WaitingAgent a;
  const core::Resources before = a.state.total;
  a.apply(1, OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
  a.tick();
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.apply(3, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.run("on-volume", kVolume);
  a.run("on-cpu", "cpus(ads,dynamic):1");
  EXPECT_THAT(a.fx.launches, IsEmpty());
  a.fx.store_status = absl::ResourceExhaustedError("the disk is full");
  a.stored();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("tell op-1 FAILED"));
  EXPECT_THAT(a.why("op-1"), HasSubstr("the disk is full"));
  const auto statuses = a.fx.take();
  ASSERT_EQ(statuses.size(), 1u);
  EXPECT_EQ(statuses[0].task, "on-volume");
  EXPECT_EQ(statuses[0].state, core::TaskState::kDropped);
  EXPECT_THAT(statuses[0].message, HasSubstr("no volume 'v1' of role 'ads'"));
  a.fx.store_status = absl::OkStatus();
  a.stored();
  EXPECT_THAT(a.fx.take_deeds(),
              ElementsAre("store", "tell op-2 FAILED", "tell op-3 FINISHED", "launch on-cpu"));
  EXPECT_THAT(a.why("op-2"), HasSubstr("the agent lacks"));
  EXPECT_EQ(a.state.total.lots, resources_of("cpus(ads,dynamic):1").lots);
  EXPECT_EQ(a.state.total.disk, before.disk);
  // Both failures are known, also after a restart.
  EXPECT_EQ(decode_stored(a.fx.disk)->operations.size(), 3u);
}

TEST(OperationsOnASlowDisk, AFolderThatCannotBeMadeIsPlannedAround) {
  WaitingAgent a;
  a.fx.unmakeable = "/volumes/ads/v1";
  a.apply(1, OperationKind::kReserve, "disk:200", "disk(ads,dynamic):200");
  a.apply(2, OperationKind::kCreate, "disk(ads,dynamic):100", kVolume);
  a.apply(3, OperationKind::kCreate, "disk(ads,dynamic):100", "disk(ads,dynamic)[v2:x]:100");
  a.tick();
  a.apply(4, OperationKind::kDestroy, kVolume, "disk(ads,dynamic):100");
  a.run("t", "disk(ads,dynamic)[v2:x]:100");
  a.stored();
  EXPECT_THAT(a.fx.take_deeds(), IsEmpty()) << "nothing was stored, nobody is told";
  a.stored();
  EXPECT_THAT(a.fx.take_deeds(),
              ElementsAre("make /volumes/ads/v2", "store", "tell op-1 FINISHED", "tell op-2 FAILED",
                          "tell op-3 FINISHED", "tell op-4 FAILED", "launch t"));
  EXPECT_THAT(a.why("op-2"), HasSubstr("v1: the disk is full"));
  EXPECT_THAT(a.why("op-4"), HasSubstr("the agent lacks"));
}

TEST(OperationsOnASlowDisk, ARegistrationWaitsForThem) {
  WaitingAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.tick();
  const int registrations = a.fx.registrations;
  on_disconnected(a.state);
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x"}, a.now);
  EXPECT_EQ(a.fx.registrations, registrations);
  EXPECT_EQ(a.state.session, SessionPhase::kWelcomed);
  a.stored();
  EXPECT_EQ(a.fx.registrations, registrations + 1);
  EXPECT_EQ(a.fx.registered, a.state.total);
  EXPECT_THAT(a.fx.reported_operations, ElementsAre("op-1"));
  // The session that has ended meanwhile is not gone on with.
  a.apply(2, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.tick();
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, core::Welcome{1, core::kFeatures, kCluster, "x"}, a.now);
  on_disconnected(a.state);
  a.stored();
  EXPECT_EQ(a.fx.registrations, registrations + 1);
}

TEST(OperationsOnASlowDisk, ThoseOfARemovedFrameworkAreStoredAndForgotten) {
  WaitingAgent a;
  a.apply(1, OperationKind::kReserve, "cpus:1", "cpus(ads,dynamic):1");
  a.apply(2, OperationKind::kReserve, "mem:1", "mem(ads,dynamic):1", kOtherFramework);
  a.tick();
  on_remove_framework(a.state, a.fx, core::RemoveFramework{kFramework}, a.now);
  a.stored();
  EXPECT_THAT(a.fx.take_deeds(), ElementsAre("store", "tell op-2 FINISHED"));
  EXPECT_EQ(a.state.operations.outcomes.size(), 1u);
  a.advance_hearing(milliseconds(1000));  // the file forgets it, too
  a.stored();
  EXPECT_EQ(decode_stored(a.fx.disk)->operations.size(), 1u);
  EXPECT_FALSE(has_unstored(a.state.operations));
}

// --- what tasks see of it ---

TEST(TaskVolumes, AMissingOneIsNamed) {
  OperatedAgent a;
  a.run("t", kVolume);
  auto sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].state, core::TaskState::kDropped);
  EXPECT_EQ(sent[0].message, "not started: the agent has no volume 'v1' of role 'ads'");
  a.make_volume();
  a.start("first", kVolume);
  a.fx.take();
  a.run("second", kVolume);
  sent = a.fx.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].message, "not started: volume 'v1' of role 'ads' is in use");
}

TEST(TaskRoles, AreReportedBack) {
  OperatedAgent a;
  a.role = "eng/ads";
  a.start("t");
  on_disconnected(a.state);
  a.connect();
  ASSERT_EQ(a.fx.reports.size(), 1u);
  EXPECT_EQ(a.fx.reports[0].role, "eng/ads");
}

TEST(Oversubscription, AMasterOfAnEarlierVersionHearsNothingOfIt) {
  TestAgent a;
  a.state.revocable = resources_of("cpus{revocable}:2");
  a.state.operations.outcomes.emplace_back().id = "old";
  on_connected(a.state, a.fx, a.now);
  EXPECT_EQ(a.fx.hellos[0].features, core::kFeatures);
  on_welcome(a.state, a.fx, core::Welcome{1, 0, kCluster, "old"}, a.now);
  on_registered(a.state, a.fx, core::AgentRegistered{core::AgentId{5}, 5000, 15'000}, a.now);
  EXPECT_THAT(a.fx.lent, IsEmpty());
  EXPECT_THAT(a.fx.operations, IsEmpty());
  a.advance_hearing(milliseconds(100'000));
  EXPECT_THAT(a.fx.operations, IsEmpty());
}

TEST(Oversubscription, AnAgentThatLendsNothingSaysNothingOfIt) {
  TestAgent a;
  a.connect();
  EXPECT_THAT(a.fx.lent, IsEmpty());
}

TEST(Oversubscription, IsToldAfterEveryRegistrationAndHeldByTasks) {
  TestAgent a;
  a.state.revocable = resources_of("cpus{revocable}:2;mem{revocable}:100");
  a.state.region = "eu";
  a.state.zone = "a1";
  a.connect();
  ASSERT_EQ(a.fx.lent.size(), 1u);
  EXPECT_EQ(a.fx.lent[0], resources_of("cpus:2;mem:100"));
  EXPECT_EQ(a.fx.registered, a.state.total);  // not part of what it has
  EXPECT_EQ(a.fx.domain, "eu/a1");
  a.start("t", "cpus:4;cpus{revocable}:2");
  a.run("too-much", "cpus{revocable}:1");
  EXPECT_THAT(a.fx.launches, ElementsAre("t"));
  a.exit("t");
  EXPECT_EQ(a.broken(), "");
  on_disconnected(a.state);
  a.connect();
  EXPECT_EQ(a.fx.lent.size(), 2u);
}

}  // namespace
}  // namespace shoal::agent
