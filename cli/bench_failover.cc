#include "cli/bench_failover.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/load/load.h"
#include "cli/bench_cluster.h"
#include "cli/bench_json.h"
#include "cli/bench_result.h"
#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/resources_option.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "core/status.h"
#include "net/clock.h"
#include "net/http_client.h"
#include "net/leader_query.h"
#include "net/timer.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::seconds kStartPatience{30};
constexpr std::uint32_t kStartsPerSecond = 500;  // registrations; launches are faster
constexpr std::chrono::milliseconds kAskEvery{50};
constexpr core::Milli kTaskCpus = 100;  // milli-units, of each task
constexpr core::Milli kTaskMem = 32'000;
constexpr std::uint32_t kMostStarting =
    20'000;                        // a few MiB of frames, which a master takes at once
constexpr double kRateAfter = 20;  // launches a second that are tried, once the master is dead

// Seconds since the kill; nullopt: it did not come.
struct FailoverResult {
  std::optional<double> detect_s;        // the framework has lost its session
  std::optional<double> elected_s;       // another master says that it leads
  std::optional<double> agents_back_s;   // all agents are registered there
  std::optional<double> first_launch_s;  // a task launched there is RUNNING
  std::uint64_t tasks_before = 0;
  std::uint64_t tasks_after = 0;  // of those; known to the new leader
  std::uint64_t tasks_lost = 0;   // told as ended, or not known any more
  // Starts beyond the launches, and launches that an agent could not do for want of resources.
  std::uint64_t offers_used_twice = 0;
  std::uint64_t registered = 0;
  double register_s = 0;
  std::uint64_t errors = 0;
  std::string first_error;

  bool is_good() const {
    return detect_s && elected_s && agents_back_s && first_launch_s && tasks_lost == 0 &&
           offers_used_twice == 0 && errors == 0;
  }
};

class FailoverBench {
 public:
  explicit FailoverBench(const FailoverVerb& verb) : verb_(verb) {}
  absl::Status run();
  const FailoverResult& result() const { return result_; }

 private:
  absl::Status measure();
  absl::Status start_masters();
  absl::Status fill();
  absl::Status find_leader();
  absl::Status fail_over();
  void look();
  void ask_who_leads();
  void ask_who_is_back();
  void note_who_is_back(std::string_view metrics);
  void count();
  double since_kill() const {
    return std::chrono::duration<double>(net::monotonic_now() - killed_at_).count();
  }
  std::uint64_t tasks() const { return std::uint64_t{verb_.agents} * verb_.tasks_per_agent; }
  core::Duration start_patience() const {
    return kStartPatience + std::chrono::seconds(verb_.agents / kStartsPerSecond);
  }
  void progress(const std::string& what) const {
    if (is_live_) write_fully(STDERR_FILENO, fmt::format("\r\033[K{}", what)).IgnoreError();
  }

  const FailoverVerb& verb_;
  const bool is_live_ = ::isatty(STDERR_FILENO) == 1;
  FailoverResult result_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<BenchCluster> cluster_;
  std::unique_ptr<load::Load> load_;
  std::optional<net::LeaderInEtcd> etcd_;
  std::vector<BenchMaster> masters_;
  std::string leader_;  // that was killed, or that leads now
  core::TimePoint killed_at_;
  core::TimePoint next_ask_;
  std::unique_ptr<net::LeaderQuery> query_;
  std::optional<std::string> answer_;  // of the query
  std::unique_ptr<net::HttpCall> metrics_;
};

absl::Status FailoverBench::run() {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  absl::Status status = measure();
  progress("");
  query_.reset();
  metrics_.reset();
  load_.reset();
  cluster_.reset();
  return status;
}

absl::Status FailoverBench::measure() {
  auto cluster = BenchCluster::create(*reactor_);
  if (!cluster.ok()) return cluster.status();
  cluster_ = *std::move(cluster);
  if (absl::Status ok = start_masters(); !ok.ok()) return ok;
  if (absl::Status ok = fill(); !ok.ok()) return ok;
  if (absl::Status ok = find_leader(); !ok.ok()) return ok;
  return fail_over();
}

absl::Status FailoverBench::start_masters() {
  std::vector<std::string> words = verb_.master_args;
  progress("starting the masters");
  if (verb_.uses_etcd) {
    const auto address = cluster_->start_etcd();
    if (!address.ok()) return address.status();
    words.insert(words.end(), {"--registry", "etcd://" + *address});
    etcd_ = net::LeaderInEtcd{{*net::parse_host_port(*address)}, "/shoal"};
  }
  std::string all;
  for (std::uint32_t i = 0; i < (verb_.uses_etcd ? verb_.masters : 1); ++i) {
    auto master = cluster_->add_master(fmt::format("master-{}", i), "127.0.0.1:0", words);
    if (!master.ok()) return master.status();
    all += (all.empty() ? "" : ",") + master->address;
    masters_.push_back(*std::move(master));
  }
  cluster_->attach(all);
  return absl::OkStatus();
}

// Agents that hold what they are to run, and room for one task more each.
absl::Status FailoverBench::fill() {
  progress(fmt::format("registering {} agents", verb_.agents));
  core::Resources each;
  each.cpus = kTaskCpus * (verb_.tasks_per_agent + 1);
  each.mem = kTaskMem * (verb_.tasks_per_agent + 1);
  if (absl::Status ok =
          cluster_->start_swarm({"--agents", fmt::format("{}", verb_.agents), "--resources",
                                 resources_flag(each), "--task-duration", "24h"},
                                start_patience());
      !ok.ok()) {
    return ok;
  }
  result_.register_s = cluster_->register_seconds();
  load::LoadOptions options;
  options.master = cluster_->master();
  options.batch = verb_.tasks_per_agent;
  options.task.cpus = kTaskCpus;
  options.task.mem = kTaskMem;
  options.window = static_cast<std::uint32_t>(tasks());
  options.most_starting = kMostStarting;
  options.survives_masters = true;
  auto load = load::Load::create(*reactor_, options);
  if (!load.ok()) return load.status();
  load_ = *std::move(load);
  if (absl::Status ok = cluster_->wait_until([this] { return load_->is_connected(); },
                                             kStartPatience, "the framework to subscribe");
      !ok.ok()) {
    return ok;
  }
  load_->start_measuring();
  load_->go(0);
  progress(fmt::format("launching {} tasks", tasks()));
  return cluster_->wait_until([this] { return load_->measured().running >= tasks(); },
                              start_patience() + verb_.patience, "all tasks to run");
}

absl::Status FailoverBench::find_leader() {
  if (!etcd_.has_value()) {
    leader_ = masters_.front().address;
    return absl::OkStatus();
  }
  ask_who_leads();
  const auto is_told = [this] {
    if (!answer_.has_value() && query_ == nullptr) ask_who_leads();
    return answer_.has_value();
  };
  absl::Status told = cluster_->wait_until(is_told, kStartPatience, "a master to lead");
  if (answer_.has_value()) leader_ = *answer_;
  return told;
}

void FailoverBench::ask_who_leads() {
  answer_.reset();
  query_ = std::make_unique<net::LeaderQuery>(*reactor_, *etcd_,
                                              [this](const absl::StatusOr<net::HostPort>& leader) {
                                                query_.reset();
                                                if (leader.ok()) answer_ = leader->to_string();
                                              });
}

absl::Status FailoverBench::fail_over() {
  load_->pause();
  result_.tasks_before = load_->under_way();
  progress("killing the master that leads");
  const auto dead = std::find_if(masters_.begin(), masters_.end(),
                                 [this](const BenchMaster& one) { return one.address == leader_; });
  if (dead == masters_.end()) {
    return absl::InternalError(fmt::format("{} leads, which is none of this bench", leader_));
  }
  load_->start_measuring();
  killed_at_ = net::monotonic_now();
  cluster_->kill_master(*dead);
  if (!etcd_.has_value()) {
    // With its sockets to close it takes a moment to die, and holds its folder until then.
    const auto is_dead = [pid = dead->pid] { return ::kill(pid, 0) != 0 && errno == ESRCH; };
    if (absl::Status ok = cluster_->wait_until(is_dead, kStartPatience, "the master to die");
        !ok.ok()) {
      return ok;
    }
    const auto again = cluster_->add_master("master-0", leader_, verb_.master_args);
    if (!again.ok()) return again.status();
    result_.elected_s = since_kill();
  }
  const auto goes_on = [this] {
    look();
    return result_.detect_s && result_.elected_s && result_.agents_back_s && result_.first_launch_s;
  };
  absl::Status waited = cluster_->wait_until(goes_on, verb_.patience, "the cluster to go on");
  if (!waited.ok() && !absl::IsDeadlineExceeded(waited)) return waited;
  count();
  return absl::OkStatus();
}

// Every few milliseconds while it fails over.
void FailoverBench::look() {
  const load::LoadResult load = load_->measured();
  if (!result_.detect_s && load.lost_at.has_value()) {
    result_.detect_s = std::chrono::duration<double>(*load.lost_at - killed_at_).count();
    load_->go(kRateAfter);
  }
  if (!result_.first_launch_s && load.running > 0) result_.first_launch_s = since_kill();
  const core::TimePoint now = net::monotonic_now();
  if (now < next_ask_) return;
  next_ask_ = now + kAskEvery;
  if (!result_.elected_s) {
    if (answer_.has_value() && *answer_ != leader_) {
      result_.elected_s = since_kill();
      leader_ = *answer_;
    } else if (query_ == nullptr) {
      ask_who_leads();
    }
    return;
  }
  if (!result_.agents_back_s && metrics_ == nullptr) ask_who_is_back();
}

// Without waiting for the answer: the framework is on the same reactor.
void FailoverBench::ask_who_is_back() {
  const auto address = net::parse_host_port(leader_);
  if (!address.ok()) return;
  metrics_ =
      std::make_unique<net::HttpCall>(*reactor_, *address, "/metrics", net::HttpCallOptions{},
                                      [this](const absl::StatusOr<net::HttpAnswer>& answer) {
                                        if (answer.ok() && answer->status == 200)
                                          note_who_is_back(answer->body);
                                        metrics_.reset();
                                      });
}

void FailoverBench::note_who_is_back(std::string_view metrics) {
  const double known = sum_of(metrics, "shoal_master_agents");
  const double missing = sum_of(metrics, "shoal_master_agents_recovering");
  result_.registered = static_cast<std::uint64_t>(std::max(known - missing, 0.0));
  progress(fmt::format("{} of {} agents are back", result_.registered, verb_.agents));
  if (result_.registered >= verb_.agents) result_.agents_back_s = since_kill();
}

void FailoverBench::count() {
  load_->pause();
  // What is under way is soon running, or told as failed.
  const auto are_running = [this] {
    const load::LoadResult load = load_->measured();
    return load.running + load.errors + load.missed >= load.launched;
  };
  const absl::Status settled =
      cluster_->wait_until(are_running, kStartPatience, "the last launches");
  const load::LoadResult load = load_->measured();
  const auto known = static_cast<std::uint64_t>(cluster_->metric(leader_, "shoal_master_tasks"));
  result_.tasks_after = known > load.running ? known - load.running : 0;
  result_.tasks_after = std::min(result_.tasks_after, result_.tasks_before);
  result_.tasks_lost = result_.tasks_before - result_.tasks_after;
  const std::uint64_t started = cluster_->swarm_report().tasks_started;
  const std::uint64_t launched = result_.tasks_before + load.launched;
  result_.offers_used_twice = load.failed + (started > launched ? started - launched : 0);
  result_.errors = load.errors;
  result_.first_error = load.first_error;
  if (!settled.ok() && result_.errors == 0) {
    result_.errors = load.launched - load.running;
    result_.first_error = core::message_of(settled);
  }
  if (!cluster_->answered().ok()) {
    ++result_.errors;
    result_.first_error = core::message_of(cluster_->answered());
  }
}

std::string seconds_text(const std::optional<double>& seconds) {
  return seconds.has_value() ? fmt::format("{:.2f} s", *seconds) : "never";
}

std::string to_table(const FailoverVerb& verb, const FailoverResult& result) {
  Table table({{"bench failover"}, {"", Table::Align::kLeft, true}});
  const auto add = [&table](const char* name, const std::string& value) {
    table.add_row({Cell(name), Cell(value)});
  };
  add("masters", verb.uses_etcd ? fmt::format("{}, with etcd", verb.masters)
                                : std::string("one, started again"));
  add("the framework noticed", seconds_text(result.detect_s));
  add("a master led", seconds_text(result.elected_s));
  add("all agents were back", fmt::format("{}, {} of {}", seconds_text(result.agents_back_s),
                                          result.registered, verb.agents));
  add("the first launch ran", seconds_text(result.first_launch_s));
  add("tasks", fmt::format("{} before, {} after, {} lost", result.tasks_before, result.tasks_after,
                           result.tasks_lost));
  add("offers used twice", fmt::format("{}", result.offers_used_twice));
  add("errors", fmt::format("{}", result.errors));
  add("machine", describe_machine());
  return table.render(describe_stdout());
}

std::string to_json(const FailoverVerb& verb, const FailoverResult& result) {
  BenchJson json("failover", 3);
  json.count("agents", verb.agents);
  json.text("registry", verb.uses_etcd ? "etcd" : "embedded");
  json.count("masters", verb.uses_etcd ? verb.masters : 1);
  json.maybe("detect_s", result.detect_s);
  json.maybe("elected_s", result.elected_s);
  json.maybe("agents_back_s", result.agents_back_s);
  json.maybe("first_launch_s", result.first_launch_s);
  json.count("tasks_before", result.tasks_before);
  json.count("tasks_after", result.tasks_after);
  json.count("tasks_lost", result.tasks_lost);
  json.count("offers_used_twice", result.offers_used_twice);
  json.count("registered", result.registered);
  json.number("register_s", result.register_s);
  json.count("errors", result.errors);
  json.origin();
  return json.finish();
}

}  // namespace

int run_bench_failover(const FailoverVerb& verb) {
  FailoverBench bench(verb);
  if (const absl::Status status = bench.run(); !status.ok()) return say_no_result(status);
  const FailoverResult& result = bench.result();
  const bool is_json = verb.format != OutputFormat::kTable;
  const int code = show_bench(is_json ? to_json(verb, result) : to_table(verb, result),
                              result.errors, result.first_error);
  return code == kExitOk && !result.is_good() ? kExitFailed : code;
}

}  // namespace shoal::cli
