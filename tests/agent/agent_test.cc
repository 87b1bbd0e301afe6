// The daemon against a master that is played by the test, over real sockets and with real tasks.
#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "agent/checkpoint.h"
#include "agent/epoch_store.h"
#include "agent/leftovers.h"
#include "net/whole_file.h"
#include "tests/agent/agent_fixture.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

#ifdef __SANITIZE_THREAD__
// The daemons are forked from a process with threads (libuv's pool), and start their own.
extern "C" const char* __tsan_default_options() { return "die_after_fork=0"; }  // NOLINT
#endif

namespace shoal::agent {
namespace {

using core::TaskState;
using testing::Each;
using testing::HasSubstr;

TEST_F(AgentTest, RegistersWhatItIs) {
  start_and_wait();
  EXPECT_EQ(ready_->id.value, 0xa1u);
  EXPECT_EQ(master_.hostname, "host-1");
  EXPECT_EQ(master_.attributes, 2u);
  EXPECT_EQ(master_.resources.cpus, 4000);
  EXPECT_EQ(master_.resources.mem, 1'000'000);
  EXPECT_GT(master_.resources.disk, 0);  // not named: probed
  EXPECT_EQ(master_.address_of_agent, agent_->address());
  EXPECT_TRUE(loop_.run_until([&] { return master_.heartbeats >= 2; }));
}

TEST_F(AgentTest, RunsTasksAndTellsTheirEnd) {
  start_and_wait();
  master_.run("good", "echo hello");
  master_.run("bad", "exit 3");
  master_.run("worse", "kill -KILL $$");
  ASSERT_TRUE(loop_.run_until([&] {
    return master_.has_ended("good") && master_.has_ended("bad") && master_.has_ended("worse");
  }));
  EXPECT_THAT(master_.states["good"],
              testing::ElementsAre(TaskState::kRunning, TaskState::kFinished));
  EXPECT_THAT(master_.states["bad"], testing::ElementsAre(TaskState::kRunning, TaskState::kFailed));
  EXPECT_EQ(master_.texts["bad"], "exited with 3");
  EXPECT_EQ(master_.texts["worse"], "killed by SIGKILL");

  TestPeer reader(loop_.reactor(), agent_->address());
  ASSERT_TRUE(loop_.run_until([&] { return reader.is_connected(); }));
  reader.hello(core::PeerKind::kLogReader);
  reader.send(core::ReadLog{kFramework, "good", core::LogStream::kStdout, 0, true}, 4);
  ASSERT_TRUE(loop_.run_until([&] { return reader.frames.size() >= 3; }));
  const auto chunk = reader.frames[1].as<core::LogChunk>();
  EXPECT_EQ(std::string(chunk->data.begin(), chunk->data.end()), "hello\n");
  EXPECT_TRUE(reader.frames[2].as<core::LogChunk>()->end);
}

TEST_F(AgentTest, KillsWithGrace) {
  start_and_wait();
  master_.run("t", "trap '' TERM; echo up; while :; do tail -f /dev/null; done", "cpus:1", 50);
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  send_message(*master_.agent(), core::KillTask{kFramework, {}, "t", -1});
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_THAT(master_.states["t"],
              testing::ElementsAre(TaskState::kRunning, TaskState::kKilling, TaskState::kKilled));
}

TEST_F(AgentTest, TellsTheMasterWhatIsUsed) {
  AgentOptions telling = options();
  telling.usage_interval = std::chrono::milliseconds(1);  // with every heartbeat
  start_and_wait(telling);
  EXPECT_TRUE(loop_.run_until([&] { return master_.machine.memory_used_bytes > 0; }));
  master_.run("t", "while :; do :; done");
  ASSERT_TRUE(loop_.run_until([&] { return master_.uses["t"].cpus_milli > 0; }));
  EXPECT_GT(master_.uses["t"].memory_kib, 100u);
  EXPECT_GT(master_.machine.cpus_milli, 0u);
  EXPECT_GT(master_.machine.disk_bytes, master_.machine.disk_used_bytes);
}

TEST_F(AgentTest, ComesBackAfterALostConnection) {
  start_and_wait();
  master_.run("t", "exec tail -f /dev/null");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  master_.agent()->close(absl::CancelledError("test"));
  ASSERT_TRUE(loop_.run_until([&] { return master_.registrations == 2; }));
  EXPECT_EQ(master_.tasks, 1u);
}

TEST_F(AgentTest, ShutdownKillsTellsAndLeavesNothing) {
  start_and_wait();
  master_.run("t", "exec tail -f /dev/null");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  agent_->shutdown();
  ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
  EXPECT_TRUE(stopped_->ok()) << *stopped_;
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
  EXPECT_EQ(runs_on_disk(), 0u);
  agent_.reset();
  start(options());  // the folder is free again
}

TEST_F(AgentTest, ASecondShutdownDoesNotWait) {
  start_and_wait();
  master_.run("t", "trap '' TERM; while :; do tail -f /dev/null; done", "cpus:1", 3'600'000);
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  agent_->shutdown();
  ASSERT_TRUE(loop_.run_until([&] { return master_.states["t"].size() == 2; }));  // KILLING
  agent_->shutdown();
  ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
}

TEST_F(AgentTest, ShutdownDoesNotWaitForASilentMasterForLong) {
  start_and_wait();
  master_.acknowledges = false;
  master_.run("t", "true");
  ASSERT_TRUE(loop_.run_until([&] { return master_.states.contains("t"); }));
  agent_->shutdown();
  EXPECT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
}

TEST_F(AgentTest, ARefusedAgentEndsWithTheReason) {
  master_.refusal = core::RefusalCode::kWrongCluster;
  start(options());
  ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
  EXPECT_THAT(std::string(stopped_->message()), HasSubstr("not you"));
}

TEST_F(AgentTest, FollowsAStandbyToTheLeader) {
  FakeMaster leader(loop_.reactor());
  master_.refusal = core::RefusalCode::kNotLeader;
  master_.leader = leader.address();
  start(options());
  EXPECT_TRUE(loop_.run_until([&] { return leader.registrations == 1; }));
  EXPECT_EQ(master_.hellos.size(), 1u);
}

TEST_F(AgentTest, StandbysThatNameEachOtherAreLeftForAWhile) {
  FakeMaster other(loop_.reactor());
  master_.refusal = other.refusal = core::RefusalCode::kNotLeader;
  master_.leader = other.address();
  other.leader = master_.address();
  start(options());
  const auto hellos = [&] { return master_.hellos.size() + other.hellos.size(); };
  ASSERT_TRUE(loop_.run_until([&] { return hellos() > core::kMaxRedirects; }));
  other.refusal.reset();  // it has won
  EXPECT_TRUE(loop_.run_until([&] { return other.registrations == 1; }));
}

TEST_F(AgentTest, GoesRoundWhileNobodyKnowsTheLeader) {
  FakeMaster other(loop_.reactor());
  master_.refusal = other.refusal = core::RefusalCode::kNotLeader;
  AgentOptions both = options();
  both.masters = {master_.address() + "," + other.address()};
  start(both);
  ASSERT_TRUE(
      loop_.run_until([&] { return other.hellos.size() >= 2 && master_.hellos.size() >= 2; }));
  other.refusal.reset();
  EXPECT_TRUE(loop_.run_until([&] { return other.registrations == 1; }));
}

TEST_F(AgentTest, TheEpochOutlivesTheAgentAndKeepsAnEarlierMasterOut) {
  master_.epoch = 7;
  start(options());
  ASSERT_TRUE(loop_.run_until([&] { return master_.registrations == 1; }));
  stop();

  FakeMaster later(loop_.reactor());
  later.epoch = 8;
  for (const std::uint64_t epoch : {6, 0}) {
    SCOPED_TRACE(epoch);
    master_.epoch = epoch;
    master_.hellos.clear();
    AgentOptions both = options();
    both.masters = {master_.address(), later.address()};
    const int before = later.registrations;
    // In whatever order it tries them, it has met the earlier one when the other lets it in.
    later.refusal = core::RefusalCode::kNotLeader;
    start(both);
    ASSERT_TRUE(loop_.run_until([&] { return !master_.hellos.empty(); }));
    later.refusal.reset();
    ASSERT_TRUE(loop_.run_until([&] { return later.registrations == before + 1; }));
    EXPECT_THAT(master_.hellos, Each(epoch == 6 ? 7u : 8u));
    EXPECT_EQ(master_.registrations, 1);
    EXPECT_EQ(read_epoch(options().data_dir).value(), 8u);
    stop();
  }
}

TEST_F(AgentTest, ADamagedEpochIsNotTakenForNone) {
  start_and_wait();
  stop();
  ASSERT_TRUE(write_epoch(options().data_dir, 18'446'744'073'709'551'615u).ok());
  EXPECT_EQ(read_epoch(options().data_dir).value(), 18'446'744'073'709'551'615u);
  for (const char* text : {"", "7", "7\n", "7 00000000\n", "-7 00000000\n"}) {
    ASSERT_TRUE(net::write_file_atomically(options().data_dir + "/epoch", text).ok());
    const auto epoch = read_epoch(options().data_dir);
    EXPECT_TRUE(absl::IsFailedPrecondition(epoch.status())) << text;
    EXPECT_THAT(std::string(epoch.status().message()), HasSubstr("/epoch is damaged"));
  }
}

TEST_F(AgentTest, HealthAndVersionOverHttp) {
  start_and_wait();
  struct Client {
    int fd = -1;
    ~Client() { ::close(fd); }
  };
  const auto get = [&](const std::string& path) {
    const auto where = *net::parse_host_port(agent_->address());
    const auto address = *net::SocketAddress::from_numeric(where);
    Client client{::socket(AF_INET, SOCK_STREAM, 0)};
    EXPECT_EQ(::connect(client.fd, address.get(), address.size()), 0);
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(client.fd, request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    EXPECT_TRUE(loop_.run_until([&] {
      loop_.reactor().run_again();
      char buffer[4096];
      const ssize_t got = ::recv(client.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (got > 0) answer.append(buffer, static_cast<std::size_t>(got));
      return got == 0;
    }));
    return answer;
  };
  EXPECT_THAT(get("/health"), HasSubstr(R"({"status":"ok"})"));
  EXPECT_THAT(get("/version"), HasSubstr(R"({"version":")"));
  EXPECT_THAT(get("/else"), HasSubstr("404"));
}

// --- reservations and volumes ---

constexpr std::string_view kWithVolume = "cpus:0.1;disk(ads,dynamic)[v1:deep/data]:100";

TEST_F(AgentTest, AVolumeOutlivesTasksAndAgents) {
  start_and_wait(options_with_disk());
  make_volume();
  master_.run("writer", "echo hello > deep/data/file", kWithVolume);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("writer"); }));
  EXPECT_EQ(master_.states["writer"].back(), TaskState::kFinished) << master_.texts["writer"];
  EXPECT_TRUE(std::filesystem::exists(data("volumes/ads/v1/file")));
  stop();

  start_and_wait(options_with_disk());
  EXPECT_EQ(master_.resources, resources_of("cpus:4;mem:1000;disk:900;ports:[31000-31009];"
                                            "disk(ads,dynamic)[v1:deep/data]:100"));
  master_.run("reader", "cat $SHOAL_SANDBOX/deep/data/file", kWithVolume);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("reader"); }));
  EXPECT_EQ(output("reader"), "hello\n");

  master_.apply("destroy", core::OperationKind::kDestroy, "disk(ads,dynamic)[v1:deep/data]:100",
                "disk(ads,dynamic):100");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_done("destroy"); }));
  EXPECT_FALSE(std::filesystem::exists(data("volumes/ads")));
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return std::filesystem::is_empty(data("removed"));
  }));
  master_.run("late", "true", kWithVolume);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("late"); }));
  EXPECT_THAT(master_.texts["late"], HasSubstr("no volume 'v1' of role 'ads'"));
}

TEST_F(AgentTest, AVolumeIsNotDestroyedUnderATask) {
  start_and_wait(options_with_disk());
  make_volume();
  master_.run("t", "exec tail -f /dev/null", kWithVolume);
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  master_.apply("destroy", core::OperationKind::kDestroy, "disk(ads,dynamic)[v1:deep/data]:100",
                "disk(ads,dynamic):100");
  ASSERT_TRUE(loop_.run_until([&] { return master_.operations.contains("destroy"); }));
  EXPECT_EQ(master_.operations["destroy"], core::OperationState::kFailed);
  EXPECT_THAT(master_.texts["destroy"], HasSubstr("task 't' uses volume 'v1'"));
  EXPECT_TRUE(std::filesystem::exists(data("volumes/ads/v1")));
}

TEST_F(AgentTest, AVolumeWhoseFolderIsGoneFailsTheTask) {
  start_and_wait(options_with_disk());
  make_volume();
  std::filesystem::remove(data("volumes/ads/v1"));
  master_.run("t", "true", kWithVolume);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kFailed);
  EXPECT_THAT(master_.texts["t"], HasSubstr("volume 'v1' of role 'ads': its folder"));
}

TEST_F(AgentTest, FeedbackThatNobodyHeardIsToldByTheNextAgent) {
  start_and_wait(options_with_disk());
  master_.acknowledges = false;
  make_volume();
  stop();
  master_.operations.clear();
  start_and_wait(options_with_disk());
  EXPECT_EQ(master_.operations_reported, 2u);
  EXPECT_TRUE(loop_.run_until([&] { return master_.is_done("create"); }));
}

TEST_F(AgentTest, StoredResourcesThatDoNotFitOrAreDamagedStopTheStart) {
  start_and_wait(options_with_disk());
  make_volume();
  stop();
  AgentOptions smaller = options_with_disk();
  smaller.resources = "cpus:4;mem:1000;disk:50;ports:[31000-31009]";
  absl::Status refused = create_error(smaller);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("disk(ads,dynamic)[v1:deep/data]:100 is reserved or a volume"));
  std::filesystem::resize_file(data("resources"), 40);
  refused = create_error(options_with_disk());
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("/resources: it is cut off after 40"));
  std::filesystem::remove(data("resources"));
  EXPECT_THAT(std::string(create_error(options_with_disk()).message()),
              HasSubstr("it is missing, but there are volumes"));
  EXPECT_TRUE(std::filesystem::exists(data("volumes/ads/v1")));
}

TEST_F(AgentTest, ReservedForARoleLentAndSomewhere) {
  AgentOptions given = options();
  given.resources = "cpus(ads):1;mem:1000;disk:0;ports:[31000-31009];licenses:3";
  given.default_role = "web";
  given.oversubscribe = "cpus:2;mem:64";
  given.region = "eu";
  given.zone = "a1";
  start_and_wait(given);
  ASSERT_TRUE(loop_.run_until([&] { return !master_.lent.empty(); }));
  EXPECT_EQ(master_.resources, resources_of("cpus(ads):1;mem(web):1000;ports(web):[31000-31009];"
                                            "licenses(web):3"));
  EXPECT_EQ(master_.lent, resources_of("cpus:2;mem:64"));
  EXPECT_EQ(master_.domain, "eu/a1");
  master_.run("t", "echo $SHOAL_PORTS", "cpus{revocable}:1;ports(web):[31001-31002]");
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(output("t"), "31001,31002\n") << master_.texts["t"];
}

TEST_F(AgentTest, BadOptionsAreNamed) {
  const auto with = [&](auto change) {
    AgentOptions changed = options();
    change(changed);
    return std::string(create_error(changed).message());
  };
  EXPECT_THAT(with([](AgentOptions& o) { o.listen = "0.0.0.0:0"; }), HasSubstr("--insecure"));
  EXPECT_THAT(with([](AgentOptions& o) { o.listen = "nonsense"; }), HasSubstr("nonsense"));
  EXPECT_THAT(with([](AgentOptions& o) { o.resources = "cpus:-1"; }), HasSubstr("-1"));
  EXPECT_THAT(with([](AgentOptions& o) { o.resources = "cpus(ads,dynamic):1"; }),
              HasSubstr("made by operations"));
  EXPECT_THAT(with([](AgentOptions& o) { o.resources = "disk(ads)[v1:x]:1"; }),
              HasSubstr("made by operations"));
  EXPECT_THAT(with([](AgentOptions& o) { o.resources = "cpus{revocable}:1"; }),
              HasSubstr("--oversubscribe"));
  EXPECT_THAT(with([](AgentOptions& o) { o.default_role = "a/../b"; }), HasSubstr("a/../b"));
  EXPECT_THAT(with([](AgentOptions& o) { o.oversubscribe = "disk:9"; }), HasSubstr("disk:9"));
  EXPECT_THAT(with([](AgentOptions& o) { o.oversubscribe = "cpus(ads):9"; }), HasSubstr("roles"));
  EXPECT_THAT(with([](AgentOptions& o) { o.region = "eu"; }), HasSubstr("zone"));
  EXPECT_THAT(with([](AgentOptions& o) { o.attributes = "rack"; }), HasSubstr("rack"));
  EXPECT_THAT(with([](AgentOptions& o) { o.masters = {"host:99999"}; }), HasSubstr("99999"));
  EXPECT_THAT(with([](AgentOptions& o) { o.masters = {}; }), HasSubstr("--master"));
  EXPECT_THAT(with([](AgentOptions& o) { o.data_dir = ""; }), HasSubstr("--data"));
  EXPECT_THAT(with([](AgentOptions& o) { o.hostname = "a\nb"; }), HasSubstr("hostname"));
}

TEST_F(AgentTest, OneAgentPerFolder) {
  start_and_wait();
  EXPECT_EQ(create_error(options()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AgentTest, TheDaemonEndsOnSigterm) {
  AgentOptions given = options();
  given.ready_file = folder_.path() + "/ready";
  const pid_t daemon = ::fork();
  ASSERT_GE(daemon, 0);
  if (daemon == 0) ::_exit(run_agent(given).ok() ? 0 : 1);
  ASSERT_TRUE(loop_.run_until([&] { return master_.registrations == 1; }));
  master_.run("t", "trap '' TERM; while :; do tail -f /dev/null; done", "cpus:1", 50);
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  std::ifstream ready(given.ready_file);
  std::ostringstream text;
  text << ready.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(R"({"agent":"a-00000000000000a1","address":"127.0.0.1:)"));
  EXPECT_THAT(text.str(), HasSubstr("\"pid\":" + std::to_string(daemon) + "}"));
  ASSERT_EQ(::kill(daemon, SIGTERM), 0);
  int status = -1;
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return ::waitpid(daemon, &status, WNOHANG) == daemon;
  }));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
}

// --- tasks outlive the agent ---

TEST_F(AgentTest, TheNextAgentKnowsItAll) {
  const pid_t daemon = start_daemon(keeping_options());
  const std::string fifo = folder_.path() + "/go-";
  for (const char* task : {"runs", "ends", "killed"}) {
    ASSERT_EQ(::mkfifo((fifo + task).c_str(), 0600), 0);
  }
  master_.run("runs", "echo up; read x < " + fifo + "runs; echo $x; exit 3");
  master_.run("ends", "echo up; read x < " + fifo + "ends; exit 7");
  master_.run("killed", "trap '' TERM; echo up; while :; do read x < " + fifo + "killed; done",
              "cpus:1", 100);
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return output("runs") == "up\n" && output("ends") == "up\n" && output("killed") == "up\n" &&
           master_.is_running("killed");
  }));
  kill_daemon(daemon);
  std::ofstream(fifo + "ends") << "now\n";
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    const auto found = find_runs(options().data_dir);
    return std::any_of(found->runs.begin(), found->runs.end(),
                       [](const FoundRun& run) { return run.exit.ok(); });
  }));
  master_.states.clear();

  start_and_wait(keeping_options());
  EXPECT_EQ(master_.tasks, 3u);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("ends"); }));
  EXPECT_EQ(master_.states["ends"].back(), TaskState::kFailed);
  EXPECT_EQ(master_.texts["ends"], "exited with 7");
  send_message(*master_.agent(), core::KillTask{kFramework, {}, "killed", -1});
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("killed"); }));
  EXPECT_EQ(master_.states["killed"].back(), TaskState::kKilled);
  std::ofstream(fifo + "runs") << "again\n";
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("runs"); }));
  EXPECT_EQ(master_.texts["runs"], "exited with 3");
  EXPECT_EQ(output("runs"), "up\nagain\n");
  EXPECT_TRUE(loop_.run_until([&] { return runs_on_disk() == 0; }));
}

TEST_F(AgentTest, AKillThatHadBegunGoesOn) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("t", "trap 'echo term' TERM; echo up; while :; do sleep 0.01; done", "cpus:1", 300);
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return output("t") == "up\n" && master_.is_running("t");  // before that there is no grace
  }));
  send_message(*master_.agent(), core::KillTask{kFramework, {}, "t", 3'600'000});
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    const std::vector<TaskState>& states = master_.states["t"];
    return !states.empty() && states.back() == TaskState::kKilling && output("t") != "up\n";
  }));
  kill_daemon(daemon);
  start_and_wait(keeping_options());
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
}

TEST_F(AgentTest, ATaskThatRunsTooLongIsEnded) {
  start_and_wait(options());
  master_.max_completion_ms = 50;
  master_.run("t", "exec sleep 1000");
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_THAT(master_.states["t"],
              testing::ElementsAre(TaskState::kRunning, TaskState::kKilling, TaskState::kFailed));
  EXPECT_EQ(master_.texts["t"], "killed by SIGTERM; it ran longer than the 50 ms that it may");
}

TEST_F(AgentTest, TheTimeOfATaskRunsOnWithoutTheAgent) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.max_completion_ms = 3'600'000;  // not before the agent is gone
  master_.run("t", "exec sleep 1000");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  kill_daemon(daemon);
  // What the record says is what counts: an hour ago, it might run for no time at all.
  wire::TaskDescription description;
  description.shell = true;
  description.command = "exec sleep 1000";
  description.max_completion_ms = 0;
  const FoundRun run = std::move(find_runs(options().data_dir)->runs.front());
  const core::Resources held = resources_of("cpus:0.1;mem:1");
  const auto record = encode_task_record(
      {kFramework, core::AgentId{0xa1}, "t", held, description, "t", {}}, read_boot_id());
  ASSERT_TRUE(record.ok()) << record.status();
  std::ofstream(run_folder(options().data_dir, run.id) + "/task", std::ios::binary)
      .write(reinterpret_cast<const char*>(record->data()),
             static_cast<std::streamsize>(record->size()));
  start_and_wait(keeping_options());
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kFailed);
  EXPECT_THAT(master_.texts["t"], HasSubstr("it ran longer than the 0 s that it may"));
}

TEST_F(AgentTest, UnacknowledgedEndsAreToldByTheNextAgent) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.acknowledges = false;
  master_.run("t", "exit 9");
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return runs_on_disk() == 0;
  })) << "what was told stands in the log of updates";
  kill_daemon(daemon);
  master_.states.clear();
  master_.acknowledges = true;
  start_and_wait(keeping_options());
  EXPECT_EQ(master_.tasks, 1u);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("t"); }));
  EXPECT_THAT(master_.states["t"], testing::ElementsAre(TaskState::kRunning, TaskState::kFailed));
  EXPECT_EQ(master_.texts["t"], "exited with 9");
}

TEST_F(AgentTest, APlainStopKeepsTasks) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("t", "exec tail -f /dev/null");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  ::kill(daemon, SIGTERM);
  int status = -1;
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return ::waitpid(daemon, &status, WNOHANG) == daemon;
  }));
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(master_.is_running("t"));
  start_and_wait(keeping_options());
  EXPECT_EQ(master_.tasks, 1u);
  agent_->shutdown(OnStop::kKill);
  ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
}

TEST_F(AgentTest, Sigusr1EndsTasksToo) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("t", "exec tail -f /dev/null");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  ::kill(daemon, SIGUSR1);
  ASSERT_TRUE(loop_.run_until([&] {
    loop_.reactor().run_again();
    return ::waitpid(daemon, nullptr, WNOHANG) == daemon;
  }));
  EXPECT_EQ(master_.states["t"].back(), TaskState::kKilled);
  EXPECT_EQ(runs_on_disk(), 0u);
}

TEST_F(AgentTest, CleanupStartsFresh) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("t", "setsid sh -c 'exec tail -f /dev/null' & wait");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  const pid_t supervisor = find_runs(options().data_dir)->runs.at(0).supervisor->pid;
  kill_daemon(daemon);
  AgentOptions given = keeping_options();
  given.recover = RecoverMode::kCleanup;
  start_and_wait(given);
  EXPECT_EQ(master_.tasks, 0u);
  EXPECT_EQ(runs_on_disk(), 0u);
  const auto stat = read_proc_stat(supervisor);
  EXPECT_TRUE(!stat || stat->ended());
}

TEST_F(AgentTest, ADamagedRecordCostsOneTask) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("bad", "exec tail -f /dev/null");
  master_.run("good", "exec tail -f /dev/null");
  ASSERT_TRUE(
      loop_.run_until([&] { return master_.is_running("bad") && master_.is_running("good"); }));
  const auto found = find_runs(options().data_dir);
  ASSERT_EQ(found->runs.size(), 2u);
  const FoundRun& bad = found->runs[0];
  ASSERT_EQ(bad.id.task_id, "bad");
  const pid_t supervisor = bad.supervisor->pid;
  kill_daemon(daemon);
  std::filesystem::resize_file(run_folder(options().data_dir, bad.id) + "/task", 70);
  start_and_wait(keeping_options());
  EXPECT_EQ(master_.tasks, 2u);
  ASSERT_TRUE(loop_.run_until([&] { return master_.has_ended("bad"); }));
  EXPECT_EQ(master_.states["bad"].back(), TaskState::kGone);
  EXPECT_THAT(master_.texts["bad"], HasSubstr("/task: it is cut off after 70 of"));
  const auto stat = read_proc_stat(supervisor);
  EXPECT_TRUE(!stat || stat->ended());
  EXPECT_TRUE(master_.is_running("good"));
  EXPECT_TRUE(loop_.run_until([&] { return runs_on_disk() == 1; }));
}

TEST_F(AgentTest, TasksThatHoldMoreThanThereIsStopTheStart) {
  const pid_t daemon = start_daemon(keeping_options());
  master_.run("t", "exec tail -f /dev/null", "cpus:3");
  ASSERT_TRUE(loop_.run_until([&] { return master_.is_running("t"); }));
  kill_daemon(daemon);
  AgentOptions smaller = options();
  smaller.resources = "cpus:2;mem:1000;ports:[31000-31009]";
  const absl::Status refused = create_error(smaller);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the tasks that run here hold cpus:3"));
  start_and_wait(keeping_options());  // it runs on
  EXPECT_EQ(master_.tasks, 1u);
}

TEST(AgentOptionsTest, ResourcesAreMergedOverTheProbe) {
  const core::Resources probed = resources_of("cpus:8;mem:100;disk:50;ports:[1-2]");
  EXPECT_EQ(*merge_resources("", probed), probed);
  EXPECT_EQ(*merge_resources("cpus:2; ports:[5-6]", probed),
            resources_of("cpus:2;mem:100;disk:50;ports:[5-6]"));
  EXPECT_EQ(merge_resources("disk:0", probed)->disk, 0);
  // For whatever role it is named, it is not probed.
  EXPECT_EQ(merge_resources("cpus(ads):2; ports (ads):[5-6]", probed)->cpus, 0);
  EXPECT_FALSE(merge_resources("cpus:x", probed).ok());
}

TEST(AgentOptionsTest, AttributesAndMasters) {
  EXPECT_EQ(parse_attributes("")->size(), 0u);
  const auto two = parse_attributes("rack:a; note:b c:d;");
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->at(1), std::pair(std::string("note"), std::string("b c:d")));
  EXPECT_FALSE(parse_attributes("a:1;a:2").ok());
  EXPECT_FALSE(parse_attributes("a b:1").ok());
  const auto masters = parse_masters({"host", "host:1"});
  ASSERT_EQ(masters->addresses.size(), 2u);
  EXPECT_EQ(masters->addresses[0].port, core::kDefaultMasterPort);
  EXPECT_EQ(masters->addresses[1].port, 1);
  EXPECT_FALSE(parse_masters({""}).ok());
}

}  // namespace
}  // namespace shoal::agent
