// What is left of tasks and what they use, end to end: logs, files, top, with agents that come and
// go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::HasSubstr;

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A master and an agent that are started and ended apart.
class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string ready = path("master.ready");
    master_ = std::make_unique<Process>(
        std::vector<std::string>{SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data",
                                 path("master"), "--ready-file", ready, "--reactors", "1"});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
    address_ = nlohmann::json::parse(read_text(ready))["master"];
  }
  void TearDown() override {
    if (agent_ != nullptr) {
      agent_->signal(SIGUSR1);  // tasks too
      agent_->wait();
    }
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  void start_agent(const std::vector<std::string>& more = {}) {
    std::filesystem::remove(path("agent.ready"));
    std::vector<std::string> words = {
        SHOAL_BINARY,  "agent",       "--master",          address_,       "--data",
        path("agent"), "--resources", "cpus:50;mem:50000", "--ready-file", path("agent.ready")};
    words.insert(words.end(), more.begin(), more.end());
    agent_ = std::make_unique<Process>(std::move(words));
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path("agent.ready")); }));
  }
  void kill_agent() {
    agent_->signal(SIGKILL);
    agent_->wait();
    agent_.reset();
  }
  std::unique_ptr<Process> start(std::vector<std::string> words) const {
    words.insert(words.begin(), SHOAL_BINARY);
    StartOptions options;
    options.environment.emplace_back("SHOAL_MASTER", address_);
    return std::make_unique<Process>(std::move(words), std::move(options));
  }
  Result shoal(std::vector<std::string> words) const { return start(std::move(words))->wait(); }
  // A task of this script that goes on until TearDown; its id.
  std::string start_task(const std::string& script) {
    run_ = start({"run", "--cpus", "0.1", "--mem", "16", "--name", "t", "--", "sh", "-c",
                  script + "; echo ready; while [ ! -e " + path("go") +
                      " ]; do sleep 0.05; done; echo more; exec sleep 600"});
    EXPECT_TRUE(run_->wait_for_output("ready\n"));
    const std::string ids = shoal({"tasks", "-o", "name"}).out;
    return ids.substr(0, ids.find('\n'));
  }

  TempFolder folder_;
  std::string address_;
  std::unique_ptr<Process> master_;
  std::unique_ptr<Process> agent_;
  std::unique_ptr<Process> run_;
};

TEST_F(FilesTest, LogsAndFilesAlsoAfterTheAgentWasRestarted) {
  start_agent();
  const std::string task =
      start_task("mkdir out; printf 'a\\000b' > out/data; ln -s /etc/passwd secret");
  auto follower = start({"logs", "-f", task});
  ASSERT_TRUE(follower->wait_for_output("ready\n"));
  kill_agent();
  ASSERT_TRUE(follower->wait_for_output("lost the agent; waiting for it to come back\n"));
  start_agent();  // on another port
  std::ofstream(path("go")) << "now";
  EXPECT_TRUE(follower->wait_for_output("more\n"));
  EXPECT_EQ(shoal({"logs", task}).out, "ready\nmore\n");

  Result result = shoal({"files", task, "-o", "name"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "out\nsecret\nstderr\nstdout\n");
  const auto json = nlohmann::json::parse(shoal({"files", task, "out", "-o", "json"}).out);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["name"], "data");
  EXPECT_EQ(json[0]["size_bytes"], 3);
  EXPECT_THAT(shoal({"files", task}).out, HasSubstr(" file    stdout\n"));
  EXPECT_EQ(shoal({"files", task, "out/data", "--cat"}).out, std::string("a\0b", 3));
  EXPECT_EQ(shoal({"files", task, "secret", "--cat"}).exit_code, 5);
  EXPECT_EQ(shoal({"files", task, "../.."}).exit_code, 5);
  EXPECT_EQ(shoal({"files", task, "none"}).exit_code, 3);
  EXPECT_EQ(shoal({"files", "no-such-task"}).exit_code, 3);
  EXPECT_EQ(shoal({"files", task, "/etc"}).exit_code, 2);

  EXPECT_EQ(shoal({"kill", task}).exit_code, 0);
  follower->wait();
  EXPECT_EQ(shoal({"logs", task}).out, "ready\nmore\n");
  EXPECT_EQ(shoal({"files", task, "out/data", "--cat"}).out, std::string("a\0b", 3));
}

TEST_F(FilesTest, TopShowsWhatIsUsed) {
  start_agent();
  const std::string task = start_task("true");
  // An agent's look is up to a second old: the first one may be from before the task.
  ASSERT_EQ(shoal({"top", "-o", "json", "--interval", "1s"}).exit_code, 0);
  const Result result = shoal({"top", "-o", "json", "--interval", "1s"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["agents"].size(), 1u);
  EXPECT_EQ(json["agents"][0]["error"], "");
  EXPECT_GT(json["agents"][0]["cpus_used"], 0);
  ASSERT_EQ(json["tasks"].size(), 1u);
  EXPECT_EQ(json["tasks"][0]["id"], task);
  EXPECT_GE(json["tasks"][0]["processes"], 1);
  EXPECT_GT(json["tasks"][0]["memory_rss_bytes"], 0);
  EXPECT_FALSE(json["tasks"][0]["cpus_used"].is_null());
  auto lines = start({"top", "-o", "jsonl", "--interval", "1s"});
  ASSERT_TRUE(lines->wait_for_output("}\n{\"agents\":")) << "one look after the other";
  lines->signal(SIGINT);
  lines->wait();
  const Result table = shoal({"top", "--interval", "1s"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.out, HasSubstr(task));
  EXPECT_EQ(table.out.find('\x1b'), std::string::npos);
}

TEST_F(FilesTest, ABoundedLogLosesItsHeadOnly) {
  start_agent({"--log-max-size", "64KiB"});
  const std::string task = start_task("seq 1 100000");
  // The follower that `run` is has all of it.
  ASSERT_TRUE(eventually([&] {
    return shoal({"logs", task}).err.find("bytes were cut off here") != std::string::npos;
  }));
  const Result rest = shoal({"logs", task});
  EXPECT_TRUE(rest.out.ends_with("\n99999\n100000\nready\n"));
  EXPECT_LT(rest.out.size(), 140'000u);
  EXPECT_EQ(rest.out.find('\0'), std::string::npos);
  EXPECT_THAT(rest.out, testing::MatchesRegex("^[0-9]+\n[^$]*")) << "begins with a whole line";
  const auto files = nlohmann::json::parse(shoal({"files", task, "stdout", "-o", "json"}).out);
  EXPECT_EQ(files[0]["size_bytes"], 588'901);
  EXPECT_LT(files[0]["disk_bytes"], 140'000);
}

}  // namespace
}  // namespace shoal::test
