// Configuration and completion, through the program itself.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class ConfigTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  TempFolder folder_;
};

Result shoal(std::vector<std::string> words, StartOptions options = {}) {
  words.insert(words.begin(), SHOAL_BINARY);
  return run(std::move(words), std::move(options));
}

TEST_F(ConfigTest, CheckEndsWithTwoAndTellsAll) {
  const std::string file =
      write("bad.toml", "[master]\nlisten = 'x'\nreactor = 1\n[agent]\ninsecure = 'yes'\n");
  const Result result = shoal({"config", "check", "--config", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("shoal: " + file + ":2:10: [master] listen: "));
  EXPECT_THAT(result.err, HasSubstr(file + ":3:1: [master] unknown key 'reactor'; did you mean "
                                           "'reactors'?\n"));
  EXPECT_THAT(result.err, HasSubstr(file + ":5:12: [agent] insecure: "));
  EXPECT_EQ(shoal({"config", "dump", "--config", file}).exit_code, 2);
  EXPECT_EQ(shoal({"config", "check", "--config", file + ".no"}).exit_code, 2);
  EXPECT_EQ(shoal({"config"}).exit_code, 2);
}

TEST_F(ConfigTest, CheckTellsWhatWasRead) {
  const std::string file = write("good.toml", "[dev]\nagents = 1\n");
  StartOptions options;
  options.environment = {{"SHOAL_CONFIG", file}, {"SHOAL_DEV_REACTORS", "2"}};
  const Result result = shoal({"config", "check"}, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "ok\nfile " + file + "\nvariable SHOAL_DEV_REACTORS\n");
  EXPECT_THAT(shoal({"config", "dump", "dev", "-o", "json"}, options).out,
              HasSubstr(R"("key":"reactors","value":2,"origin":"environment",)"));
}

TEST_F(ConfigTest, ADaemonWithABadFileDoesNothing) {
  const std::string file = write("bad.toml", "[agent]\nhostnam = 'x'\n");
  const std::string data = folder_.path() + "/data";
  const Result result = shoal({"master", "--data", data, "--config", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("did you mean 'hostname'?"));
  EXPECT_NE(::access(data.c_str(), F_OK), 0);
}

TEST_F(ConfigTest, AMasterServesAsItsFileSays) {
  const std::string ready = folder_.path() + "/ready.json";
  const std::string file = write("shoal.toml", "[master]\nlisten = '127.0.0.1:0'\nreactors = 1\n" +
                                                   ("data = '" + folder_.path() + "/m'\n") +
                                                   "ready-file = '" + ready + "'\n");
  Process master({SHOAL_BINARY, "master", "--config", file});
  ASSERT_TRUE(eventually([&ready] { return ::access(ready.c_str(), F_OK) == 0; }));
  master.signal(SIGTERM);
  EXPECT_EQ(master.wait().exit_code, 0);
}

TEST_F(ConfigTest, HangUpReadsTheSettingsAgain) {
  const std::string ready = folder_.path() + "/ready.json";
  const std::string begin = "[master]\nlisten = '127.0.0.1:0'\ndata = '" + folder_.path() +
                            "/m'\nready-file = '" + ready + "'\n";
  const std::string file = write("shoal.toml", begin + "reactors = 1\n");
  Process master({SHOAL_BINARY, "master", "--config", file});
  ASSERT_TRUE(eventually([&ready] { return ::access(ready.c_str(), F_OK) == 0; }));
  write("shoal.toml", begin + "reactors = 2\noffer-timeout = '5s'\n");
  master.signal(SIGHUP);
  EXPECT_TRUE(master.wait_for_output("SIGHUP: offer-timeout: 5s, was 60s ("));
  EXPECT_TRUE(master.wait_for_output("SIGHUP: reactors: 2, was 1 ("));
  write("shoal.toml", begin + "reactor = 2\n");
  master.signal(SIGHUP);
  EXPECT_TRUE(master.wait_for_output("did you mean 'reactors'?"));
  EXPECT_TRUE(master.wait_for_output("the settings stay as they were"));
  master.signal(SIGTERM);
  EXPECT_EQ(master.wait().exit_code, 0);
}

TEST_F(ConfigTest, AnAgentHearsOfItToo) {
  const std::string file = write("shoal.toml", "[agent]\nmaster = '127.0.0.1:1'\n");
  Process agent({SHOAL_BINARY, "agent", "--data", folder_.path() + "/a", "--config", file});
  ASSERT_TRUE(agent.wait_for_output("127.0.0.1:1"));  // it looks for its master
  write("shoal.toml",
        "[agent]\nmaster = '127.0.0.1:1'\ngc-delay = '1h'\nlog-max-size = '1MiB'\n"
        "hostname = 'other'\n");
  agent.signal(SIGHUP);
  EXPECT_TRUE(agent.wait_for_output("SIGHUP: gc-delay: 1h, was 7d ("));
  EXPECT_TRUE(agent.wait_for_output("SIGHUP: log-max-size: 1MiB, was 0 ("));
  EXPECT_TRUE(agent.wait_for_output("SIGHUP: hostname: other, was not set ("));
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait().exit_code, 0);
}

// --- completion ---

// What bash offers after `line`.
Result complete_in_bash(const std::string& line, StartOptions options = {}) {
  const std::string script = "source <(" SHOAL_BINARY
                             " completion bash) || exit 9\n"
                             "COMP_LINE='" SHOAL_BINARY " " +
                             line +
                             "'\n"
                             "COMP_POINT=${#COMP_LINE}\n"
                             "_shoal " SHOAL_BINARY
                             "\n"
                             "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
                             "complete -p shoal >&2\n";
  return run({"/bin/bash", "-c", script}, std::move(options));
}

TEST(CompletionTest, BashReadsTheScript) {
  const Result result = run({"/bin/bash", "-c", SHOAL_BINARY " completion bash | bash -n"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(shoal({"completion", "csh"}).exit_code, 2);
  EXPECT_EQ(shoal({"completion"}).exit_code, 2);
}

TEST(CompletionTest, BashCompletesVerbsFlagsAndValues) {
  const Result verbs = complete_in_bash("dr");
  EXPECT_EQ(verbs.out, "drain\n");
  EXPECT_EQ(verbs.err, "complete -F _shoal shoal\n");
  EXPECT_EQ(complete_in_bash("tasks --outp").out, "--output\n");
  EXPECT_EQ(complete_in_bash("tasks --output js").out, "json\njsonl\n");
  EXPECT_EQ(complete_in_bash("tasks --master 10.0.0.1:1 --output=js").out, "json\njsonl\n");
  EXPECT_EQ(complete_in_bash("quota ").out, "get\nset\nremove\n");
}

TEST(CompletionTest, WithoutAMasterItIsQuickAndSilent) {
  const auto began = std::chrono::steady_clock::now();
  const Result result = complete_in_bash("logs --master 127.0.0.1:1 ");
  EXPECT_EQ(result.out, "\n");
  EXPECT_EQ(result.err, "complete -F _shoal shoal\n");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST(CompletionTest, IdsComeFromTheMaster) {
  Cluster cluster({"--agents", "1"});
  ASSERT_TRUE(cluster.is_ready());
  ASSERT_EQ(cluster.shoal({"run", "--name", "hello", "--", "true"}).exit_code, 0);
  StartOptions options;
  options.environment = {{"SHOAL_MASTER", cluster.master()}};
  EXPECT_THAT(complete_in_bash("logs hel", options).out, MatchesRegex("hello-[0-9a-f]+\n"));
  EXPECT_EQ(complete_in_bash("logs nothing", options).out, "\n");
  EXPECT_THAT(complete_in_bash("drain ", options).out, MatchesRegex("a-[0-9a-f]+\n"));
  EXPECT_THAT(complete_in_bash("explain --framework=", options).out, HasSubstr("f-"));
}

}  // namespace
}  // namespace shoal::test
