#include "agent/leftovers.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "agent/data_dir_lock.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

namespace fs = std::filesystem;

ProcessRecord sample() { return {"run-1", "f-1", "task.1", 4711, 99, "boot-1"}; }

TEST(RecordTest, RoundTrips) {
  const auto back = decode_record(encode_record(sample()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->run_uuid, "run-1");
  EXPECT_EQ(back->framework_id, "f-1");
  EXPECT_EQ(back->task_id, "task.1");
  EXPECT_EQ(back->pid, 4711);
  EXPECT_EQ(back->start_time, 99u);
  EXPECT_EQ(back->boot_id, "boot-1");
}

TEST(RecordTest, DamagedRecordsAreRefused) {
  const std::string good = encode_record(sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_record(good.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_record(good + "x").ok());
  EXPECT_FALSE(decode_record(good + std::string(5000, '\n')).ok());
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"pid=4711", "pid=1"},
                                                        {"pid=4711", "pid=-4711"},
                                                        {"pid=4711", "pid=0"},
                                                        {"pid=4711", "pid=4711 "},
                                                        {"pid=4711", "pid=99999999999999999999"},
                                                        {"run=run-1", "run=../x"},
                                                        {"start_time=99", "start_time=-1"},
                                                        {"process 1", "process 2"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_FALSE(decode_record(bad).ok()) << to;
  }
  // Each bit flipped: refused, or still a record; never a crash.
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    std::string bad = good;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    decode_record(bad).IgnoreError();
  }
}

class LeftoversTest : public TaskTest {
 protected:
  static ProcessRecord record_of(const SpawnedProcess& process, const std::string& uuid) {
    return {uuid, "f-1", "t-1", process.pid, process.start_time, read_boot_id()};
  }
  SpawnedProcess start_marked(const std::string& line, const std::string& uuid) {
    SpawnRequest wanted = request({line}, true);
    wanted.task_uuid = uuid;
    return start(wanted);
  }
  LeftoverReport kill_them() {
    auto report = kill_leftovers(folder_.path(), read_boot_id());
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(LeftoverReport{});
  }
  void expect_untouched(const SpawnedProcess& process) {
    const auto status = peek_exit(process.pidfd);
    ASSERT_TRUE(status.ok());
    EXPECT_FALSE(status->has_value()) << "a stranger was killed";
  }
  void end(const SpawnedProcess& process) {
    ASSERT_TRUE(signal_group(process, SIGKILL).ok());
    wait(process);
  }
  std::string wait_for_line(const std::string& fifo) {
    std::ifstream in(folder_.path() + "/" + fifo);
    std::string line;
    std::getline(in, line);
    return line;
  }
};

TEST_F(LeftoversTest, ATaskOfADeadAgentIsKilledAndItsRecordRemoved) {
  ASSERT_EQ(::mkfifo((folder_.path() + "/ready").c_str(), 0600), 0);
  // The member has neither marker nor family: only its session says whose it is.
  const SpawnedProcess task = start_marked(
      "(exec env -i sh -c 'echo $$ > ready; exec sleep 1000') & exec sleep 1000", "run-1");
  const pid_t member = std::stoi(wait_for_line("ready"));
  ASSERT_TRUE(write_record(folder_.path(), record_of(task, "run-1")).ok());
  const LeftoverReport report = kill_them();
  EXPECT_EQ(report.records.size(), 1u);
  EXPECT_EQ(report.killed, 2u);
  EXPECT_EQ(report.survivors, 0u);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
  const auto stat = read_proc_stat(member);
  EXPECT_TRUE(!stat || stat->ended());
  EXPECT_TRUE(find_records(folder_.path())->records.empty());
}

TEST_F(LeftoversTest, AnEscapeeIsFoundByItsMarkerWhenTheLeaderIsGone) {
  ASSERT_EQ(::mkfifo((folder_.path() + "/ready").c_str(), 0600), 0);
  const SpawnedProcess task =
      start_marked("setsid sh -c 'echo $$ > ready; exec sleep 1000' & exit 0", "run-only-1");
  const pid_t escapee = std::stoi(wait_for_line("ready"));
  ASSERT_TRUE(write_record(folder_.path(), record_of(task, "run-only-1")).ok());
  EXPECT_EQ(wait(task).code_or_signal, 0);
  const LeftoverReport report = kill_them();
  EXPECT_EQ(report.killed, 1u);
  const auto stat = read_proc_stat(escapee);
  EXPECT_TRUE(!stat || stat->ended());
}

// Its agent died after it began and before its process was noted.
TEST_F(LeftoversTest, ATaskThatWasAboutToBeginIsFoundByItsMarker) {
  const SpawnedProcess task = start_marked("exec sleep 1000", "run-only-2");
  const SpawnedProcess stranger = start_marked("exec sleep 1000", "somebody-else");
  ASSERT_TRUE(
      write_record(folder_.path(), {"run-only-2", "f-1", "t-1", 0, 0, read_boot_id()}).ok());
  const LeftoverReport report = kill_them();
  EXPECT_EQ(report.killed, 1u);
  EXPECT_EQ(report.survivors, 0u);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
  EXPECT_TRUE(find_records(folder_.path())->records.empty());
  expect_untouched(stranger);
  end(stranger);
}

TEST_F(LeftoversTest, ANumberThatCameRoundAgainIsNotKilled) {
  const SpawnedProcess stranger = start_marked("exec sleep 1000", "somebody-else");
  ProcessRecord record = record_of(stranger, "run-1");
  record.start_time -= 1;
  ASSERT_TRUE(write_record(folder_.path(), record).ok());
  EXPECT_EQ(kill_them().killed, 0u);
  expect_untouched(stranger);
  record.start_time += 1;
  record.boot_id = "00000000-0000-0000-0000-000000000000";  // before the machine was restarted
  ASSERT_TRUE(write_record(folder_.path(), record).ok());
  EXPECT_EQ(kill_them().killed, 0u);
  expect_untouched(stranger);
  EXPECT_TRUE(find_records(folder_.path())->records.empty());
  end(stranger);
}

TEST_F(LeftoversTest, WithoutABootIdNothingIsKilled) {
  const SpawnedProcess task = start_marked("exec sleep 1000", "run-1");
  ASSERT_TRUE(write_record(folder_.path(), record_of(task, "run-1")).ok());
  EXPECT_EQ(kill_leftovers(folder_.path(), "")->killed, 0u);
  expect_untouched(task);
  end(task);
}

TEST_F(LeftoversTest, FilesThatAreNoRecordsAreNamedAndLeft) {
  ASSERT_TRUE(write_record(folder_.path(), sample()).ok());
  const std::string running = folder_.path() + "/running/";
  EXPECT_EQ(fs::status(running).permissions(), fs::perms::owner_all);
  fs::rename(running + "run-1", running + "another-name");
  folder_.write("running/empty", "");
  folder_.write("running/huge", std::string(1 << 20, 'x'));
  folder_.write("running/~half-written", "shoal-pro");
  fs::create_symlink("/etc/passwd", running + "link");
  fs::create_directory(running + "folder");
  ASSERT_EQ(::mkfifo((running + "fifo").c_str(), 0600), 0);
  const auto found = find_records(folder_.path());
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->records.empty());
  EXPECT_EQ(found->ignored.size(), 6u);
  EXPECT_FALSE(fs::exists(running + "~half-written"));
  EXPECT_TRUE(kill_leftovers(folder_.path(), read_boot_id()).ok());
}

TEST_F(LeftoversTest, RecordsComeAndGo) {
  EXPECT_TRUE(find_records(folder_.path())->records.empty()) << "no folder yet";
  EXPECT_TRUE(remove_record(folder_.path(), "run-1").ok());
  ASSERT_TRUE(write_record(folder_.path(), sample()).ok());
  ASSERT_TRUE(write_record(folder_.path(), sample()).ok());
  EXPECT_EQ(find_records(folder_.path())->records.size(), 1u);
  EXPECT_TRUE(remove_record(folder_.path(), "run-1").ok());
  EXPECT_TRUE(find_records(folder_.path())->records.empty());
  EXPECT_FALSE(remove_record(folder_.path(), "../agent.lock").ok());
  ProcessRecord bad = sample();
  bad.run_uuid = "../../x";
  EXPECT_TRUE(absl::IsInvalidArgument(write_record(folder_.path(), bad)));
  EXPECT_TRUE(absl::IsNotFound(write_record("/no/such/data", sample())));
}

TEST(DataDirLockTest, ASecondAgentIsRefusedWithTheFirstOnesPid) {
  const TempFolder folder;
  const std::string data = folder.path() + "/data";
  {
    const auto first = DataDirLock::acquire(data);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = DataDirLock::acquire(data);
    EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
    EXPECT_NE(second.status().message().find(absl::StrCat("process ", ::getpid())),
              std::string::npos)
        << second.status();
  }
  EXPECT_TRUE(DataDirLock::acquire(data).ok()) << "the lock outlived its owner";
}

TEST(DataDirLockTest, ADeadAgentHoldsNothing) {
  const TempFolder folder;
  const pid_t agent = ::fork();
  if (agent == 0) {
    const auto lock = DataDirLock::acquire(folder.path());
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(agent, &status, 0), agent);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(DataDirLock::acquire(folder.path()).ok());
}

TEST(DataDirLockTest, TasksDoNotInheritTheLock) {
  const TempFolder folder;
  auto spawner = Spawner::create();
  std::optional<DataDirLock> lock(*DataDirLock::acquire(folder.path()));
  SpawnRequest wanted;
  wanted.arguments = {"sleep", "1000"};
  wanted.working_directory = folder.path();
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  wanted.stdout_fd = wanted.stderr_fd = null.get();
  const SpawnResult task = spawner->spawn(wanted);
  ASSERT_TRUE(task.ok());
  lock.reset();
  EXPECT_TRUE(DataDirLock::acquire(folder.path()).ok());
  ASSERT_TRUE(signal_group(*task.process, SIGKILL).ok());
  ASSERT_TRUE(wait_readable(task.process->pidfd.get()));
  EXPECT_TRUE(wait_exited(task.process->pidfd)->has_value());
}

TEST(DataDirLockTest, ABadFolderIsNamed) {
  const TempFolder folder;
  folder.write("file", "");
  EXPECT_TRUE(absl::IsNotFound(DataDirLock::acquire("/no/such/place").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(DataDirLock::acquire(folder.path() + "/file").status()));
  fs::create_symlink("/etc/passwd", folder.path() + "/agent.lock");
  EXPECT_TRUE(absl::IsFailedPrecondition(DataDirLock::acquire(folder.path()).status()));
}

}  // namespace
}  // namespace shoal::agent
