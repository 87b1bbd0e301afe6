#include "agent/spawner.h"

#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/spawn_error.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {
namespace {

using SpawnerTest = TaskTest;

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++count;
  }
  return count;
}

TEST_F(SpawnerTest, ReportsEveryExitCode) {
  for (const int code : {0, 1, 2, 127, 128, 255}) {
    const ExitStatus status = run_shell(absl::StrCat("exit ", code));
    EXPECT_FALSE(status.signaled);
    EXPECT_EQ(status.code_or_signal, code);
  }
}

TEST_F(SpawnerTest, ReportsTheSignalThatEndedATask) {
  for (const int signo : {SIGTERM, SIGKILL, SIGHUP, SIGUSR1, SIGPIPE}) {
    const ExitStatus status = run_shell(absl::StrCat("kill -", signo, " $$"));
    EXPECT_TRUE(status.signaled);
    EXPECT_EQ(status.code_or_signal, signo);
    EXPECT_FALSE(status.core_dumped);
  }
}

TEST_F(SpawnerTest, ARunningTaskHasNoExitStatusYet) {
  const StartedTask task = start(request({"sleep", "1000"}));
  const auto running = wait_exited(task.supervisor());
  ASSERT_TRUE(running.ok());
  EXPECT_FALSE(running->has_value());
  EXPECT_FALSE(read_exit_file(task.run_folder).ok());
  const auto stat = read_proc_stat(task.leader);
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->session, task.leader);
  EXPECT_EQ(stat->group, task.leader);
  EXPECT_EQ(stat->parent, task.supervised.process.pid);
  task.signal(SIGUSR1);
  EXPECT_EQ(wait(task).code_or_signal, SIGKILL);
  EXPECT_TRUE(absl::IsNotFound(wait_exited(task.supervisor()).status()));
}

TEST_F(SpawnerTest, OutputGoesToItsFilesAndInputIsEmpty) {
  EXPECT_EQ(run_shell("cat; echo out; echo err >&2").code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "out\n");
  EXPECT_EQ(folder_.read("stderr"), "err\n");
}

TEST_F(SpawnerTest, ShellLineGetsItsParameters) {
  EXPECT_EQ(run(request({"echo $1-$2; echo $0 >&2", "a b", "c"}, true)).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "a b-c\n");
  EXPECT_EQ(folder_.read("stderr"), "sh\n");
}

TEST_F(SpawnerTest, ArgumentsArePassedUnchanged) {
  EXPECT_EQ(run(request({"printf", "%s|", "", " a  b", "*", "$HOME", "\xff\n"})).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "| a  b|*|$HOME|\xff\n|");
}

TEST_F(SpawnerTest, EnvironmentIsBuiltFromNothing) {
  ::setenv("LEAKED_FROM_AGENT", "1", 1);
  SpawnRequest wanted = request({"env"});
  wanted.environment = {{"A", "1"}, {"B", "x=y"}, {"A", "2"}, {"SHOAL_TASK_UUID", "forged"}};
  wanted.task_uuid = "run-1";
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  ::unsetenv("LEAKED_FROM_AGENT");
  const std::string text = folder_.read("stdout");
  const std::multiset<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  const std::multiset<std::string> expected = {absl::StrCat("PATH=", kDefaultTaskPath),
                                               "HOME=" + folder_.path(), "A=2", "B=x=y",
                                               "SHOAL_TASK_UUID=run-1"};
  EXPECT_EQ(lines, expected);
}

TEST_F(SpawnerTest, ProgramIsLookedUpInTheTasksOwnPath) {
  ASSERT_EQ(::mkdir((folder_.path() + "/bin").c_str(), 0755), 0);
  folder_.write("bin/tool", "#!/bin/sh\necho mine\n", 0755);
  SpawnRequest wanted = request({"tool"});
  EXPECT_EQ(failure(wanted).reason, SpawnFailure::kNotFound);
  wanted.environment = {{"PATH", "/nonexistent:" + folder_.path() + "/bin"}};
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  wanted.environment = {{"PATH", "bin"}};  // relative: from the working directory, as in execvp
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  wanted.arguments = {"bin/tool"};
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "mine\nmine\nmine\n");
}

TEST_F(SpawnerTest, TaskHasThreeDescriptorsOnly) {
  // Neither those that were opened with care nor those that were not, low or high.
  const UniqueFd careless(::open("/dev/null", O_RDWR));
  const UniqueFd high(::fcntl(careless.get(), F_DUPFD, 900));
  ASSERT_TRUE(high.valid());
  EXPECT_EQ(run(request({"ls", "/proc/self/fd"})).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "0\n1\n2\n3\n");  // 3 is ls reading the folder
}

TEST_F(SpawnerTest, SignalsAreResetForTheTask) {
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  const ExitStatus status =
      run(request({"grep", "-E", "^Sig(Blk|Ign)|NoNewPrivs", "/proc/self/status"}));
  std::signal(SIGPIPE, pipe_before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(status.code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
            "NoNewPrivs:\t1\n");
}

TEST_F(SpawnerTest, HostileUmaskDoesNotReachTheTask) {
  const mode_t before = ::umask(0777);
  const ExitStatus status = run_shell("umask; touch made");
  const mode_t of_agent = ::umask(before);
  EXPECT_EQ(status.code_or_signal, 0);
  EXPECT_EQ(of_agent, 0777u);
  EXPECT_EQ(folder_.read("stdout"), "0022\n");
  struct stat info {};
  ASSERT_EQ(::stat((folder_.path() + "/made").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0644u);
}

TEST_F(SpawnerTest, ExitCodesSurviveAnIgnoredSigchld) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  spawner_.emplace(*Spawner::create(supervisor_program()));
  EXPECT_EQ(run_shell("exit 7").code_or_signal, 7);
  std::signal(SIGCHLD, before);
}

// Everything that can be wrong with a command, and what the owner of the task reads.
struct BadCommand {
  std::string name;
  std::vector<std::string> arguments;
  SpawnFailure reason;
  int err;
  std::string in_message;
};

std::vector<BadCommand> bad_commands(const TempFolder& folder) {
  const std::string f = folder.path() + "/";
  folder.write("plain", "text", 0644);
  folder.write("script_without_interpreter", "#!/no/such/shell\n", 0755);
  folder.write("windows", "#!/bin/sh\r\necho\r\n", 0755);
  folder.write("runs_plain", "#!" + f + "plain\n", 0755);
  folder.write("garbage",
               std::string("\x7f"
                           "ELF garbage"),
               0755);
  folder.write("empty", "", 0755);
  folder.write("self", "#!" + f + "self\n", 0755);
  EXPECT_EQ(::mkdir((f + "folder").c_str(), 0755), 0);
  EXPECT_EQ(::symlink((f + "loop").c_str(), (f + "loop").c_str()), 0);
  EXPECT_EQ(::symlink((f + "gone").c_str(), (f + "dangling").c_str()), 0);
  EXPECT_EQ(::mkfifo((f + "fifo").c_str(), 0755), 0);
  const std::string long_name(300, 'n');
  return {
      {"nothing", {}, SpawnFailure::kEmptyCommand, 0, "empty"},
      {"empty name", {""}, SpawnFailure::kEmptyCommand, 0, "empty"},
      {"nul", {"/bin/echo", std::string("a\0b", 3)}, SpawnFailure::kNulByte, 0, "argument 1"},
      {"absolute", {f + "none"}, SpawnFailure::kNotFound, ENOENT, f + "none"},
      {"relative", {"./none"}, SpawnFailure::kNotFound, ENOENT, "./none"},
      {"in path", {"no-such-tool"}, SpawnFailure::kNotFound, ENOENT, "PATH"},
      {"dangling link", {f + "dangling"}, SpawnFailure::kNotFound, ENOENT, "dangling"},
      {"file as folder", {f + "plain/x"}, SpawnFailure::kNotFound, ENOTDIR, "plain/x"},
      {"long name", {"./" + long_name}, SpawnFailure::kNotFound, ENAMETOOLONG, "too long"},
      {"no x bit", {f + "plain"}, SpawnFailure::kNotExecutable, EACCES, "plain"},
      {"fifo", {f + "fifo"}, SpawnFailure::kNotExecutable, EACCES, "regular"},
      {"folder", {f + "folder"}, SpawnFailure::kIsDirectory, EISDIR, "folder"},
      {"no shell",
       {"./script_without_interpreter"},
       SpawnFailure::kBadInterpreter,
       ENOENT,
       "/no/such/shell"},
      {"crlf", {"./windows"}, SpawnFailure::kBadInterpreter, ENOENT, "Windows"},
      {"shell no x", {"./runs_plain"}, SpawnFailure::kBadInterpreter, EACCES, f + "plain"},
      {"itself", {"./self"}, SpawnFailure::kBadInterpreter, ELOOP, "self"},
      {"garbage", {f + "garbage"}, SpawnFailure::kNotAProgram, ENOEXEC, "garbage"},
      {"empty file", {f + "empty"}, SpawnFailure::kNotAProgram, ENOEXEC, "empty"},
      {"too long",
       {"/bin/echo", std::string(200'000, 'x')},
       SpawnFailure::kArgumentsTooLong,
       E2BIG,
       "too long"},
      {"loop", {f + "loop"}, SpawnFailure::kTooManySymlinks, ELOOP, "loop"},
  };
}

TEST_F(SpawnerTest, EveryExecFailureIsToldApart) {
  const std::vector<BadCommand> commands = bad_commands(folder_);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {  // of tests before
  }
  const std::size_t before = open_descriptors();
  for (const BadCommand& bad : commands) {
    SCOPED_TRACE(bad.name);
    const SpawnError error = failure(request(bad.arguments));
    EXPECT_EQ(name_of(error.reason), name_of(bad.reason)) << error.message;
    EXPECT_EQ(error.err, bad.err) << error.message;
    EXPECT_NE(error.message.find(bad.in_message), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find('\n'), std::string::npos);
    EXPECT_LT(error.message.size(), 700u);
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a failed start left a child";
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(SpawnerTest, AlmostFoundInPathSaysWhatWasFound) {
  folder_.write("tool", "#!/bin/sh\n", 0644);
  SpawnRequest wanted = request({"tool"});
  wanted.environment = {{"PATH", folder_.path()}};
  EXPECT_EQ(failure(wanted).reason, SpawnFailure::kNotExecutable);
  wanted.environment = {{"PATH", ""}};  // one empty entry: the working directory
  EXPECT_EQ(failure(wanted).reason, SpawnFailure::kNotExecutable);
}

TEST_F(SpawnerTest, ControlBytesInANameAreEscaped) {
  EXPECT_EQ(failure(request({"/no\nsuch\x1b[31m"})).message,
            "cannot run '/no\\nsuch\\x1b[31m': no such file");
}

TEST_F(SpawnerTest, BusyProgramIsToldApart) {
  std::filesystem::copy_file("/bin/true", folder_.path() + "/busy");
  const UniqueFd writer(::open((folder_.path() + "/busy").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(writer.valid());
  const SpawnError error = failure(request({"./busy"}));
  EXPECT_EQ(error.reason, SpawnFailure::kBusy) << error.message;
  EXPECT_EQ(error.err, ETXTBSY);
}

TEST_F(SpawnerTest, BadWorkingDirectoryIsToldApart) {
  folder_.write("plain", "text");
  const std::vector<std::pair<std::string, int>> rows = {
      {"/no/such/folder", ENOENT}, {folder_.path() + "/plain", ENOTDIR}, {"relative", 0}, {"", 0}};
  for (const auto& [path, err] : rows) {
    for (const char* command : {"true", "/bin/true", "./true"}) {
      SpawnRequest wanted = request({command});
      wanted.working_directory = path;
      const SpawnError error = failure(wanted);
      EXPECT_EQ(error.reason, SpawnFailure::kBadWorkingDirectory) << error.message;
      EXPECT_EQ(error.err, err);
      EXPECT_NE(error.message.find(path), std::string::npos);
    }
  }
}

TEST_F(SpawnerTest, BadVariablesAreRefused) {
  SpawnRequest wanted = request({"true"});
  for (const char* name : {"", "A=B", "="}) {
    wanted.environment = {{name, "x"}};
    EXPECT_EQ(failure(wanted).reason, SpawnFailure::kBadEnvironment);
  }
  wanted.environment = {{"A", std::string("x\0y", 3)}};
  EXPECT_EQ(failure(wanted).reason, SpawnFailure::kNulByte);
}

TEST_F(SpawnerTest, ClosedOutputIsRefused) {
  SpawnRequest wanted = request({"true"});
  wanted.stdout_fd = -1;
  const SpawnResult result = spawner_->spawn(wanted);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error.err, EBADF);
}

TEST_F(SpawnerTest, NoDescriptorIsLeftOverManySpawns) {
  run(request({"true"}));
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(run(request({"true"})).code_or_signal, 0);
    EXPECT_EQ(failure(request({"/no/such"})).err, ENOENT);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(SpawnerTest, TheLogIsNotHeldOpenAfterwards) {
  run(request({"true"}));
  const std::string log = folder_.path() + "/stdout";
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (target == log) {
      EXPECT_EQ(entry.path().filename(), std::to_string(out_.get()));
    }
  }
}

// --- what needs a process of its own ------------------------------------------------------------

// Runs `body` in a fork and gives its exit code. The body must only _exit.
template <typename Body>
int in_fork(Body body) {
  std::fflush(nullptr);  // a sanitizer's _exit may write out what was buffered here
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

TEST_F(SpawnerTest, WorksWithDescriptors0To2ClosedInTheAgent) {
  const int code = in_fork([&] {
    ::close(0);
    ::close(1);
    ::close(2);
    auto spawner = Spawner::create(supervisor_program());
    if (!spawner.ok()) ::_exit(101);
    SpawnRequest wanted = request({"ls /proc/self/fd; readlink /proc/self/fd/0; echo e >&2"}, true);
    // The log files of the task get the lowest numbers there are: 0 and 1.
    const UniqueFd out(::open((folder_.path() + "/low").c_str(), O_WRONLY | O_CREAT, 0600));
    const UniqueFd err(::open((folder_.path() + "/low2").c_str(), O_WRONLY | O_CREAT, 0600));
    if (out.get() != 0 || err.get() != 1) ::_exit(102);
    wanted.stdout_fd = err.get();  // and crossed over, so that a careless dup2 would lose one
    wanted.stderr_fd = out.get();
    SpawnResult result = spawner->spawn(wanted);
    if (!result.ok()) ::_exit(103);
    if (!wait_readable(result.supervised->process.pidfd.get())) ::_exit(104);
    const auto ended = read_exit_file(wanted.run_folder);
    ::_exit(ended.ok() ? ended->exit.code_or_signal : 105);
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(folder_.read("low2"), "0\n1\n2\n3\n/dev/null\n");
  EXPECT_EQ(folder_.read("low"), "e\n");
}

TEST_F(SpawnerTest, ATaskOutlivesItsAgent) {
  const SpawnRequest wanted =
      request({"trap 'exit 7' TERM; echo up; while :; do wait; done"}, true);
  int report[2];
  ASSERT_EQ(::pipe2(report, O_CLOEXEC), 0);
  const pid_t agent = ::fork();
  if (agent == 0) {
    const StartedTask task = start(wanted);
    const pid_t pids[2] = {task.supervised.process.pid, task.leader};
    if (::write(report[1], pids, sizeof(pids)) < 0) ::_exit(1);
    for (;;) ::pause();
  }
  pid_t pids[2] = {-1, -1};
  ASSERT_EQ(::read(report[0], pids, sizeof(pids)), static_cast<ssize_t>(sizeof(pids)));
  ASSERT_GT(pids[1], 0);
  ::kill(agent, SIGKILL);
  EXPECT_EQ(::waitpid(agent, nullptr, 0), agent);
  const UniqueFd supervisor(static_cast<int>(::syscall(SYS_pidfd_open, pids[0], 0)));
  ASSERT_TRUE(supervisor.valid());
  EXPECT_FALSE(wait_readable(supervisor.get(), 50)) << "it died with its agent";
  EXPECT_TRUE(is_alive(pids[1]));
  while (folder_.read("stdout").empty()) ::poll(nullptr, 0, 1);
  EXPECT_TRUE(send_signal(supervisor, SIGTERM));
  EXPECT_TRUE(wait_readable(supervisor.get()));
  const auto ended = read_exit_file(wanted.run_folder);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->exit.code_or_signal, 7);
  ::close(report[0]);
  ::close(report[1]);
}

TEST_F(SpawnerTest, WithoutASupervisorThereIsNoSpawner) {
  const auto spawner = Spawner::create("/no/such/supervisor");
  EXPECT_TRUE(absl::IsNotFound(spawner.status()));
  EXPECT_NE(spawner.status().message().find("/no/such/supervisor"), std::string::npos);
}

TEST_F(SpawnerTest, NoDescriptorLeftIsResourceExhausted) {
  const int code = in_fork([&] {
    const SpawnRequest wanted = request({"/bin/true"});
    const rlimit few{16, 16};
    ::setrlimit(RLIMIT_NOFILE, &few);
    while (::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
    }
    const SpawnResult result = spawner_->spawn(wanted);
    ::_exit(!result.ok() && result.error.reason == SpawnFailure::kResourceExhausted ? 0 : 1);
  });
  EXPECT_EQ(code, 0);
}

TEST_F(SpawnerTest, NoProcessLeftIsResourceExhausted) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  ::chmod(folder_.path().c_str(), 0777);
  const int code = in_fork([&] {
    const SpawnRequest wanted = request({"/bin/true"});
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setresuid(65534, 65534, 65534) != 0) {
      ::_exit(2);
    }
    const SpawnResult result = spawner_->spawn(wanted);
    ::_exit(!result.ok() && result.error.reason == SpawnFailure::kResourceExhausted &&
                    result.error.err == EAGAIN
                ? 0
                : 1);
  });
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace shoal::agent
