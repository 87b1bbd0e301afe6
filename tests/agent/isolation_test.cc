#include "agent/isolation.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "agent/cgroup_usage.h"
#include "agent/proc_usage.h"
#include "agent/seccomp_filter.h"
#include "agent/task_life.h"
#include "tests/agent/held_task.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;

TEST(ParseIsolationTest, Words) {
  const auto automatic = parse_isolation("auto");
  EXPECT_TRUE(automatic->is_auto && automatic->cgroup && automatic->namespaces &&
              automatic->seccomp && automatic->capabilities && automatic->devices &&
              !automatic->private_tmp);
  EXPECT_FALSE(parse_isolation("none")->any());
  const auto some = parse_isolation("seccomp,cgroup");
  EXPECT_TRUE(some->seccomp && some->cgroup && !some->namespaces && !some->is_auto);
  EXPECT_TRUE(parse_isolation("auto,tmp")->private_tmp);
  EXPECT_TRUE(parse_isolation("auto,user")->user);
  EXPECT_FALSE(parse_isolation("auto")->user);
  for (const char* bad : {"", "all", "cgroup,", "none,cgroup", "tmp", "cgroup,tmp", "devices"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(parse_isolation(bad).status())) << bad;
  }
}

TEST(MemoryLimitTest, IsToldApart) {
  Task task;
  ExitStatus killed;
  killed.signaled = true;
  killed.code_or_signal = SIGKILL;
  killed.oom_kills = 1;
  killed.memory_limit = 64 << 20;
  killed.memory_peak = (63 << 20) + 1;
  const StatusUpdate update = update_of_exit(task, killed);
  EXPECT_EQ(update.state, core::TaskState::kFailed);
  EXPECT_EQ(update.reason, core::TaskReason::kMemoryLimit);
  EXPECT_EQ(update.message,
            "killed by SIGKILL; 1 of its processes killed for want of memory: the limit is 64 MiB, "
            "the most it used 64 MiB");
  ExitStatus unlimited = killed;
  unlimited.memory_limit = 0;
  EXPECT_EQ(update_of_exit(task, unlimited).message,
            "killed by SIGKILL; 1 of its processes killed for want of memory: it has no limit, the "
            "machine had none left, the most it used 64 MiB");
  ExitStatus went_on = killed;
  went_on.signaled = false;
  went_on.code_or_signal = 0;
  EXPECT_EQ(update_of_exit(task, went_on).state, core::TaskState::kFinished);
  EXPECT_EQ(update_of_exit(task, went_on).reason, core::TaskReason::kNone);
  task.is_kill_asked = true;
  EXPECT_EQ(update_of_exit(task, killed).state, core::TaskState::kKilled);
}

// Whether other users may enter all the folders above this one.
bool is_open_above(std::filesystem::path folder) {
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    const auto allowed = std::filesystem::status(folder).permissions();
    if ((allowed & std::filesystem::perms::others_exec) == std::filesystem::perms::none)
      return false;
  }
  return true;
}

class IsolationTest : public HeldTaskTest {};

TEST_F(IsolationTest, AutoAlwaysOpensAndSaysWhatIsMissing) {
  ASSERT_TRUE(hold("auto")) << why_not_;
  fmt::print("{}; {}\n", isolation_->to_string(), isolation_->missing());
  EXPECT_EQ(run_held("exit 3").code_or_signal, 3);
  EXPECT_EQ(run_held("python3 -c 'import multiprocessing as m; m.Pool(2).map(abs, [1, 2])'")
                .code_or_signal,
            0);
  EXPECT_FALSE(std::filesystem::exists(data_.path() + "/trial"));
}

TEST_F(IsolationTest, NoneHoldsNothing) {
  ASSERT_TRUE(hold("none"));
  const SpawnRequest plain = held({"true"});
  EXPECT_TRUE(plain.settings.empty());
  EXPECT_FALSE(plain.own_pids);
  EXPECT_EQ(isolation_->to_string(), "none");
  EXPECT_EQ(isolation_->missing(), "");
}

TEST_F(IsolationTest, MoreMemoryThanTheLimit) {
  if (!hold("cgroup")) GTEST_SKIP() << why_not_;
  const ExitStatus killed =
      run(held({"python3", "-c", "x = bytearray(200 << 20)"}, false, "cpus:1;mem:64"));
  EXPECT_TRUE(killed.signaled);
  EXPECT_EQ(killed.code_or_signal, SIGKILL);
  EXPECT_GE(killed.oom_kills, 1u);
  EXPECT_EQ(killed.memory_limit, 64u << 20);
  EXPECT_GT(killed.memory_peak, 32u << 20);
  const ExitStatus within =
      run(held({"python3", "-c", "x = bytearray(20 << 20)"}, false, "cpus:1;mem:64"));
  EXPECT_EQ(within.code_or_signal, 0);
  EXPECT_EQ(within.oom_kills, 0u);
  EXPECT_GT(within.memory_peak, 20u << 20);
}

TEST_F(IsolationTest, NoMoreProcessesThanTheLimit) {
  if (!hold("cgroup", 20)) GTEST_SKIP() << why_not_;
  const char* line =
      "import os, time\nn = 0\n"
      "try:\n  while n < 100:\n    if os.fork() == 0: time.sleep(1000)\n    n += 1\n"
      "except OSError: pass\nprint(n)";
  EXPECT_EQ(run(held({"python3", "-c", line})).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "19\n");
}

TEST_F(IsolationTest, AQuotaThrottles) {
  if (!hold("cgroup", 0, true)) GTEST_SKIP() << why_not_;
  const StartedTask task = start(held({"while :; do :; done"}, true, "cpus:0.1"));
  while (usage().throttled_ns.value_or(0) == 0) ::poll(nullptr, 0, 5);
  EXPECT_GT(usage().cpu_ns.value_or(0), 0u);
  EXPECT_GT(usage().memory_bytes.value_or(0), 0u);
  EXPECT_EQ(usage().processes, 1u);
  task.signal(SIGUSR1);
  wait(task);
}

TEST_F(IsolationTest, ATaskSeesAndReachesNobodyElse) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(output_of("echo $$; exec 2>&1; kill -9 1; kill -0 1 && echo the supervisor lives"),
            "2\nthe supervisor lives\n");
  EXPECT_EQ(output_of("echo /proc/[0-9]*"), "/proc/1 /proc/2\n") << "the supervisor and the shell";
  EXPECT_NE(output_of("readlink /proc/self/ns/ipc"),
            std::filesystem::read_symlink("/proc/self/ns/ipc").string() + "\n");
  EXPECT_EQ(output_of("ls /dev/shm | wc -l; touch /dev/shm/x && echo made"), "0\nmade\n");
  EXPECT_FALSE(std::filesystem::exists("/dev/shm/x"));
}

TEST_F(IsolationTest, ATaskChangesNothingOfTheKernels) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  for (const char* file :
       {"/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness", "/sys/kernel/x"}) {
    EXPECT_THAT(output_of(fmt::format("exec 2>&1; echo x > {}", file)),
                HasSubstr("Read-only file system"))
        << file;
  }
  EXPECT_THAT(output_of("exec 2>&1; for f in /sys/fs/cgroup /sys/fs/cgroup/*; do "
                        "mkdir $f/escape && echo made; done"),
              testing::Not(HasSubstr("made")));
}

TEST_F(IsolationTest, ATaskSeesNothingOfTheKernelsSecrets) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  for (const char* file : {"/proc/keys", "/proc/timer_list", "/proc/kcore", "/proc/interrupts"}) {
    if (!std::filesystem::exists(file)) continue;
    EXPECT_EQ(output_of(fmt::format("head -c 100 {} | wc -c", file)), "0\n") << file;
  }
  if (std::filesystem::exists("/sys/firmware")) {
    EXPECT_EQ(output_of("ls -A /sys/firmware | wc -l"), "0\n");
  }
}

// The folder is the machine's to make; where there is none, there is one for this test.
class QueueFolder {
 public:
  QueueFolder() : made_(::mkdir("/dev/mqueue", 0755) == 0) {}
  ~QueueFolder() {
    if (made_) ::rmdir("/dev/mqueue");
  }
  QueueFolder(const QueueFolder&) = delete;
  QueueFolder& operator=(const QueueFolder&) = delete;

 private:
  bool made_;
};

TEST_F(IsolationTest, MessageQueuesOfItsOwn) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  const QueueFolder folder;
  const std::string name = fmt::format("/shoal-test-{}", ::getpid());
  const mqd_t theirs = ::mq_open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666, nullptr);
  if (theirs < 0 || !std::filesystem::exists("/dev/mqueue")) GTEST_SKIP() << "no message queues";
  // A file that is made there is a queue; the type is that of the file system (mqueue).
  EXPECT_EQ(output_of("cd /dev/mqueue && ls && touch mine && ls && stat -f -c %t ."),
            "mine\n19800202\n");
  EXPECT_EQ(::mq_open("/mine", O_RDONLY), -1) << "the machine has none of that name";
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(output_of("ls /dev/mqueue"), "") << "nor has the next task";
  ::mq_close(theirs);
  ::mq_unlink(name.c_str());
}

// A child that its parent does not wait for takes its processor time with it, but for the cgroup.
TEST_F(IsolationTest, TimeOfChildrenThatNobodyWaitsForIsCounted) {
  if (!hold("cgroup")) GTEST_SKIP() << why_not_;
  if (isolation_->cgroups()->to_string().find("cpu") == std::string::npos) GTEST_SKIP();
  make_fifo("ready");
  const char* line =
      "import os, signal, time\n"
      "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
      "pid = os.fork()\n"
      "if pid == 0:\n"
      "  while time.process_time() < 0.3: pass\n"
      "  os._exit(0)\n"
      "try: os.waitpid(pid, 0)\n"
      "except ChildProcessError: pass\n"
      "open('ready', 'w').write('x\\n')\n"
      "time.sleep(1000)";
  const StartedTask task = start(held({"python3", "-c", line}));
  wait_for_line("ready");
  ProcTaskUsage by_processes;
  const SupervisedTask asked{kFramework, {"f", "t", run_}, task.supervised.process.pid};
  CgroupTaskUsage by_cgroup(*isolation_->cgroups(), std::make_unique<ProcTaskUsage>());
  const auto without = by_processes.read({asked});
  const auto with = by_cgroup.read({asked});
  ASSERT_TRUE(without[0].has_value() && with[0].has_value());
  const std::uint64_t of_processes = without[0]->cpu_user_us + without[0]->cpu_system_us;
  const std::uint64_t of_cgroup = with[0]->cpu_user_us + with[0]->cpu_system_us;
  EXPECT_GE(of_cgroup, 290'000u);
  EXPECT_GE(of_cgroup, of_processes + 250'000u) << "whatever python took to start";
  EXPECT_GT(with[0]->memory_bytes.value_or(0), 0u);
  EXPECT_GE(with[0]->memory_peak_bytes.value_or(0), with[0]->memory_bytes.value_or(0));
  EXPECT_EQ(with[0]->processes, 1u);
  EXPECT_EQ(with[0]->threads, 1u);
  task.signal(SIGUSR1);
  wait(task);
}

TEST_F(IsolationTest, ReadOnlyPathsOfATask) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  TempFolder guarded;
  std::filesystem::create_directory(guarded.path() + "/below");
  guarded.write("file", "before");
  wire::TaskDescription task;
  task.read_only_paths = {guarded.path()};
  EXPECT_EQ(output_with(task, fmt::format("exec 2>&1; cd {}; cat file; for f in file new below/new;"
                                          " do (echo x > $f) && echo made; done; echo x > $OLDPWD/y"
                                          " && echo mine",
                                          guarded.path()))
                .substr(0, 6),
            "before");
  EXPECT_EQ(guarded.read("file"), "before");
  EXPECT_FALSE(std::filesystem::exists(guarded.path() + "/below/new"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/y"));
  task.read_only_paths = {guarded.path() + "/file"};
  output_with(task, fmt::format("echo x > {0}/new; echo x > {0}/file", guarded.path()));
  EXPECT_TRUE(std::filesystem::exists(guarded.path() + "/new"));
  EXPECT_EQ(guarded.read("file"), "before");
  std::ofstream(guarded.path() + "/file") << "after";
  EXPECT_EQ(guarded.read("file"), "after") << "the machine's is as it was";
}

TEST_F(IsolationTest, AReadOnlyRootLeavesTheSandboxAndWhatIsTheTasksOwn) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  if (data_.path().starts_with("/dev/shm")) GTEST_SKIP() << "no /dev/shm of its own there";
  TempFolder elsewhere;
  wire::TaskDescription task;
  task.read_only_paths = {"/"};
  EXPECT_EQ(output_with(task, fmt::format("for f in {}/x /var/tmp/x $PWD/x /dev/shm/x; do "
                                          "(echo x > $f) 2> /dev/null && echo made; done",
                                          elsewhere.path())),
            "made\nmade\n");
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/x"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere.path() + "/x"));
}

TEST_F(IsolationTest, NoNetworkButLoopback) {
  if (!hold("namespaces")) GTEST_SKIP() << why_not_;
  wire::TaskDescription task;
  task.network = wire::TaskNetwork::kNone;
  EXPECT_EQ(output_with(task, "tail -n +3 /proc/net/dev | cut -d: -f1"), "    lo\n");
  EXPECT_EQ(output_with(task,
                        "python3 -c 'import socket\n"
                        "s = socket.create_server((\"127.0.0.1\", 0))\n"
                        "socket.create_connection(s.getsockname()); print(\"talks to itself\")\n"
                        "try: socket.create_connection((\"192.0.2.1\", 9), 5)\n"
                        "except OSError as e: print(e.strerror)'"),
            "talks to itself\nNetwork is unreachable\n");
}

TEST_F(IsolationTest, WhatCannotBeHadIsRefused) {
  ASSERT_TRUE(hold("none"));
  SpawnRequest wanted;
  wire::TaskDescription task;
  EXPECT_TRUE(isolation_->apply_wishes(task, {}, &wanted).ok());
  task.network = wire::TaskNetwork::kNone;
  const absl::Status refused = isolation_->apply_wishes(task, {}, &wanted);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no network, which is not enforced here"));
  if (!hold("namespaces")) return;
  task.read_only_paths = {"/no/such/path"};
  const absl::Status missing = isolation_->apply_wishes(task, {}, &wanted);
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(std::string(missing.message()), HasSubstr("read-only path '/no/such/path'"));
}

TEST_F(IsolationTest, APrivateTmp) {
  TempFolder elsewhere;
  if (!hold("namespaces,tmp")) {
    EXPECT_THAT(why_not_, testing::AnyOf(HasSubstr("would be hidden"), HasSubstr("namespaces")));
  }
  std::string data = "/var/tmp/shoal_agent_XXXXXX";
  ASSERT_NE(::mkdtemp(data.data()), nullptr);
  IsolationOptions options;
  options.switches = *parse_isolation("namespaces,tmp");
  options.data_dir = data;
  options.supervisor = supervisor_program();
  auto opened = TaskIsolation::open(options);
  std::filesystem::remove_all(data);
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  isolation_ = *std::move(opened);
  SpawnRequest wanted = held({"ls -a /tmp; echo x > /tmp/mine"}, true);
  wanted.working_directory = "/";
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), ".\n..\n");
  EXPECT_FALSE(std::filesystem::exists("/tmp/mine"));
}

TEST_F(IsolationTest, AUserNamespaceWithNobodyElse) {
  if (!hold("user,capabilities,seccomp")) GTEST_SKIP() << why_not_;
  const std::string own = std::filesystem::read_symlink("/proc/self/ns/user").string();
  const std::string said = output_of(
      "readlink /proc/self/ns/user; echo $(cat /proc/self/uid_map); echo $(cat "
      "/proc/self/gid_map); "
      "cat /proc/self/setgroups; grep CapBnd /proc/self/status | cut -f2; id -u");
  EXPECT_EQ(said.find(own), std::string::npos) << "one of its own";
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  EXPECT_THAT(said, HasSubstr(fmt::format("\n{0} {0} 1\n{1} {1} 1\ndeny\n00000000000004fb\n{0}\n",
                                          uid, gid)));
}

TEST_F(IsolationTest, AUserNamespaceOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  if (!is_open_above(folder_.path())) GTEST_SKIP() << "TMPDIR is shut to others";
  if (!hold("namespaces,user,capabilities,seccomp")) GTEST_SKIP() << why_not_;
  const auto nobody = isolation_->user_of("nobody");
  ASSERT_TRUE(nobody.ok()) << nobody.status();
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0711));
  const SpawnRequest wanted =
      held({"echo $(cat /proc/self/uid_map); id -u; stat -c %u /etc/passwd; "
            "grep -E 'Cap(Eff|Prm)' /proc/self/status | cut -f2; exit 7"},
           true, "cpus:1", *nobody);
  EXPECT_EQ(run(wanted).code_or_signal, 7);
  const std::string uid = std::to_string((*nobody)->uid);
  EXPECT_EQ(folder_.read("stdout"),
            fmt::format("{0} {0} 1\n{0}\n65534\n0000000000000000\n0000000000000000\n", uid));
}

TEST_F(IsolationTest, FewCapabilitiesAndNoWayBack) {
  if (!hold("capabilities")) GTEST_SKIP() << why_not_;
  const std::string status = output_of(
      "grep -E '^(CapEff|CapPrm|CapInh|CapBnd|CapAmb|NoNew)' "
      "/proc/self/status | tr '\\n\\t' '  '");
  const std::string kept = ::geteuid() == 0 ? "00000000000004fb" : "0000000000000000";
  EXPECT_EQ(status, fmt::format("CapInh: 0000000000000000 CapPrm: {0} CapEff: {0} "
                                "CapBnd: 00000000000004fb CapAmb: 0000000000000000 NoNewPrivs: 1 ",
                                kept));
}

TEST_F(IsolationTest, CoreFilesAndDescriptorsAreLimited) {
  ASSERT_TRUE(hold("auto")) << why_not_;
  EXPECT_EQ(output_of("ulimit -c; ulimit -Sn"), "0\n1024\n");
}

TEST_F(IsolationTest, ATaskRunsAsItsUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  if (!is_open_above(folder_.path())) GTEST_SKIP() << "TMPDIR is shut to others";
  ASSERT_TRUE(hold("auto")) << why_not_;
  const auto nobody = isolation_->user_of("nobody");
  ASSERT_TRUE(nobody.ok()) << nobody.status();
  ASSERT_NE(*nobody, nullptr);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0711));
  const SpawnRequest wanted =
      held({"id -un; id -Gn; grep -E 'Cap(Eff|Prm)' /proc/self/status | cut -f2; "
            "cat /etc/shadow 2>/dev/null || echo shut"},
           true, "cpus:1", *nobody);
  EXPECT_EQ(run(wanted).code_or_signal, 0);
  EXPECT_EQ(folder_.read("stdout"), "nobody\nnogroup\n0000000000000000\n0000000000000000\nshut\n");
  SpawnRequest shut = held({"true"}, false, "cpus:1", *nobody);
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0700));
  const SpawnError error = failure(shut);
  EXPECT_EQ(error.reason, SpawnFailure::kBadWorkingDirectory);
}

TEST_F(IsolationTest, WhoATaskMayRunAs) {
  ASSERT_TRUE(hold("none"));
  EXPECT_EQ(*isolation_->user_of(""), nullptr);
  EXPECT_EQ(*isolation_->user_of(std::to_string(::geteuid())), nullptr) << "the agent's own";
  EXPECT_TRUE(absl::IsNotFound(isolation_->user_of("no-such-user-here").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(isolation_->user_of("a:b").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(isolation_->user_of("a\nb").status()));
  if (::geteuid() != 0) {
    EXPECT_TRUE(absl::IsFailedPrecondition(isolation_->user_of("0").status()));
    return;
  }
  EXPECT_FALSE(hold("none", 0, false, "no-such-user-here"));
  EXPECT_THAT(why_not_, HasSubstr("--task-user"));
  ASSERT_TRUE(hold("none", 0, false, "nobody"));
  EXPECT_EQ((*isolation_->user_of(""))->name, "nobody");
  EXPECT_TRUE(absl::IsPermissionDenied(isolation_->user_of("root").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(isolation_->user_of("0").status()));
  EXPECT_TRUE(isolation_->user_of("daemon").ok());
  EXPECT_EQ(isolation_->to_string(), "user nobody");
}

// errno of each call, made under the filter in a process of its own.
struct Call {
  const char* name;
  long number;
  long first;
  int expected;
};

std::vector<int> errors_under(const UniqueFd& filter, const std::vector<Call>& calls) {
  std::array<sock_filter, 4096> program;
  const ssize_t got = ::pread(filter.get(), program.data(), sizeof(program), 0);
  EXPECT_GT(got, 0);
  const sock_fprog loaded = {
      static_cast<unsigned short>(got / static_cast<ssize_t>(sizeof(sock_filter))), program.data()};
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  std::vector<int> errors(calls.size());
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded) != 0) ::_exit(1);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      errors[i] = ::syscall(calls[i].number, calls[i].first, 0, 0, 0, 0) < 0 ? errno : 0;
    }
    (void)!::write(ends[1], errors.data(), errors.size() * sizeof(int));
    ::_exit(0);
  }
  const auto size = static_cast<ssize_t>(errors.size() * sizeof(int));
  EXPECT_EQ(::read(ends[0], errors.data(), static_cast<std::size_t>(size)), size);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  return errors;
}

TEST(SeccompFilterTest, RefusesByName) {
  const auto filter = make_seccomp_filter({});
  ASSERT_TRUE(filter.ok()) << filter.status();
  const std::vector<Call> calls = {
      {"mount", SYS_mount, 0, EPERM},
      {"umount2", SYS_umount2, 0, EPERM},
      {"pivot_root", SYS_pivot_root, 0, EPERM},
      {"mount_setattr", SYS_mount_setattr, 0, EPERM},
      {"setns", SYS_setns, -1, EPERM},
      {"reboot", SYS_reboot, 0, EPERM},
      {"kexec_load", SYS_kexec_load, 0, EPERM},
      {"init_module", SYS_init_module, 0, EPERM},
      {"swapon", SYS_swapon, 0, EPERM},
      {"keyctl", SYS_keyctl, 0, EPERM},
      {"bpf", SYS_bpf, 0, EPERM},
      {"perf_event_open", SYS_perf_event_open, 0, EPERM},
      {"userfaultfd", SYS_userfaultfd, 0, EPERM},
      {"io_uring_setup", SYS_io_uring_setup, 0, EPERM},
      {"open_by_handle_at", SYS_open_by_handle_at, -1, EPERM},
      {"unshare user", SYS_unshare, CLONE_NEWUSER, EPERM},
      {"unshare mount", SYS_unshare, CLONE_NEWNS, EPERM},
      {"clone user", SYS_clone, CLONE_NEWUSER | SIGCHLD, EPERM},
      {"clone3", SYS_clone3, 0, ENOSYS},
      {"ptrace attach", SYS_ptrace, PTRACE_ATTACH, EPERM},
      {"process_vm_readv", SYS_process_vm_readv, 0, EPERM},
      {"unshare files", SYS_unshare, CLONE_FILES, 0},
      {"getpid", SYS_getpid, 0, 0},
      {"close", SYS_close, -1, EBADF},
  };
  const std::vector<int> errors = errors_under(*filter, calls);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(errors[i], calls[i].expected) << calls[i].name << ": " << strerror(errors[i]);
  }
  const auto attaching = make_seccomp_filter({.may_attach = true});
  ASSERT_TRUE(attaching.ok());
  EXPECT_EQ(errors_under(*attaching, {{"attach", SYS_ptrace, PTRACE_ATTACH, 0}})[0], ESRCH);
}

TEST_F(IsolationTest, AFilteredTaskStillStartsThreadsAndProcesses) {
  if (!hold("seccomp")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(output_of("grep -E '^Seccomp:' /proc/self/status | cut -f2; "
                      "python3 -c 'import threading, subprocess\n"
                      "t = threading.Thread(target=lambda: subprocess.run([\"echo\", \"hi\"]))\n"
                      "t.start(); t.join()'"),
            "2\nhi\n");
  EXPECT_THAT(output_of("unshare -U true 2>&1; unshare -m true 2>&1"),
              HasSubstr("Operation not permitted"));
}

}  // namespace
}  // namespace shoal::agent
