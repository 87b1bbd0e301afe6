// A master that is killed and started again on its folder: what operators set, and what agents and
// frameworks were, is as it was; tasks run on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Words = std::vector<std::string>;

class RegistryTest : public testing::Test {
 protected:
  void TearDown() override {
    for (auto* process : {&agent_, &master_}) {
      if (*process == nullptr) continue;
      (*process)->signal(SIGTERM);
      EXPECT_EQ((*process)->wait().exit_code, 0);
    }
  }

  std::string data() const { return folder_.path() + "/master"; }

  // On the port of the first one.
  void start_master() {
    const std::string ready = folder_.path() + "/ready";
    std::filesystem::remove(ready);
    master_ = std::make_unique<Process>(Words{SHOAL_BINARY, "master", "--listen", address_,
                                              "--data", data(), "--ready-file", ready});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
    std::ifstream in(ready);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t begin = text.find(":\"") + 2;
    address_ = text.substr(begin, text.find('"', begin) - begin);
  }
  void start_agent() {
    agent_ = std::make_unique<Process>(
        Words{SHOAL_BINARY, "agent", "--master", address_, "--data", folder_.path() + "/agent",
              "--hostname", "node-1", "--resources", "cpus:4;mem:1024", "--on-stop", "kill"});
    ASSERT_TRUE(
        eventually([&] { return shoal({"agents"}).out.find("active") != std::string::npos; }));
  }
  Result shoal(Words words) const {
    words.insert(words.begin(), SHOAL_BINARY);
    return run(words, {.environment = {{"SHOAL_MASTER", address_}}, .stdin_text = {}});
  }
  void succeed(const Words& words) const {
    const Result result = shoal(words);
    EXPECT_EQ(result.exit_code, 0) << words[0] << ": " << result.err;
  }
  void kill_master() {
    master_->signal(SIGKILL);
    EXPECT_EQ(master_->wait().exit_code, 128 + SIGKILL);
  }

  TempFolder folder_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<Process> master_;
  std::unique_ptr<Process> agent_;
};

TEST_F(RegistryTest, AKilledMastersSettingsAndTasksAreThere) {
  start_master();
  start_agent();
  Process waiting(
      {SHOAL_BINARY, "run", "--", "sh", "-c",
       "echo started; while [ ! -e " + folder_.path() + "/go ]; do sleep 0.05; done; exit 7"},
      {.environment = {{"SHOAL_MASTER", address_}}, .stdin_text = {}});
  ASSERT_TRUE(waiting.wait_for_output("started\n"));
  succeed({"quota", "set", "dev", "--limit", "cpus:2"});
  succeed({"weight", "ads", "2.5"});
  succeed({"deactivate", "node-1"});
  kill_master();
  start_master();
  EXPECT_THAT(shoal({"quota", "get"}).out, HasSubstr("cpus:2"));
  EXPECT_THAT(shoal({"weight", "get"}).out, HasSubstr("2.5"));
  EXPECT_TRUE(eventually([&] {
    return shoal({"agents"}).out.find("deactivated") != std::string::npos;
  })) << "it comes back, and is not offered";
  std::ofstream(folder_.path() + "/go") << "";
  EXPECT_EQ(waiting.wait().exit_code, 7) << "its framework came back, and hears of its end";
}

TEST_F(RegistryTest, WhoIsGoneMayNotComeBackToTheNextMaster) {
  start_master();
  start_agent();
  agent_->signal(SIGKILL);
  agent_->wait();
  agent_.reset();
  succeed({"gone", "node-1", "--force"});
  kill_master();
  start_master();
  EXPECT_EQ(shoal({"agents"}).out.find("node-1"), std::string::npos);
  const Result refused = run({SHOAL_BINARY, "agent", "--master", address_, "--data",
                              folder_.path() + "/agent", "--hostname", "node-1"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("declared this agent gone"));
}

TEST_F(RegistryTest, DumpCheckBackupAndRestore) {
  start_master();
  succeed({"weight", "ads", "2.5"});
  const std::string backup = folder_.path() + "/backup.db";
  succeed({"registry", "backup", "--data", data(), backup});
  EXPECT_EQ(shoal({"registry", "backup", "--data", data(), backup}).exit_code, 1) << "it is there";
  succeed({"weight", "ads", "3"});
  EXPECT_THAT(shoal({"registry", "dump", "--data", data()}).out,
              AllOf(HasSubstr("ads"), HasSubstr("3")));
  EXPECT_THAT(shoal({"registry", "dump", "--file", backup, "-o", "json"}).out,
              HasSubstr("\"roles\":[{\"role\":\"ads\",\"weight\":2.5,"));
  EXPECT_THAT(shoal({"registry", "restore", "--data", data(), backup}).err,
              HasSubstr("in use by another master"));
  kill_master();
  succeed({"registry", "check", "--data", data()});
  succeed({"registry", "restore", "--data", data(), backup});
  start_master();
  EXPECT_THAT(shoal({"weight", "get"}).out, HasSubstr("2.5"));
  std::ofstream(backup) << "no database at all, but long enough to be looked at as one";
  EXPECT_THAT(shoal({"registry", "check", "--file", backup}).err, HasSubstr("not a database"));
  EXPECT_EQ(shoal({"registry", "dump", "--file", folder_.path() + "/none"}).exit_code, 3);
  EXPECT_EQ(shoal({"registry", "dump"}).exit_code, 2);
}

// The folder as a disk that was mounted to be read only.
TEST(RegistryOnAReadOnlyDisk, IsRefusedWithTheFileAndTheReason) {
  const Words alone = {"/usr/bin/unshare", "--mount", "/bin/true"};
  if (run(alone).exit_code != 0) GTEST_SKIP() << "needs to mount (root)";
  const TempFolder folder;
  const std::string data = folder.path() + "/master";
  std::filesystem::create_directory(data);
  const Result refused = run({"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
                              "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && "
                              "exec \"$2\" master --listen 127.0.0.1:0 --data \"$1\"",
                              "sh", data, SHOAL_BINARY});
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_THAT(refused.err, AllOf(HasSubstr(data), HasSubstr("Read-only file system")));
  EXPECT_TRUE(std::filesystem::is_empty(data));
}

}  // namespace
}  // namespace shoal::test
