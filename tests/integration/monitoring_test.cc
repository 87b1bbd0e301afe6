// What a running cluster says of itself: metrics that promtool finds no fault with and that
// docs/MONITORING.md lists, a Prometheus that scrapes them, health, and logs as JSON.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "tests/integration/shoal_process.h"

namespace shoal::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPromtool = "/usr/bin/promtool";
constexpr const char* kPrometheus = "/usr/bin/prometheus";

#define SHOAL_NEEDS_PROMETHEUS()                                            \
  if (::access(kPromtool, X_OK) != 0 || ::access(kPrometheus, X_OK) != 0) { \
    GTEST_SKIP() << "prometheus is not installed: run scripts/bootstrap";   \
  }

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string curl(std::vector<std::string> words) {
  words.insert(words.begin(), {"/usr/bin/curl", "-sS", "-g", "--max-time", "20"});
  const Result result = run(std::move(words));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

std::string put(const std::string& url, const std::string& body) {
  return curl({"-X", "PUT", "-H", "Content-Type: application/json", "-d", body, url});
}

// Prometheus does not say which one it took if it is to choose.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

// The names that have a type in a page of metrics.
std::set<std::string> names_in(const std::string& metrics) {
  std::set<std::string> names;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  return names;
}

// Those of the tables of docs/MONITORING.md.
std::set<std::string> documented_names() {
  const std::string page = read_file(std::string(SHOAL_SOURCE_DIR) + "/docs/MONITORING.md");
  const std::regex row("\n\\| `((?:shoal|process)_[a-z0-9_]+)` \\|");
  std::set<std::string> names;
  for (std::sregex_iterator at(page.begin(), page.end(), row), end; at != end; ++at) {
    names.insert((*at)[1]);
  }
  return names;
}

std::set<std::string> without(std::set<std::string> names, const std::set<std::string>& others) {
  for (const std::string& name : others) names.erase(name);
  return names;
}

// One master, one agent, a task that runs; logs as JSON, in files of the data folder.
class MonitoringTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(cluster_.is_ready());
    master_ = cluster_.master();
    job_ = cluster_.start_shoal({"run", "--name", "example", "--", "sleep", "1000"});
    ASSERT_TRUE(eventually([&] {
      return json::parse(curl({master_ + "/v1/tasks?state=running"}))["tasks"].size() == 1;
    }));
    agent_ = json::parse(curl({master_ + "/v1/agents"}))["agents"][0]["address"];
  }
  void TearDown() override {
    job_->signal(SIGKILL);
    job_->wait();
  }

  TempFolder folder_;
  std::string data_ = folder_.path() + "/dev";
  Cluster cluster_{{"--agents", "1", "--data", data_, "--log-format", "json", "--log-level",
                    "info,tasks=debug"}};
  std::string master_;  // HOST:PORT
  std::string agent_;
  std::unique_ptr<Process> job_;
};

TEST_F(MonitoringTest, MetricsAreThoseOfTheirPageAndPromtoolFindsNoFault) {
  SHOAL_NEEDS_PROMETHEUS();
  std::set<std::string> said;
  for (const std::string& daemon : {master_, agent_}) {
    StartOptions options;
    options.stdin_text = curl({daemon + "/metrics"});
    said.merge(names_in(options.stdin_text));
    const Result lint = run({kPromtool, "check", "metrics"}, options);
    EXPECT_EQ(lint.exit_code, 0) << lint.out << lint.err;
    EXPECT_THAT(lint.err, IsEmpty());
  }
  const std::set<std::string> documented = documented_names();
  EXPECT_THAT(without(said, documented), IsEmpty()) << "not in docs/MONITORING.md";
  EXPECT_THAT(without(documented, said), IsEmpty()) << "in docs/MONITORING.md, and nobody says it";
}

TEST_F(MonitoringTest, APrometheusScrapesMasterAndAgent) {
  SHOAL_NEEDS_PROMETHEUS();
  const std::string rules = std::string(SHOAL_SOURCE_DIR) + "/docs/monitoring/alerts.yml";
  std::ofstream(folder_.path() + "/prometheus.yml")
      << "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
      << "rule_files: ['" << rules << "']\nscrape_configs:\n"
      << "  - {job_name: shoal-master, static_configs: [{targets: ['" << master_ << "']}]}\n"
      << "  - {job_name: shoal-agent, static_configs: [{targets: ['" << agent_ << "']}]}\n";
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  Process prometheus({kPrometheus, "--config.file=" + folder_.path() + "/prometheus.yml",
                      "--storage.tsdb.path=" + folder_.path() + "/tsdb",
                      "--web.listen-address=" + address});
  ASSERT_TRUE(prometheus.wait_for_output("Server is ready to receive web requests"));
  const auto value_of = [&](const std::string& query) -> std::string {
    const json answer =
        json::parse(curl({"-G", address + "/api/v1/query", "--data-urlencode", "query=" + query}),
                    nullptr, false);
    if (!answer.is_object() || answer["data"]["result"].empty()) return "";
    return answer["data"]["result"][0]["value"][1];
  };
  EXPECT_TRUE(eventually([&] { return value_of("sum(up)") == "2"; }));
  for (const auto& [query, expected] :
       {std::pair<std::string, std::string>{"shoal_master_leader", "1"},
        {"sum(shoal_master_tasks)", "1"},
        {"shoal_agent_tasks", "1"},
        {"shoal_agent_launch_seconds_count", "1"},
        {"shoal_master_launch_delay_seconds_count", "1"}}) {
    EXPECT_TRUE(eventually([&] { return value_of(query) == expected; })) << query;
  }
  // All rules are evaluated, and none fires on a cluster that is well.
  const auto groups = json::parse(curl({address + "/api/v1/rules"}))["data"]["groups"];
  EXPECT_EQ(groups.size(), 3u);
  for (const json& group : groups) {
    for (const json& rule : group["rules"]) EXPECT_NE(rule["health"], "err") << rule.dump();
  }
  EXPECT_EQ(value_of("count(ALERTS{alertstate='firing'})"), "");
}

TEST_F(MonitoringTest, LogsAreJsonAndTheirLevelsChangeAtRunTime) {
  const std::string log = data_ + "/agent-1.log";
  const auto lines_of = [](const std::string& path) {
    std::vector<json> lines;
    std::istringstream text(read_file(path));
    for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
    return lines;
  };
  for (const std::string& path : {data_ + "/master.log", log}) {
    const std::vector<json> lines = lines_of(path);
    ASSERT_FALSE(lines.empty()) << path;
    for (const json& line : lines) {
      for (const char* name : {"time", "level", "daemon", "module", "message"}) {
        EXPECT_TRUE(line.contains(name)) << line.dump();
      }
    }
  }
  const auto has_started = [&](const std::string& log_file) {
    for (const json& line : lines_of(log_file)) {
      if (line["message"] == "a task runs" && line.contains("task")) return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually([&] { return has_started(log); }));
  for (const std::string& daemon : {master_, agent_}) {
    const std::string url = daemon + "/v1/log-level";
    EXPECT_EQ(json::parse(curl({url}))["levels"]["tasks"], "debug");
    EXPECT_EQ(json::parse(put(url, R"({"levels":"net=error"})"))["levels"]["net"], "error");
    EXPECT_EQ(json::parse(curl({url}))["levels"]["net"], "error");
    EXPECT_THAT(put(url, R"({"levels":"loud"})"), HasSubstr("'loud' is no level"));
    EXPECT_THAT(put(url, R"({"level":"info"})"), HasSubstr("level"));
    EXPECT_THAT(curl({"-X", "PUT", "-d", "{}", url}), HasSubstr("application/json"));
  }
}

TEST_F(MonitoringTest, HealthNamesItsChecksAndTheFlightIsRecorded) {
  for (const std::string& daemon : {master_, agent_}) {
    EXPECT_EQ(json::parse(curl({daemon + "/livez"}))["status"], "ok");
    const json ready = json::parse(curl({daemon + "/readyz?verbose"}));
    EXPECT_EQ(ready["status"], "ok");
    EXPECT_GE(ready["checks"].size(), 3u);
    for (const json& check : ready["checks"]) EXPECT_EQ(check["ok"], true) << check.dump();
    std::set<std::string> kinds;
    const json flight = json::parse(curl({daemon + "/v1/debug/flight?last=4096"}));
    for (const json& reactor : flight["reactors"]) {
      for (const json& entry : reactor["entries"]) {
        EXPECT_GT(entry["at_us"].get<std::int64_t>(), 1'600'000'000'000'000);
        kinds.insert(entry["kind"].get<std::string>());
      }
    }
    for (const char* kind : {"opened", "frame_in", "frame_out", "http"}) {
      EXPECT_TRUE(kinds.contains(kind)) << daemon << " " << kind;
    }
  }
}

}  // namespace
}  // namespace shoal::test
