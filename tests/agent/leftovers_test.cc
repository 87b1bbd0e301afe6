#include "agent/leftovers.h"

#include <signal.h>

#include "agent/sandbox.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

class LeftoversTest : public TaskTest {
 protected:
  // As the executor starts it, on the data folder `data`.
  StartedTask start_marked(const std::string& line, const std::string& uuid,
                           const std::string& data = "/data") {
    SpawnRequest wanted = request({line}, true);
    wanted.task_uuid = uuid;
    wanted.environment = {{"SHOAL_TASK_ID", "t"},
                          {"SHOAL_FRAMEWORK_ID", "f"},
                          {"SHOAL_SANDBOX", sandbox_path(data, {"f", "t", uuid})}};
    return start(wanted);
  }
  static HuntReport hunt(HuntOptions options) { return kill_leftovers(std::move(options)); }
  void expect_untouched(const StartedTask& task) {
    EXPECT_TRUE(is_alive(task.supervised.process.pid)) << "a stranger was killed";
    EXPECT_TRUE(is_alive(task.leader));
    task.signal(SIGUSR1);
    wait(task);
  }
  void expect_killed(const StartedTask& task) {
    ASSERT_TRUE(wait_readable(task.supervisor().get()));
    EXPECT_EQ((*wait_exited(task.supervisor()))->code_or_signal, SIGKILL);
    EXPECT_FALSE(is_alive(task.leader));
  }
};

TEST_F(LeftoversTest, ADoomedRunGoesWithAllThatIsInItsSessions) {
  make_fifo("ready");
  // The member has no mark: only its session says whose it is.
  const StartedTask task = start_marked(
      "(exec env -i sh -c 'echo $$ > ready; exec sleep 1000') & exec sleep 1000", "u1");
  const pid_t member = std::stoi(wait_for_line("ready"));
  const StartedTask other = start_marked("exec sleep 1000", "u2");
  const HuntReport report = hunt({.doomed = {"u1"}, .data_dir = {}, .spared = {}});
  EXPECT_GE(report.killed, 2u) << "the leader may be faster: it goes with its supervisor";
  EXPECT_EQ(report.survivors, 0u);
  expect_killed(task);
  EXPECT_FALSE(is_alive(member));
  expect_untouched(other);
}

TEST_F(LeftoversTest, OfAFolderAllGoesButWhatIsSpared) {
  const StartedTask known = start_marked("exec sleep 1000", "known");
  const StartedTask unknown = start_marked("exec sleep 1000", "unknown");
  const StartedTask elsewhere = start_marked("exec sleep 1000", "elsewhere", "/data/2");
  const StartedTask below = start_marked("exec sleep 1000", "below", "/data/sandboxes/f/t/known");
  const HuntReport report = hunt({.doomed = {}, .data_dir = "/data", .spared = {"known"}});
  EXPECT_GE(report.killed, 1u) << "the leader may be faster: it goes with its supervisor";
  EXPECT_EQ(report.survivors, 0u);
  expect_killed(unknown);
  expect_untouched(known);
  expect_untouched(elsewhere);
  expect_untouched(below);
}

TEST_F(LeftoversTest, NothingToHuntKillsNothing) {
  const StartedTask task = start_marked("exec sleep 1000", "u1");
  EXPECT_EQ(hunt({}).killed, 0u);
  expect_untouched(task);
}

}  // namespace
}  // namespace shoal::agent
