// The binary, end to end: every verb against a real cluster, and the exit codes scripts rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;

class CliTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster = new Cluster(); }
  static void TearDownTestSuite() {
    delete cluster;
    cluster = nullptr;
  }
  void SetUp() override { ASSERT_TRUE(cluster->is_ready()); }

  static Result shoal(std::vector<std::string> words, StartOptions options = {}) {
    return cluster->shoal(std::move(words), std::move(options));
  }

  // The id of the task that `run --name NAME` made.
  static std::string task_of(const std::string& name) {
    const std::string ids = shoal({"tasks", "-o", "name"}).out;
    const std::size_t begin = ids.rfind(name + "-");
    if (begin == std::string::npos) return "";
    return ids.substr(begin, ids.find('\n', begin) - begin);
  }

  static std::unique_ptr<Process> start_sleep(const std::string& name) {
    auto process = cluster->start_shoal(
        {"run", "--cpus", "0.1", "--name", name, "--", "sh", "-c", "echo started; exec sleep 600"});
    EXPECT_TRUE(process->wait_for_output("started\n"));
    return process;
  }

  static Cluster* cluster;
};

Cluster* CliTest::cluster = nullptr;

TEST_F(CliTest, TheReadyFileIsExact) {
  EXPECT_EQ(cluster->ready_text(), "{\"master\":\"" + cluster->master() + "\",\"url\":\"http://" +
                                       cluster->master() +
                                       "\",\"pid\":" + std::to_string(cluster->pid()) + "}\n");
}

TEST_F(CliTest, RunShowsOutputAndPassesTheCodeOn) {
  Result result = shoal({"run", "--", "sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  result = shoal({"run", "--", "true"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_EQ(shoal({"run", "--", "sh", "-c", "kill -9 $$"}).exit_code, 137);
}

TEST_F(CliTest, RunCopiesMuchOutputWhole) {
  const Result result = shoal({"run", "--", "seq", "1", "200000"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 200000);
  EXPECT_TRUE(result.out.ends_with("\n199999\n200000\n"));
}

TEST_F(CliTest, RunTellsExecFailuresApart) {
  Result result = shoal({"run", "--", "no-such-command"});
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_THAT(result.err, HasSubstr("not found"));
  result = shoal({"run", "--", "/no/such/file"});
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_THAT(result.err, HasSubstr("/no/such/file"));
  EXPECT_EQ(shoal({"run", "--", "/etc/passwd"}).exit_code, 126);
  EXPECT_EQ(shoal({"run", "--", "/etc"}).exit_code, 126);
}

TEST_F(CliTest, RunGivesTheCommandItsArgumentsAndEnvironment) {
  const Result result =
      shoal({"run", "--env", "A=x y", "--env", "SHOAL_INSTANCE=mine", "--ports", "2", "--", "sh",
             "-c", "echo \"$A|$SHOAL_INSTANCE|$1|$2|$PORT-$PORT0-$PORT1\"", "sh", "", "-- *"});
  EXPECT_THAT(result.out, MatchesRegex("x y\\|mine\\|\\|-- \\*\\|3[0-9]+-3[0-9]+-3[0-9]+\n"));
}

TEST_F(CliTest, RunStartsWhereItIsTold) {
  EXPECT_EQ(shoal({"run", "--chdir", "/usr", "--", "pwd"}).out, "/usr\n");
}

TEST_F(CliTest, InstancesArePrefixedAndTheFirstFailureCounts) {
  const std::string script =
      "echo I am $SHOAL_INSTANCE of $SHOAL_INSTANCES; "
      "test $SHOAL_INSTANCE -lt 3 || exit 1$SHOAL_INSTANCE";
  const Result result =
      shoal({"run", "--cpus", "0.1", "--mem", "16", "--instances", "5", "--", "sh", "-c", script});
  for (int i = 0; i < 5; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_THAT(result.out, HasSubstr("[" + number + "] I am " + number + " of 5\n"));
  }
  EXPECT_EQ(result.exit_code, 13);
}

TEST_F(CliTest, MoreInstancesThanFitAtOnceAllRun) {
  const Result result = shoal({"run", "--cpus", "0.5", "--instances", "12", "--", "echo", "done"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 12);
}

TEST_F(CliTest, RunSaysWhatItWaitsFor) {
  Result result = shoal({"run", "--cpus", "64", "--", "true"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no agent is large enough for cpus:64;mem:64: the most on one "
                                    "of 3 agents is cpus:"));
  EXPECT_THAT(result.err, HasSubstr("--wait"));
  auto waiting = cluster->start_shoal({"run", "--wait", "--gpus", "3", "--", "true"});
  EXPECT_TRUE(waiting->wait_for_output("waiting for cpus:0.5;mem:64;gpus:3: no agent is large"));
  waiting->signal(SIGINT);
  EXPECT_EQ(waiting->wait().exit_code, 130);
}

TEST_F(CliTest, CtrlCKillsTheTask) {
  auto process = start_sleep("ctrlc");
  process->signal(SIGINT);
  EXPECT_EQ(process->wait().exit_code, 130);
  const Result task = shoal({"tasks", task_of("ctrlc"), "-o", "json"});
  EXPECT_THAT(task.out, HasSubstr("\"state\":\"TASK_KILLED\""));
}

TEST_F(CliTest, ASecondCtrlCLeavesAtOnce) {
  const std::string script = "trap '' TERM INT; echo started; while :; do sleep 600; done";
  auto process = cluster->start_shoal({"run", "--name", "stubborn", "--", "sh", "-c", script});
  ASSERT_TRUE(process->wait_for_output("started\n"));
  process->signal(SIGINT);
  ASSERT_TRUE(process->wait_for_output("again to leave at once"));
  process->signal(SIGINT);
  EXPECT_EQ(process->wait(std::chrono::seconds(20)).exit_code, 130);
}

TEST_F(CliTest, TermAndTimeoutHaveTheirOwnCodes) {
  auto process = start_sleep("term");
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait().exit_code, 143);
  const Result result = shoal({"run", "--timeout", "500ms", "--", "sleep", "600"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("not done after 500ms"));
}

TEST_F(CliTest, AReaderThatHasSeenEnoughIsNoError) {
  auto process = cluster->start_shoal({"run", "--", "yes"});
  ASSERT_TRUE(process->wait_for_output("y\ny\n"));
  process->close_output();
  const Result result = process->wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
}

TEST_F(CliTest, KilledRunTakesItsTaskAlong) {
  auto process = start_sleep("orphan");
  const std::string task = task_of("orphan");
  process->signal(SIGKILL);
  process->wait();
  EXPECT_TRUE(eventually([&] {
    return shoal({"tasks", task, "-o", "json"}).out.find("TASK_RUNNING") == std::string::npos;
  }));
}

TEST_F(CliTest, KillEndsATask) {
  auto process = start_sleep("victim");
  const std::string task = task_of("victim");
  EXPECT_EQ(shoal({"kill", task}).exit_code, 0);
  EXPECT_EQ(process->wait().exit_code, 128 + SIGTERM);
  const Result again = shoal({"kill", task});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("has ended already"));
}

TEST_F(CliTest, LogsCanBeReadAndFollowed) {
  auto process = cluster->start_shoal(
      {"run", "--name", "talker", "--", "sh", "-c", "echo one; echo two >&2; exec sleep 600"});
  ASSERT_TRUE(process->wait_for_output("one\n"));
  ASSERT_TRUE(process->wait_for_output("two\n"));
  const std::string task = task_of("talker");
  EXPECT_EQ(shoal({"logs", task}).out, "one\n");
  EXPECT_EQ(shoal({"logs", "--stderr", task}).out, "two\n");
  auto follower = cluster->start_shoal({"logs", "-f", task});
  ASSERT_TRUE(follower->wait_for_output("one\n"));
  shoal({"kill", task});
  EXPECT_EQ(follower->wait().exit_code, 0);
  EXPECT_EQ(process->wait().exit_code, 128 + SIGTERM);
  auto interrupted = start_sleep("followed");
  auto second = cluster->start_shoal({"logs", "-f", task_of("followed")});
  ASSERT_TRUE(second->wait_for_output("started"));
  second->signal(SIGINT);
  EXPECT_EQ(second->wait().exit_code, 130);
  interrupted->signal(SIGINT);
  interrupted->wait();
}

TEST_F(CliTest, ListsShowWhatThereIs) {
  auto process = start_sleep("listed");
  const std::string task = task_of("listed");
  EXPECT_THAT(shoal({"tasks"}).out, AllOf(StartsWith("ID"), HasSubstr(task)));
  EXPECT_THAT(shoal({"tasks", task}).out, HasSubstr("state:      TASK_RUNNING"));
  const std::string json = shoal({"tasks", task, "-o", "json"}).out;
  EXPECT_THAT(json, HasSubstr("\"resources\":{\"cpus\":0.1,\"mem_mib\":64,"));
  EXPECT_THAT(shoal({"agents"}).out, AllOf(HasSubstr("agent-1"), HasSubstr("agent-3")));
  const std::string agents = shoal({"agents", "-o", "name"}).out;
  EXPECT_EQ(std::count(agents.begin(), agents.end(), '\n'), 3);
  const std::string agent = agents.substr(0, agents.find('\n'));
  EXPECT_THAT(shoal({"agents", agent}).out, HasSubstr("state:      active"));
  const std::string lines = shoal({"agents", "-o", "jsonl"}).out;
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  EXPECT_THAT(shoal({"frameworks"}).out, HasSubstr("run listed"));
  EXPECT_EQ(shoal({"offers"}).exit_code, 0);
  process->signal(SIGINT);
  process->wait();
  // Nobody asks for offers now.
  const Result offers = shoal({"offers", "-o", "json"});
  EXPECT_EQ(offers.out, "[]\n");
  EXPECT_THAT(shoal({"offers"}).err, HasSubstr("no offers"));
}

TEST_F(CliTest, WaitEndsWhenAStateIsThere) {
  const auto job = start_sleep("wait");
  const std::string task = task_of("wait");
  Result result = shoal({"wait", "task", task, "--for", "running"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "running\n");
  result = shoal({"wait", "task", task, "--for", "ended", "--timeout", "100ms"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("task " + task + " is still running"));
  const auto waiting = cluster->start_shoal({"wait", "task", task, "--for", "ended"});
  ASSERT_TRUE(waiting->wait_for_output("it is running"));
  EXPECT_EQ(shoal({"kill", task}).exit_code, 0);
  EXPECT_EQ(waiting->wait().exit_code, 0);
  result = shoal({"wait", "task", task, "--for", "running,finished"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(" is killed for good"));
  EXPECT_EQ(shoal({"wait", "agent", "agent-1", "--for", "normal"}).out, "normal\n");
  EXPECT_EQ(shoal({"wait", "framework", "f-0000000000000001", "--for", "active"}).exit_code, 3);
}

TEST_F(CliTest, AWatchedListGoesOnUntilCtrlC) {
  const auto watch = cluster->start_shoal({"agents", "-o", "name", "--watch=100ms"});
  const std::string ids = shoal({"agents", "-o", "name"}).out;
  ASSERT_TRUE(watch->wait_for_output(ids + ids + ids));
  watch->signal(SIGINT);
  const Result result = watch->wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(shoal({"tasks", "no-such-task", "--watch"}).exit_code, 3);
}

TEST_F(CliTest, ADebugBundleHasWhatDaemonsSay) {
  const TempFolder folder;
  const std::string file = folder.path() + "/b.tar.gz";
  const Result result = shoal({"debug", "bundle", "-o", file});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, file + "\n");
  EXPECT_THAT(result.err, MatchesRegex("shoal: [0-9]+ pieces; [^\n]*\n"));
  const std::string names = run({"/bin/tar", "tzf", file}).out;
  for (const char* name :
       {"/master/cluster.json\n", "/master/metrics.txt\n", "/manifest.json\n",
        "/master/events.txt\n", "/client/configuration.toml\n", "/usage.json\n"}) {
    EXPECT_THAT(names, HasSubstr(name));
  }
  const std::string manifest =
      run({"/bin/tar", "xzOf", file, "--wildcards", "*/manifest.json"}).out;
  EXPECT_THAT(manifest, HasSubstr(R"("name":"master/masters.json")"));
  EXPECT_EQ(shoal({"debug", "bundle", "-o", file}).exit_code, 1) << "it is there already";
}

TEST_F(CliTest, TeardownEndsAFramework) {
  auto process = start_sleep("torn");
  const std::string lines = shoal({"frameworks", "-o", "jsonl"}).out;
  const std::size_t name = lines.find("run torn");
  ASSERT_NE(name, std::string::npos);
  const std::size_t id = lines.rfind("f-", name);
  EXPECT_EQ(shoal({"teardown", lines.substr(id, 18)}).exit_code, 0);
  EXPECT_NE(process->wait(std::chrono::seconds(30)).exit_code, 0);
}

TEST_F(CliTest, WhatIsNotThereIsThree) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"tasks", "nope"},
                                                {"agents", "a-00000000000000ff"},
                                                {"frameworks", "f-00000000000000ff"},
                                                {"offers", "nope"},
                                                {"logs", "nope"},
                                                {"kill", "nope"},
                                                {"logs", "../../etc"},
                                                {"teardown", "f-00000000000000ff"}}) {
    const Result result = shoal(words);
    EXPECT_EQ(result.exit_code, 3) << words[0] << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST_F(CliTest, AMasterThatIsNotThereIsFour) {
  StartOptions nowhere;
  nowhere.environment = {{"SHOAL_MASTER", "127.0.0.1:1"}};
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"tasks"}, {"kill", "x"}, {"logs", "x"}, {"run", "--", "true"}}) {
    std::vector<std::string> all = {SHOAL_BINARY};
    all.insert(all.end(), words.begin(), words.end());
    const Result result = run(all, nowhere);
    EXPECT_EQ(result.exit_code, 4) << words[0];
    EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
  }
}

TEST_F(CliTest, UsageIsTwo) {
  EXPECT_EQ(shoal({}).exit_code, 2);
  EXPECT_EQ(shoal({"frobnicate"}).exit_code, 2);
  EXPECT_EQ(shoal({"run", "--cpus", "x", "--", "true"}).exit_code, 2);
  EXPECT_EQ(shoal({"tasks", "--master", "\xff\xfe"}).exit_code, 2);
  EXPECT_EQ(shoal({"tasks", "\xff\xfe"}).exit_code, 3);
  EXPECT_THAT(shoal({"--help"}).out, HasSubstr("Usage: shoal"));
  EXPECT_THAT(shoal({"version"}).out, StartsWith("shoal "));
  EXPECT_THAT(shoal({"version", "-o", "json"}).out, HasSubstr("\"allocator\":"));
}

TEST_F(CliTest, ClosedStandardStreams) {
  StartOptions closed;
  closed.close_stdin = true;
  closed.close_stdout = true;
  const Result list = shoal({"agents"}, closed);
  EXPECT_EQ(list.exit_code, 1);
  EXPECT_THAT(list.err, HasSubstr("standard output"));
  EXPECT_EQ(shoal({"run", "--", "true"}, closed).exit_code, 0);
  StartOptions no_input;
  no_input.close_stdin = true;
  EXPECT_EQ(shoal({"run", "--", "echo", "x"}, no_input).out, "x\n");
}

TEST_F(CliTest, NoColourAwayFromATerminal) {
  StartOptions terminal;
  terminal.environment = {{"TERM", "xterm-256color"}};
  EXPECT_EQ(shoal({"agents"}, terminal).out.find('\033'), std::string::npos);
}

TEST_F(CliTest, TheExampleFrameworkRuns) {
  StartOptions options;
  options.environment = {{"SHOAL_MASTER", cluster->master()}};
  const Result result = run({SHOAL_EXAMPLES_DIR "/hello_framework", "5"}, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(result.out, HasSubstr("hello-" + std::to_string(i) + ": TASK_FINISHED\n"));
  }
  EXPECT_THAT(shoal({"logs", "hello-0"}).out, StartsWith("hello from agent-"));
}

TEST_F(CliTest, TheWordCountIsRight) {
  TempFolder folder;
  std::string list;
  for (int i = 0; i < 10; ++i) {
    const std::string path = folder.path() + "/" + std::to_string(i);
    std::ofstream(path) << "apple Apple pear\n";
    list += path + "\n";
  }
  StartOptions options;
  options.environment = {{"SHOAL_MASTER", cluster->master()}};
  options.stdin_text = list;
  const Result result = run({SHOAL_EXAMPLES_DIR "/word_count", "4"}, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("30 words, 2 different, in 10 files: 4 tasks"),
                                HasSubstr("20  apple"), HasSubstr("10  pear")));
}

}  // namespace
}  // namespace shoal::test
