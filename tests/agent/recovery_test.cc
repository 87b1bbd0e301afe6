#include "agent/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "agent/supervisor/record.h"
#include "agent/update_log.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;
using Fate = FoundTask::Fate;

class RecoveryTest : public TaskTest {
 protected:
  void SetUp() override {
    TaskTest::SetUp();
    ASSERT_TRUE(find_runs(folder_.path()).ok());
  }
  static RunId run_id(const std::string& task) {
    return {core::to_string(kFramework), task, "run-" + task};
  }
  void write_task(const std::string& task, const std::string& boot_id = read_boot_id()) {
    wire::TaskDescription description;
    description.command = "true";
    const core::Resources held = resources_of("cpus:1");
    const auto record = encode_task_record(
        {kFramework, core::AgentId{0xa1}, task, held, description, task, {}}, boot_id);
    ASSERT_TRUE(write_checkpoint(folder_.path(), run_id(task), *record).ok());
  }
  template <typename Payload>
  void write_record(const std::string& task, const char* name, RecordKind kind,
                    const Payload& payload) {
    const RecordHeader header = header_of(kind, &payload, sizeof(payload));
    std::ofstream out(run_folder(folder_.path(), run_id(task)) + "/" + name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&header), sizeof(header));
    out.write(reinterpret_cast<const char*>(&payload), sizeof(payload));
  }
  void write_supervisor(const std::string& task, pid_t pid, std::uint64_t start_time,
                        const std::string& boot_id = read_boot_id()) {
    SupervisorPayload payload{pid, 0, start_time, {}};
    std::copy(boot_id.begin(), boot_id.end(), payload.boot_id);
    write_record(task, kSupervisorFile, RecordKind::kSupervisor, payload);
  }
  // Under its records, as an executor starts it.
  StartedTask start_recorded(const std::string& task, const std::string& line) {
    write_task(task);
    SpawnRequest wanted = request({line}, true);
    wanted.run_folder = run_folder(folder_.path(), run_id(task));
    wanted.task_uuid = run_id(task).run_uuid;
    return start(wanted);
  }
  Recovery recover_all(RecoverMode mode = RecoverMode::kReconnect) {
    auto recovery = recover(folder_.path(), read_boot_id(), mode);
    EXPECT_TRUE(recovery.ok()) << recovery.status();
    return recovery.ok() ? *std::move(recovery) : Recovery();
  }
  std::string loss(const std::string& task) {
    const Recovery recovery = recover_all();
    for (const FoundTask& found : recovery.tasks) {
      if (found.task.id == task && found.fate == Fate::kLost) return found.why;
    }
    return "not lost";
  }
};

TEST_F(RecoveryTest, LiveOnesAreFoundAndTouchedByNobody) {
  const StartedTask task = start_recorded("t", "exec sleep 1000");
  const Recovery recovery = recover_all();
  ASSERT_EQ(recovery.live.size(), 1u);
  EXPECT_EQ(recovery.live[0].pid, task.supervised.process.pid);
  EXPECT_TRUE(recovery.live[0].pidfd.valid());
  ASSERT_EQ(recovery.tasks.size(), 1u);
  EXPECT_EQ(recovery.tasks[0].fate, Fate::kRuns);
  EXPECT_EQ(recovery.tasks[0].task.resources, resources_of("cpus:1"));
  EXPECT_EQ(recovery.hunt.killed, 0u);
  EXPECT_TRUE(is_alive(task.leader));
  task.signal(SIGUSR1);
  wait(task);
}

// The clocks are the kernel's own; how long the machine takes for this is not known.
TEST_F(RecoveryTest, AgesAreCountedFromTheStartTime) {
  const std::uint64_t start_time = read_proc_stat(::getpid())->start_time;
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto younger = age_of(start_time);
  EXPECT_LT(younger, std::chrono::hours(24));
  const std::uint64_t seconds =
      std::min<std::uint64_t>(start_time / ticks, 100);  // it may be young
  EXPECT_GE(age_of(start_time - seconds * ticks) + std::chrono::seconds(1),
            younger + std::chrono::seconds(seconds));
  EXPECT_EQ(age_of(~std::uint64_t{0}).count(), 0);
}

TEST_F(RecoveryTest, EndedOnesSayHow) {
  wait(start_recorded("t", "exit 6"));
  const Recovery recovery = recover_all();
  EXPECT_TRUE(recovery.live.empty());
  EXPECT_EQ(recovery.over.size(), 1u);
  ASSERT_EQ(recovery.tasks.size(), 1u);
  EXPECT_EQ(recovery.tasks[0].fate, Fate::kExited);
  EXPECT_EQ(recovery.tasks[0].exit.exit.code_or_signal, 6);
  EXPECT_GT(recovery.tasks[0].exit.ended_ms, 1'500'000'000'000);
}

// A pid that came round again, before or after a restart of the machine, is a stranger's.
TEST_F(RecoveryTest, AStrangerWithTheSameNumberIsLeftAlone) {
  const StartedTask stranger = start(request({"sleep", "1000"}));
  const pid_t pid = stranger.supervised.process.pid;
  const std::uint64_t start_time = read_proc_stat(pid)->start_time;
  write_task("earlier");
  write_supervisor("earlier", pid, start_time - 1);
  EXPECT_THAT(loss("earlier"), HasSubstr("its supervisor was killed"));
  const std::string other_boot = "00000000-0000-0000-0000-000000000000";
  write_task("boot", other_boot);
  write_supervisor("boot", pid, start_time, other_boot);
  EXPECT_EQ(loss("boot"), "the machine was restarted");
  EXPECT_TRUE(is_alive(pid) && is_alive(stranger.leader));
  stranger.signal(SIGUSR1);
  wait(stranger);
}

TEST_F(RecoveryTest, WhoeverHadNotBegunIsLost) {
  write_task("t");
  EXPECT_EQ(loss("t"), "the agent ended while the task was being started");
}

TEST_F(RecoveryTest, ATaskWhoseRecordIsDamagedIsKilledAndOthersAreNot) {
  const StartedTask bad = start_recorded("bad", "exec sleep 1000");
  const StartedTask good = start_recorded("good", "exec sleep 1000");
  const std::string path = run_folder(folder_.path(), run_id("bad"));
  std::filesystem::resize_file(path + "/task", 100);
  const Recovery recovery = recover_all();
  ASSERT_EQ(recovery.tasks.size(), 2u);
  EXPECT_EQ(recovery.tasks[0].task.id, "bad");
  EXPECT_EQ(recovery.tasks[0].task.framework, kFramework);
  EXPECT_EQ(recovery.tasks[0].fate, Fate::kLost);
  EXPECT_THAT(recovery.tasks[0].why, HasSubstr(path + "/task: it is cut off after 100 of"));
  EXPECT_THAT(recovery.notes, testing::ElementsAre(HasSubstr("task 'bad' of")));
  EXPECT_EQ(recovery.live.size(), 1u);
  EXPECT_TRUE(wait_readable(bad.supervisor().get()));
  EXPECT_TRUE(is_alive(good.leader));
  good.signal(SIGUSR1);
  wait(good);
}

TEST_F(RecoveryTest, DamagedRecordsOfTheSupervisorAreLosses) {
  for (const char* name : {kSupervisorFile, kExitFile}) {
    const StartedTask task = start_recorded("t", "exec sleep 1000");
    const std::string path = run_folder(folder_.path(), run_id("t"));
    folder_.write("meta/" + path.substr(path.rfind('/') + 1) + "/" + name, "nonsense");
    EXPECT_THAT(loss("t"), HasSubstr(std::string(name) + ": it is cut off after 8 bytes"));
    EXPECT_TRUE(wait_readable(task.supervisor().get())) << "nobody watches it";
    wait_exited(task.supervisor()).IgnoreError();
    EXPECT_TRUE(remove_checkpoint(folder_.path(), run_id("t")).ok());
  }
}

TEST_F(RecoveryTest, WhatWasToldToHaveEndedDoesNotRunOn) {
  const StartedTask task = start_recorded("t", "exec sleep 1000");
  TestAgent said;
  said.connect();
  said.start("t");
  said.exit("t");
  std::ofstream out(update_log_path(folder_.path()), std::ios::binary);
  out.write(reinterpret_cast<const char*>(said.fx.history.data()),
            static_cast<std::streamsize>(said.fx.history.size()));
  out << "torn";
  out.close();
  const Recovery recovery = recover_all();
  EXPECT_TRUE(recovery.live.empty());
  EXPECT_EQ(recovery.over.size(), 1u);
  EXPECT_EQ(recovery.history.tasks().size(), 1u);
  EXPECT_THAT(recovery.notes, testing::ElementsAre(HasSubstr("/updates: 4 bytes are damaged")));
  EXPECT_TRUE(wait_readable(task.supervisor().get()));
}

TEST_F(RecoveryTest, CleanupKillsAndForgets) {
  const StartedTask task = start_recorded("t", "exec sleep 1000");
  wait(start_recorded("ended", "exit 1"));
  folder_.write("meta/updates", "whatever");
  const Recovery recovery = recover_all(RecoverMode::kCleanup);
  EXPECT_TRUE(recovery.tasks.empty() && recovery.live.empty() && recovery.over.empty());
  EXPECT_GE(recovery.hunt.killed, 1u) << "the leader may be faster: it goes with its supervisor";
  EXPECT_TRUE(wait_readable(task.supervisor().get()));
  EXPECT_TRUE(find_runs(folder_.path())->runs.empty());
  EXPECT_FALSE(std::filesystem::exists(update_log_path(folder_.path())));
}

}  // namespace
}  // namespace shoal::agent
