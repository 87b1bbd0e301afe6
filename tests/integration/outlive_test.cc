// Tasks outlive their agent: agents that are killed and started again, with real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
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

// A master and an agent that are started and killed apart.
class OutliveTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string ready = path("master.ready");
    master_ = std::make_unique<Process>(
        std::vector<std::string>{SHOAL_BINARY, "master", "--listen", "127.0.0.1:0", "--data",
                                 path("master"), "--ready-file", ready, "--reactors", "1"});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(ready); }));
    const std::string text = read_text(ready);
    const std::size_t at = text.find("127.0.0.1:");
    ASSERT_NE(at, std::string::npos) << text;
    address_ = text.substr(at, text.find('"', at) - at);
    start_agent();
  }
  void TearDown() override {
    if (agent_ != nullptr) {
      agent_->signal(SIGUSR1);  // tasks too
      agent_->wait();
    }
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::vector<std::string> agent_words() const {
    return {SHOAL_BINARY,  "agent",       "--master",          address_,       "--data",
            path("agent"), "--resources", "cpus:50;mem:50000", "--ready-file", path("agent.ready")};
  }
  void start_agent(const std::vector<std::string>& more = {}) {
    std::filesystem::remove(path("agent.ready"));
    std::vector<std::string> words = agent_words();
    words.insert(words.end(), more.begin(), more.end());
    agent_ = std::make_unique<Process>(std::move(words));
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path("agent.ready")); }));
  }
  void kill_agent() {
    agent_->signal(SIGKILL);
    agent_->wait();
    agent_.reset();
  }
  Result operate(std::vector<std::string> words) {
    words.insert(words.begin(), SHOAL_BINARY);
    StartOptions options;
    options.environment.emplace_back("SHOAL_MASTER", address_);
    return test::run(std::move(words), std::move(options));
  }
  static std::string first_word(const std::string& text) {
    return text.substr(0, text.find_first_of(" \n"));
  }
  std::unique_ptr<Process> run(std::vector<std::string> words) {
    std::vector<std::string> all = {SHOAL_BINARY, "run", "--cpus", "0.1", "--mem", "16"};
    all.insert(all.end(), words.begin(), words.end());
    StartOptions options;
    options.environment.emplace_back("SHOAL_MASTER", address_);
    return std::make_unique<Process>(std::move(all), std::move(options));
  }
  // Files in the sandboxes that match sandboxes/*/*/latest/stdout, and hold `text`.
  std::size_t outputs_with(const std::string& text) const {
    std::size_t found = 0;
    std::error_code none;
    for (const auto& framework :
         std::filesystem::directory_iterator(path("agent/sandboxes"), none)) {
      for (const auto& task : std::filesystem::directory_iterator(framework.path(), none)) {
        if (read_text(task.path().string() + "/latest/stdout").find(text) != std::string::npos) {
          ++found;
        }
      }
    }
    return found;
  }

  TempFolder folder_;
  std::string address_;
  std::unique_ptr<Process> master_;
  std::unique_ptr<Process> agent_;
};

TEST_F(OutliveTest, TwentyTasksKeepRunningWithOutputAndExitCode) {
  constexpr std::size_t kTasks = 20;
  const std::string go = path("go");
  std::vector<std::unique_ptr<Process>> runs;
  for (std::size_t i = 0; i < kTasks; ++i) {
    runs.push_back(run({"--", "sh", "-c",
                        "echo begin; while [ ! -e " + go +
                            " ]; do sleep 0.05; done; echo end; exit " + std::to_string(40 + i)}));
  }
  ASSERT_TRUE(eventually([&] { return outputs_with("begin\n") == kTasks; }));
  kill_agent();
  start_agent();
  EXPECT_EQ(outputs_with("end\n"), 0u);
  std::ofstream(go) << "now";
  for (std::size_t i = 0; i < kTasks; ++i) {
    EXPECT_EQ(runs[i]->wait(std::chrono::seconds(60)).exit_code, static_cast<int>(40 + i));
  }
  EXPECT_EQ(outputs_with("begin\nend\n"), kTasks) << "each ran once, and to its end";
  EXPECT_TRUE(eventually([&] {
    return std::distance(std::filesystem::directory_iterator(path("agent/meta")), {}) == 1;
  })) << "records are left";
}

TEST_F(OutliveTest, AnEndWhileTheAgentWasAwayIsToldTruly) {
  const std::string go = path("go");
  auto task =
      run({"--", "sh", "-c",
           "echo begin; while [ ! -e " + go + " ]; do sleep 0.05; done; echo end; exit 42"});
  ASSERT_TRUE(eventually([&] { return outputs_with("begin\n") == 1; }));
  kill_agent();
  std::ofstream(go) << "now";
  ASSERT_TRUE(eventually([&] { return outputs_with("end\n") == 1; }));
  start_agent();
  EXPECT_EQ(task->wait(std::chrono::seconds(60)).exit_code, 42);
}

TEST_F(OutliveTest, CleanupEndsThem) {
  auto task = run({"--", "sh", "-c", "echo begin; exec sleep 71717"});
  // Until `run` knows: what it has not heard to be running it would launch again.
  ASSERT_TRUE(task->wait_for_output("begin\n"));
  kill_agent();
  start_agent({"--recover", "cleanup"});
  const Result result = task->wait(std::chrono::seconds(60));
  EXPECT_NE(result.exit_code, 0);
  auto after = run({"--", "echo", "fresh"});
  EXPECT_EQ(after->wait(std::chrono::seconds(60)).out, "fresh\n");
}

TEST_F(OutliveTest, ADamagedRecordIsNamedAndTheOthersGoOn) {
  const std::string go = path("go");
  auto bad = run({"--name", "bad", "--", "sh", "-c", "echo begin; exec sleep 71718"});
  auto good = run({"--name", "good", "--", "sh", "-c",
                   "echo begin; while [ ! -e " + go + " ]; do sleep 0.05; done; exit 8"});
  ASSERT_TRUE(bad->wait_for_output("begin\n"));
  ASSERT_TRUE(good->wait_for_output("begin\n"));
  kill_agent();
  for (const auto& entry : std::filesystem::directory_iterator(path("agent/meta"))) {
    if (entry.path().filename().string().find("@bad") == std::string::npos) continue;
    std::filesystem::resize_file(entry.path() / "task", 33);
  }
  start_agent();
  const Result result = bad->wait(std::chrono::seconds(60));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("cut off after 33"));
  std::ofstream(go) << "now";
  EXPECT_EQ(good->wait(std::chrono::seconds(60)).exit_code, 8);
}

TEST_F(OutliveTest, ADrainEmptiesTheAgentAndSaysSo) {
  auto quick = run({"--", "sh", "-c", "echo begin; exec sleep 71719"});
  auto stubborn = run({"--", "sh", "-c", "trap '' TERM; echo begin; while :; do sleep 0.1; done"});
  ASSERT_TRUE(quick->wait_for_output("begin\n"));
  ASSERT_TRUE(stubborn->wait_for_output("begin\n"));
  const std::string host = first_word(operate({"agents", "-o", "name"}).out);
  const Result drained = operate({"drain", host, "--max-grace", "300ms"});
  EXPECT_EQ(drained.exit_code, 0) << drained.err;
  EXPECT_THAT(drained.err, HasSubstr("is drained: 2 tasks ended"));
  for (const auto& task : {&quick, &stubborn}) {
    const Result result = (*task)->wait(std::chrono::seconds(60));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.err, HasSubstr("drain"));
  }
  EXPECT_THAT(operate({"agents"}).out, HasSubstr("drained"));
  EXPECT_EQ(operate({"reactivate", host}).exit_code, 0);
  EXPECT_EQ(run({"--", "echo", "again"})->wait(std::chrono::seconds(60)).out, "again\n");
}

TEST_F(OutliveTest, AnAgentThatIsGoneEndsItsTasksWhenItComesBack) {
  auto task =
      run({"--", "sh", "-c", "echo begin; echo $$ > " + path("pid") + "; exec sleep 71720"});
  ASSERT_TRUE(task->wait_for_output("begin\n"));
  ASSERT_TRUE(eventually([&] { return !read_text(path("pid")).empty(); }));
  const std::string id = first_word(operate({"agents", "-o", "name"}).out);
  const Result refused = operate({"gone", id});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("is active with 1 tasks"));
  kill_agent();
  EXPECT_EQ(operate({"gone", id, "--force"}).exit_code, 0);
  EXPECT_NE(task->wait(std::chrono::seconds(60)).exit_code, 0);
  agent_ = std::make_unique<Process>(agent_words());
  const Result ended = agent_->wait(std::chrono::seconds(60));
  agent_.reset();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("declared this agent gone"));
  EXPECT_EQ(command_line_of(std::stoi(read_text(path("pid")))), "");
}

TEST_F(OutliveTest, APlainStopKeepsTasksForTheNextAgent) {
  const std::string go = path("go");
  auto task =
      run({"--", "sh", "-c", "echo begin; while [ ! -e " + go + " ]; do sleep 0.05; done; exit 6"});
  ASSERT_TRUE(eventually([&] { return outputs_with("begin\n") == 1; }));
  agent_->signal(SIGTERM);
  EXPECT_EQ(agent_->wait().exit_code, 0);
  start_agent();
  std::ofstream(go) << "now";
  EXPECT_EQ(task->wait(std::chrono::seconds(60)).exit_code, 6);
}

}  // namespace
}  // namespace shoal::test
