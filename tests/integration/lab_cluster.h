// Three masters over an etcd of three members, agents, and what a framework does, each on a host of
// its own in a NetLab: e1-e3, m1-m3, a1…, f (frameworks) and o (who looks; nobody cuts it off).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/leader_watch.h"
#include "tests/integration/net_lab.h"
#include "tests/integration/shoal_process.h"

namespace shoal::test {

struct LabOptions {
  std::size_t agents = 3;  // `shoal agent`, with 8 cpus each
  std::vector<std::string> more_hosts{};
  std::vector<std::string> master_words{};
};

class LabCluster {
 public:
  // Names of hosts.
  static const std::vector<std::string>& stores();
  static const std::vector<std::string>& masters();
  std::vector<std::string> agents() const;

  struct AgentRow {
    std::string id;
    std::string state;
    std::size_t tasks = 0;
  };

  explicit LabCluster(LabOptions options = {});
  // Ends tasks and everything else. What daemons logged goes to stderr when `error` or the test
  // that runs says so.
  ~LabCluster();
  LabCluster(const LabCluster&) = delete;
  LabCluster& operator=(const LabCluster&) = delete;

  const std::string& error() const { return error_; }  // "": all of it runs
  NetLab& lab() { return lab_; }
  LeaderWatch& watch() { return *watch_; }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  // --- daemons ---
  Process& store(const std::string& host) { return *stores_.at(host); }
  Process& master(const std::string& host) { return *masters_.at(host); }
  Process& agent(const std::string& host) { return *agents_.at(host); }
  void kill_store(const std::string& host);
  void start_store(const std::string& host);
  void kill_master(const std::string& host);
  void start_master(const std::string& host);
  void kill_agent(const std::string& host);
  void start_agent(const std::string& host);
  // False: it is not ready within a minute.
  bool is_ready(const std::string& name) const;
  std::string agent_data(const std::string& host) const { return path("data-" + host); }

  // The host that leads now; "": none within a minute. `after`: of a later epoch than this.
  std::string leader(std::int64_t after = 0) const;
  std::string masters_list() const;  // for --master
  std::string page(const std::string& master, const std::string& target) const;
  std::int64_t metric(const std::string& master, const std::string& name) const;
  // By hostname, as the leader has them; empty when nobody says.
  std::map<std::string, AgentRow> agent_rows() const;
  // Whether `count` agents are active, or whatever `state` says.
  bool wait_for_agents(std::size_t count, const std::string& state = "active") const;

  // `shoal WORDS` on host f; the environment names the masters.
  Result shoal(std::vector<std::string> words) const;
  std::unique_ptr<Process> start_shoal(std::vector<std::string> words) const;

  // --- tasks ---
  // `shoal run` of so many tasks, each of which notes its start and runs until let_go(); it ends
  // with
  // 7. Returns when all of them run.
  std::unique_ptr<Process> run_tasks(std::size_t count);
  void let_go();
  // "": so many tasks were started, each once, and all of them run.
  std::string complaint_of_tasks(std::size_t count) const;
  // Seconds from `begin` until a task that is submitted now, again and again if need be, has begun;
  // -1: it has not within a minute.
  double seconds_to_launch(LeaderWatch::Clock::time_point begin);

 private:
  bool start_all();
  // On `host`, its output in the file log-HOST.
  std::unique_ptr<Process> start_logged(const std::string& host,
                                        std::vector<std::string> words) const;
  void print_logs() const;

  const LabOptions options_;
  TempFolder folder_;
  std::string error_;
  NetLab lab_;
  std::map<std::string, std::unique_ptr<Process>> stores_;
  std::map<std::string, std::unique_ptr<Process>> masters_;
  std::map<std::string, std::unique_ptr<Process>> agents_;
  std::unique_ptr<LeaderWatch> watch_;
  int launches_ = 0;
};

}  // namespace shoal::test
