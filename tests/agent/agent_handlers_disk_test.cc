// What the agent does while its disk takes its time with the epoch of a leader, or with its own id.
// Operations: operations_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/agent_handlers.h"
#include "tests/agent/recording_effects.h"

namespace shoal::agent {
namespace {

using core::TaskState;
using testing::HasSubstr;

core::Welcome welcome_of(std::uint64_t epoch) {
  return core::Welcome{1, core::kFeatures, kCluster, "x", epoch};
}

TEST(AgentOnASlowDisk, NothingIsSaidToANewLeaderBeforeItsEpochIsOnDisk) {
  TestAgent a;
  a.fx.stores_later = true;
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, welcome_of(5), a.now);
  EXPECT_EQ(a.fx.registrations, 0);
  EXPECT_EQ(a.state.epoch, 0u);
  // It leads no more before the disk has answered; who led before it is known as such.
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, welcome_of(4), a.now);
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("it leads no more"));
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, welcome_of(6), a.now);
  EXPECT_EQ(a.fx.asked_epochs, (std::vector<std::uint64_t>{5, 6}));
  on_epoch_stored(a.state, a.fx, 5, absl::OkStatus(), a.now);
  EXPECT_EQ(a.fx.registrations, 0) << "that was another's";
  on_epoch_stored(a.state, a.fx, 6, absl::OkStatus(), a.now);
  EXPECT_EQ(a.fx.registrations, 1);
  EXPECT_EQ(a.state.epoch, 6u);
}

TEST(AgentOnASlowDisk, AnEpochThatCannotBeStoredEndsItsSessionOnly) {
  TestAgent a;
  a.fx.stores_later = true;
  const absl::Status full = absl::ResourceExhaustedError("the disk is full");
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, welcome_of(5), a.now);
  on_epoch_stored(a.state, a.fx, 5, full, a.now);
  ASSERT_EQ(a.fx.disconnects.size(), 1u);
  EXPECT_THAT(a.fx.disconnects[0], HasSubstr("the disk is full"));
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, welcome_of(5), a.now);  // tried again
  on_disconnected(a.state);
  on_connected(a.state, a.fx, a.now);
  on_welcome(a.state, a.fx, welcome_of(6), a.now);
  on_epoch_stored(a.state, a.fx, 5, full, a.now);
  EXPECT_EQ(a.fx.disconnects.size(), 1u);
  on_epoch_stored(a.state, a.fx, 6, absl::OkStatus(), a.now);
  EXPECT_EQ(a.fx.registrations, 1);
}

TEST(AgentOnASlowDisk, ATaskWaitsForTheAgentsIdToBeOnDisk) {
  TestAgent a;
  a.fx.stores_later = true;
  a.connect();
  EXPECT_EQ(a.fx.ids, (std::vector<core::AgentId>{a.state.id}));
  EXPECT_TRUE(a.state.is_registered());
  a.run("t");
  a.run("killed");
  a.kill("killed");
  EXPECT_TRUE(a.fx.launches.empty());
  EXPECT_EQ(a.fx.take().back().state, TaskState::kKilled);
  on_id_stored(a.state, a.fx, core::AgentId{0xbad}, a.now);  // of one that it was
  EXPECT_TRUE(a.fx.launches.empty());
  on_id_stored(a.state, a.fx, a.state.id, a.now);
  EXPECT_EQ(a.fx.launches, (std::vector<std::string>{"t"}));
  a.connect();
  EXPECT_EQ(a.fx.ids.size(), 1u);  // known
  EXPECT_EQ(a.broken(), "");
}

}  // namespace
}  // namespace shoal::agent
