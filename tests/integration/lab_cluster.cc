#include "tests/integration/lab_cluster.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

namespace shoal::test {
namespace {

using Clock = LeaderWatch::Clock;
using Words = std::vector<std::string>;

constexpr const char* kEtcd = "/usr/bin/etcd";
constexpr int kMasterPort = 7070;
constexpr int kAgentPort = 7071;
constexpr std::size_t kLoggedAtMost = 4000;  // of each daemon, when a test has failed

std::vector<std::string> numbered(const char* letter, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= count; ++i) names.push_back(letter + std::to_string(i));
  return names;
}

std::vector<std::string> all_hosts(const LabOptions& options) {
  std::vector<std::string> hosts = {"o", "f"};
  for (const auto& some : {LabCluster::stores(), LabCluster::masters(),
                           numbered("a", options.agents), options.more_hosts}) {
    hosts.insert(hosts.end(), some.begin(), some.end());
  }
  return hosts;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void end(std::unique_ptr<Process>& process) {
  process->signal(SIGKILL);
  process->wait();
  process.reset();
}

}  // namespace

const std::vector<std::string>& LabCluster::stores() {
  static const std::vector<std::string> names = numbered("e", 3);
  return names;
}

const std::vector<std::string>& LabCluster::masters() {
  static const std::vector<std::string> names = numbered("m", 3);
  return names;
}

std::vector<std::string> LabCluster::agents() const { return numbered("a", options_.agents); }

LabCluster::LabCluster(LabOptions options)
    : options_(std::move(options)), lab_(all_hosts(options_)) {
  error_ = lab_.error();
  if (error_.empty() && !start_all()) print_logs();
}

LabCluster::~LabCluster() {
  if (testing::Test::HasFailure()) print_logs();
  let_go();
  watch_.reset();
  for (auto& [host, process] : agents_) {
    if (process == nullptr) continue;
    process->signal(SIGCONT);
    process->signal(SIGUSR1);  // with its tasks
  }
  for (auto& [host, process] : agents_) {
    if (process != nullptr) process->wait(std::chrono::seconds(20));
  }
}

bool LabCluster::start_all() {
  for (const std::string& host : stores()) start_store(host);
  const bool is_stored = eventually([&] {
    const NetLab::Inside inside(lab_, "o");
    for (const std::string& host : stores()) {
      const std::string health = http_get(lab_.address(host) + ":2379", "/health");
      if (health.find("\"true\"") == std::string::npos) return false;
    }
    return true;
  });
  if (!is_stored) {
    error_ = "etcd has no quorum";
    return false;
  }
  for (const std::string& host : masters()) start_master(host);
  for (const std::string& host : masters()) {
    if (!is_ready(host)) error_ = host + " does not serve";
  }
  watch_ = std::make_unique<LeaderWatch>(lab_, "o", masters(), kMasterPort);
  for (const std::string& host : agents()) start_agent(host);
  for (const std::string& host : agents()) {
    if (!is_ready(host)) error_ = host + " is not registered";
  }
  return error_.empty();
}

std::unique_ptr<Process> LabCluster::start_logged(const std::string& host, Words words) const {
  const Words shell = {"/bin/sh", "-c", "exec \"$@\" >>\"$0\" 2>&1", path("log-" + host)};
  words.insert(words.begin(), shell.begin(), shell.end());
  return lab_.start(host, std::move(words));
}

void LabCluster::print_logs() const {
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    const std::string name = entry.path().filename();
    if (name.rfind("log-", 0) != 0) continue;
    const std::string text = text_of(entry.path());
    const std::size_t from = text.size() > kLoggedAtMost ? text.size() - kLoggedAtMost : 0;
    std::cerr << "--- " << name << "\n" << text.substr(from);
  }
}

// --- daemons ---

void LabCluster::start_store(const std::string& host) {
  std::string members;
  for (const std::string& other : stores()) {
    members +=
        fmt::format("{}{}=http://{}:2380", members.empty() ? "" : ",", other, lab_.address(other));
  }
  const std::string client = fmt::format("http://{}:2379", lab_.address(host));
  const std::string peer = fmt::format("http://{}:2380", lab_.address(host));
  // Short intervals, so that a lease of a second is possible.
  stores_[host] = start_logged(host, {kEtcd,
                                      "--name",
                                      host,
                                      "--data-dir",
                                      path("data-" + host),
                                      "--listen-client-urls",
                                      client,
                                      "--advertise-client-urls",
                                      client,
                                      "--listen-peer-urls",
                                      peer,
                                      "--initial-advertise-peer-urls",
                                      peer,
                                      "--initial-cluster",
                                      members,
                                      "--heartbeat-interval",
                                      "50",
                                      "--election-timeout",
                                      "500",
                                      "--logger",
                                      "zap",
                                      "--log-level",
                                      "warn"});
}

void LabCluster::start_master(const std::string& host) {
  std::string etcd;
  for (const std::string& store : stores()) {
    etcd += fmt::format("{}{}:2379", etcd.empty() ? "" : ",", lab_.address(store));
  }
  std::filesystem::remove(path("ready-" + host));
  Words words = {SHOAL_BINARY,
                 "master",
                 "--insecure",
                 "--listen",
                 fmt::format("{}:{}", lab_.address(host), kMasterPort),
                 "--data",
                 path("data-" + host),
                 "--registry",
                 "etcd://" + etcd + "/lab",
                 "--lease",
                 "1s",
                 "--session-timeout",
                 "3s",
                 "--reactors",
                 "1",
                 "--ready-file",
                 path("ready-" + host)};
  words.insert(words.end(), options_.master_words.begin(), options_.master_words.end());
  masters_[host] = start_logged(host, std::move(words));
}

void LabCluster::start_agent(const std::string& host) {
  std::filesystem::remove(path("ready-" + host));
  // Without isolation the pid that a task sees of itself is the one that we see.
  agents_[host] =
      start_logged(host, {SHOAL_BINARY, "agent", "--insecure", "--listen",
                          fmt::format("{}:{}", lab_.address(host), kAgentPort), "--master",
                          masters_list(), "--data", agent_data(host), "--hostname", host,
                          "--resources", "cpus:8;mem:8192;disk:1000", "--isolation", "none",
                          "--ready-file", path("ready-" + host)});
}

void LabCluster::kill_store(const std::string& host) { end(stores_.at(host)); }

void LabCluster::kill_master(const std::string& host) { end(masters_.at(host)); }

void LabCluster::kill_agent(const std::string& host) { end(agents_.at(host)); }

bool LabCluster::is_ready(const std::string& name) const {
  return eventually([&] { return std::filesystem::exists(path("ready-" + name)); });
}

std::string LabCluster::masters_list() const {
  std::string list;
  for (const std::string& host : masters()) {
    list += fmt::format("{}{}:{}", list.empty() ? "" : ",", lab_.address(host), kMasterPort);
  }
  return list;
}

std::string LabCluster::leader(std::int64_t after) const {
  eventually([&] { return watch_->latest().epoch > after; });
  const LeaderWatch::Term term = watch_->latest();
  return term.epoch > after ? term.master : "";
}

std::string LabCluster::page(const std::string& master, const std::string& target) const {
  const NetLab::Inside inside(lab_, "o");
  return http_get(fmt::format("{}:{}", lab_.address(master), kMasterPort), target);
}

std::int64_t LabCluster::metric(const std::string& master, const std::string& name) const {
  return metric_in(page(master, "/metrics"), name);
}

std::map<std::string, LabCluster::AgentRow> LabCluster::agent_rows() const {
  std::map<std::string, AgentRow> rows;
  std::istringstream lines(shoal({"agents", "-o", "jsonl"}).out);
  for (std::string line; std::getline(lines, line);) {
    const auto agent = nlohmann::json::parse(line, nullptr, false);
    if (agent.is_discarded()) continue;
    rows[agent["hostname"]] = {agent["id"], agent["state"], agent["tasks"]};
  }
  return rows;
}

bool LabCluster::wait_for_agents(std::size_t count, const std::string& state) const {
  return eventually([&] {
    std::size_t found = 0;
    for (const auto& [host, row] : agent_rows()) found += row.state == state ? 1 : 0;
    return found == count;
  });
}

std::unique_ptr<Process> LabCluster::start_shoal(Words words) const {
  words.insert(words.begin(), SHOAL_BINARY);
  StartOptions options;
  options.environment.emplace_back("SHOAL_MASTER", masters_list());
  return lab_.start("f", std::move(words), std::move(options));
}

Result LabCluster::shoal(Words words) const { return start_shoal(std::move(words))->wait(); }

// --- tasks ---

std::unique_ptr<Process> LabCluster::run_tasks(std::size_t count) {
  // They end by themselves when nobody is left to let them go.
  const std::string script = fmt::format(
      "echo $$ >>{}; i=0; while [ ! -e {} ] && [ $i -lt 1500 ]; do i=$((i+1)); sleep 0.2; done; "
      "exit 7",
      path("started"), path("go"));
  auto job = start_shoal({"run", "--name", "job", "--instances", std::to_string(count), "--cpus",
                          "1", "--mem", "16", "--", "sh", "-c", script});
  eventually([&] { return complaint_of_tasks(count).empty(); });
  return job;
}

void LabCluster::let_go() { std::ofstream(path("go")) << ""; }

std::string LabCluster::complaint_of_tasks(std::size_t count) const {
  std::istringstream lines(text_of(path("started")));
  std::set<pid_t> alive;
  std::size_t started = 0;
  for (pid_t pid = 0; lines >> pid; ++started) {
    if (command_line_of(pid).find(path("started")) != std::string::npos) alive.insert(pid);
  }
  if (started == count && alive.size() == count) return "";
  return fmt::format("{} tasks were started and {} of them run, instead of {}", started,
                     alive.size(), count);
}

double LabCluster::seconds_to_launch(Clock::time_point begin) {
  const std::string mark = path(fmt::format("launch-{}", ++launches_));
  const auto is_there = [&] { return std::filesystem::exists(mark); };
  const auto until = Clock::now() + std::chrono::seconds(60);
  while (!is_there() && Clock::now() < until) {
    auto probe = start_shoal(
        {"run", "--name", "probe", "--cpus", "0.1", "--mem", "16", "--", "touch", mark});
    bool has_ended = false;
    eventually([&] {
      has_ended = has_ended || probe->wait(std::chrono::seconds(0)).exit_code >= 0;
      return has_ended || is_there();
    });
    if (!is_there()) continue;  // no master let it in: again
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    if (!has_ended) probe->wait();
    return took;
  }
  return -1;
}

}  // namespace shoal::test
