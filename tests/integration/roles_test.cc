// Roles, quotas, weights, reservations, volumes and explanations, end to end: the binary against a
// real cluster of two agents of four cores each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

class RolesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster =
        new Cluster({"--agents", "2", "--resources", "cpus:4;mem:1024;disk:1000;cpus(static):1"});
  }
  static void TearDownTestSuite() {
    delete cluster;
    cluster = nullptr;
  }
  void SetUp() override { ASSERT_TRUE(cluster->is_ready()); }

  static Result shoal(Words words) { return cluster->shoal(std::move(words)); }
  static std::string json(Words words) {
    words.insert(words.end(), {"-o", "json"});
    const Result result = shoal(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  static void succeed(const Words& words) {
    const Result result = shoal(words);
    EXPECT_EQ(result.exit_code, 0) << words[0] << ": " << result.err;
    EXPECT_EQ(result.out, "") << "what is done is told on stderr";
  }

  // A task of the role that holds `cpus` until it gets SIGINT.
  static std::unique_ptr<Process> hold(const std::string& role, const std::string& cpus,
                                       const std::string& name) {
    auto process = cluster->start_shoal({"run", "--role", role, "--cpus", cpus, "--name", name,
                                         "--", "sh", "-c", "echo started; exec sleep 600"});
    EXPECT_TRUE(process->wait_for_output("started\n"));
    return process;
  }
  static void end(Process& process) {
    process.signal(SIGINT);
    EXPECT_EQ(process.wait().exit_code, 130);
  }

  static Cluster* cluster;
};

Cluster* RolesTest::cluster = nullptr;

TEST_F(RolesTest, RolesAreListedWithWhatTheyHave) {
  auto process = hold("eng/ads", "1.5", "holder");
  EXPECT_THAT(shoal({"roles"}).out, AllOf(HasSubstr("ROLE"), HasSubstr("eng/ads")));
  const std::string role = json({"roles", "eng/ads"});
  EXPECT_THAT(role, AllOf(HasSubstr(R"("role":"eng/ads","weight":1,"frameworks":1,)"),
                          HasSubstr(R"("allocated":{"cpus":1.5,"mem_mib":64,)")));
  EXPECT_THAT(shoal({"roles", "eng/ads"}).out, HasSubstr("allocated:  cpus:1.5;mem:64\n"));
  EXPECT_THAT(json({"tasks"}), HasSubstr(R"("role":"eng/ads")"));
  EXPECT_THAT(json({"frameworks"}), HasSubstr(R"("roles":["eng/ads"])"));
  end(*process);
  const Result unknown = shoal({"roles", "nope"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("no role 'nope'"));
}

TEST_F(RolesTest, AQuotaHoldsATaskBackUntilItIsRemoved) {
  succeed({"quota", "set", "limited", "--limit", "cpus:1"});
  EXPECT_THAT(json({"quota", "get", "limited"}),
              HasSubstr(R"("limits":{"cpus":1,"mem_mib":null,"disk_mib":null,"gpus":null})"));
  EXPECT_EQ(shoal({"run", "--role", "limited", "--cpus", "1", "--", "true"}).exit_code, 0);
  auto waiting = cluster->start_shoal({"run", "--role", "limited", "--cpus", "2", "--", "true"});
  EXPECT_TRUE(waiting->wait_for_output("waiting for cpus:2;mem:64: 2 agents: 2 beyond the quota"));
  succeed({"quota", "remove", "limited"});
  const Result result = waiting->wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(shoal({"quota", "get", "limited"}).exit_code, 3);
  EXPECT_EQ(shoal({"quota", "remove", "limited"}).exit_code, 3);
}

TEST_F(RolesTest, AQuotaBelowUseIsRefusedUnlessForced) {
  auto process = hold("used", "2", "user");
  const Result refused = shoal({"quota", "set", "used", "--limit", "cpus:1"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("used"));
  EXPECT_EQ(shoal({"quota", "get", "used"}).exit_code, 3);
  succeed({"quota", "set", "used", "--limit", "cpus:1", "--force"});
  // The guarantee alone leaves the limit as it is.
  succeed({"quota", "set", "used", "--guarantee", "mem:64", "--force"});
  EXPECT_THAT(json({"quota", "get", "used"}),
              AllOf(HasSubstr(R"("limits":{"cpus":1,)"),
                    HasSubstr(R"("guarantees":{"cpus":0,"mem_mib":64,)")));
  EXPECT_THAT(shoal({"quota", "get"}).out, HasSubstr("used"));
  succeed({"quota", "remove", "used"});
  end(*process);
}

TEST_F(RolesTest, WeightsAreKept) {
  succeed({"weight", "heavy", "2.5"});
  EXPECT_THAT(json({"weight", "get", "heavy"}), HasSubstr(R"({"role":"heavy","weight":2.5})"));
  EXPECT_THAT(shoal({"roles"}).out, HasSubstr("heavy"));
  succeed({"weight", "set", "heavy", "1"});
  EXPECT_THAT(json({"weight", "get", "heavy"}), HasSubstr(R"("weight":1})"));
  EXPECT_EQ(shoal({"weight", "heavy", "0"}).exit_code, 2);
}

TEST_F(RolesTest, WhatIsReservedIsItsRolesUntilItIsGivenUp) {
  succeed({"reserve", "agent-1", "--role", "kept", "cpus:3;mem:512"});
  EXPECT_THAT(json({"agents"}),
              HasSubstr(R"("kept":{"cpus":3,"mem_mib":512,"disk_mib":0,"gpus":0})"));
  EXPECT_THAT(json({"roles", "kept"}), HasSubstr(R"("reserved":{"cpus":3,"mem_mib":512,)"));

  const Words on_it = {"run",
                       "--role",
                       "kept",
                       "--cpus",
                       "3",
                       "--name",
                       "on-it",
                       "--constraint",
                       "@hostname=agent-1",
                       "--",
                       "true"};
  EXPECT_EQ(shoal(on_it).exit_code, 0);
  EXPECT_THAT(json({"tasks"}), HasSubstr(R"("reservations":[{"role":"kept","dynamic":true,)"));

  Words others = on_it;
  others[2] = "others";
  auto waiting = cluster->start_shoal(others);
  EXPECT_TRUE(waiting->wait_for_output("reserved for other roles"));
  const Result wrong = shoal({"unreserve", "agent-1", "--role", "kept", "cpus:4"});
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.err, HasSubstr("cpus(kept,dynamic):3"));
  succeed({"unreserve", "agent-1", "--role", "kept", "cpus:3"});
  EXPECT_EQ(waiting->wait().exit_code, 0);
  succeed({"unreserve", "agent-1", "mem(kept,dynamic):512"});
  EXPECT_EQ(shoal({"roles", "kept"}).exit_code, 3);
}

TEST_F(RolesTest, StaticReservationsStay) {
  EXPECT_THAT(json({"agents"}), HasSubstr(R"({"role":"static","dynamic":false,)"));
  EXPECT_EQ(shoal({"unreserve", "agent-1", "--role", "static", "cpus:1"}).exit_code, 3);
  EXPECT_EQ(shoal({"unreserve", "agent-1", "cpus(static):1"}).exit_code, 1);
  // A fifth core is there for the role alone.
  EXPECT_EQ(shoal({"run", "--role", "static", "--cpus", "5", "--", "true"}).exit_code, 0);
  auto waiting = cluster->start_shoal({"run", "--cpus", "5", "--", "true"});
  EXPECT_TRUE(waiting->wait_for_output("reserved for other roles"));
  end(*waiting);
}

TEST_F(RolesTest, AVolumeIsWrittenByOneTaskAndReadByAnother) {
  const Words create = {"volume", "create", "agent-2", "--role", "data",    "--id",
                        "diary",  "--size", "100",     "--path", "my/diary"};
  const Result too_early = shoal(create);
  EXPECT_EQ(too_early.exit_code, 3);
  EXPECT_THAT(too_early.err, HasSubstr("shoal reserve agent-2 --role data 'disk:100'"));
  succeed({"reserve", "agent-2", "--role", "data", "--principal", "ops", "disk:150"});
  succeed(create);
  EXPECT_THAT(json({"volume", "list"}),
              AllOf(HasSubstr(R"("id":"diary","role":"data")"), HasSubstr(R"("size_mib":100)"),
                    HasSubstr(R"("in_use":false)")));
  const Words prefix = {"run", "--role", "data", "--volume", "diary", "--", "sh", "-c"};
  Words write = prefix;
  write.emplace_back("echo it rained > my/diary/today");
  Result result = shoal(write);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  Words read = prefix;
  read.emplace_back("cat my/diary/today");
  result = shoal(read);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "it rained\n");

  succeed({"volume", "grow", "agent-2", "--id", "diary", "--by", "50"});
  succeed({"volume", "shrink", "agent-2", "--id", "diary", "--by", "100"});
  EXPECT_THAT(shoal({"volume", "list"}).out, AllOf(HasSubstr("diary"), HasSubstr("50")));
  const Result held = shoal({"unreserve", "agent-2", "--role", "data", "disk:150"});
  EXPECT_EQ(held.exit_code, 3) << "a volume holds a part of it";
  succeed({"volume", "destroy", "agent-2", "--id", "diary"});
  EXPECT_EQ(shoal({"volume", "destroy", "agent-2", "--id", "diary"}).exit_code, 3);
  const Words unreserve = {"unreserve", "agent-2", "--role", "data", "disk:150"};
  const Result nobody = shoal(unreserve);
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_THAT(nobody.err, HasSubstr("--principal ops"));
  Words by_its_maker = unreserve;
  by_its_maker.insert(by_its_maker.end(), {"--principal", "ops"});
  succeed(by_its_maker);
  EXPECT_THAT(shoal({"volume", "list"}).err, HasSubstr("no volumes"));
}

TEST_F(RolesTest, ExplainCountsAgentsByCause) {
  auto process = hold("*", "1", "asker");
  const std::string name = json({"frameworks"});
  EXPECT_THAT(name, HasSubstr("run asker"));
  const std::string too_big = json({"explain", "--framework", "run asker", "cpus:64"});
  EXPECT_THAT(too_big, AllOf(HasSubstr(R"("name":"run asker")"), HasSubstr(R"("agents":2)"),
                             HasSubstr(R"("too_small":2)"), HasSubstr(R"("verdict":")")));
  const Result text = shoal({"explain", "--framework", "run asker", "--role", "*", "cpus:64"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("wanted:     cpus:64\n"), HasSubstr("verdict:    ")));
  end(*process);
  EXPECT_EQ(shoal({"explain", "--framework", "run asker"}).exit_code, 3);
  EXPECT_EQ(shoal({"explain", "--framework", "f-00000000000000ff"}).exit_code, 3);
}

TEST_F(RolesTest, WhatNoAgentCanHoldIsNotWaitedFor) {
  Result result = shoal({"run", "--cpus", "64", "--", "true"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no agent is large enough for cpus:64;mem:64"));
  result = shoal({"run", "--constraint", "rack=nowhere", "--", "true"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("2 agents: 2 excluded by its offer constraints"));
}

TEST_F(RolesTest, ConstraintsChooseTheAgent) {
  for (const std::string& constraint :
       {std::string("@hostname=agent-2"), std::string("@hostname~agent-[2-9]"),
        std::string("@hostname!=agent-1"), std::string("@hostname!~.*-1")}) {
    const Result result =
        shoal({"run", "--name", "chosen", "--constraint", constraint, "--", "true"});
    EXPECT_EQ(result.exit_code, 0) << constraint << ": " << result.err;
  }
  const std::string lines = shoal({"tasks", "-o", "jsonl"}).out;
  for (std::size_t at = lines.find("\"chosen-"); at != std::string::npos;
       at = lines.find("\"chosen-", at + 1)) {
    const std::string line = lines.substr(at, lines.find('\n', at) - at);
    EXPECT_THAT(line, HasSubstr(R"("hostname":"agent-2")"));
  }
  const Result bad = shoal({"run", "--constraint", "rack~(", "--", "true"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err, Not(HasSubstr("waiting")));
}

TEST_F(RolesTest, WhatIsNotThereIsThree) {
  for (const Words& words : {Words{"reserve", "agent-9", "--role", "ads", "cpus:1"},
                             Words{"reserve", "a-00000000000000ff", "--role", "ads", "cpus:1"},
                             Words{"unreserve", "agent-1", "--role", "ads", "cpus:1"},
                             Words{"volume", "destroy", "agent-1", "--id", "nope"}}) {
    const Result result = shoal(words);
    EXPECT_EQ(result.exit_code, 3) << words[0] << ": " << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_THAT(shoal({"reserve", "agnet-1", "--role", "ads", "cpus:1"}).err,
              HasSubstr("did you mean 'agent-1'?"));
  const Result too_much = shoal({"reserve", "agent-1", "--role", "ads", "cpus:64"});
  EXPECT_EQ(too_much.exit_code, 1);
}

TEST_F(RolesTest, TheReservingExampleRunsAndCleansUp) {
  StartOptions options;
  options.environment = {{"SHOAL_MASTER", cluster->master()}};
  const Result result = run({SHOAL_EXAMPLES_DIR "/reserving_framework"}, options);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("create: FINISHED"), HasSubstr("write-1: TASK_FINISHED"),
                    HasSubstr("read-2: TASK_FINISHED"), HasSubstr("unreserve: FINISHED")));
  EXPECT_THAT(json({"agents"}), Not(HasSubstr(R"("role":"examples")")));
}

}  // namespace
}  // namespace shoal::test
