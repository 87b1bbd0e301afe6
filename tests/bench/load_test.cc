#include "bench/load/load.h"

#include <gtest/gtest.h>

#include "net/clock.h"

namespace shoal::load {
namespace {

core::TaskStatus status_of(std::string_view task, core::TaskState state) {
  core::TaskStatus status;
  status.task = task;
  status.state = state;
  return status;
}

// Updates come at least once: again when their acknowledgement was lost with a connection.
TEST(LoadTest, AnEndThatIsToldTwiceCountsOnce) {
  const auto reactor = net::Reactor::create(0);
  ASSERT_TRUE(reactor.ok());
  LoadOptions options;
  options.master = "127.0.0.1:1";  // nobody, and the reactor does not turn
  const auto load = Load::create(**reactor, options);
  ASSERT_TRUE(load.ok()) << load.status();
  const core::TimePoint now = net::monotonic_now();
  (*load)->on_launch(5, core::AgentId{1});
  (*load)->on_launch(6, core::AgentId{1});
  (*load)->on_status(status_of("5", core::TaskState::kRunning), now);
  (*load)->on_status(status_of("5", core::TaskState::kRunning), now);
  (*load)->on_status(status_of("5", core::TaskState::kFinished), now);
  (*load)->on_status(status_of("5", core::TaskState::kFinished), now);
  (*load)->on_status(status_of("5", core::TaskState::kRunning), now);
  (*load)->on_status(status_of("7", core::TaskState::kFinished), now);  // of somebody else
  EXPECT_EQ((*load)->under_way(), 1u);
  EXPECT_EQ((*load)->measured().running, 1u);
  EXPECT_EQ((*load)->measured().ended, 1u);
  (*load)->on_status(status_of("6", core::TaskState::kFinished), now);
  EXPECT_EQ((*load)->under_way(), 0u);
  EXPECT_EQ((*load)->measured().errors, 0u);
}

}  // namespace
}  // namespace shoal::load
