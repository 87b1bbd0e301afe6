#include "cli/bench.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>

#include "bench/load/end_stamps.h"
#include "bench/load/load.h"
#include "cli/bench_cluster.h"
#include "cli/bench_result.h"
#include "cli/exit_code.h"
#include "cli/resources_option.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "core/status.h"
#include "master/json_writer.h"
#include "net/clock.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::seconds kConnectPatience{10};
constexpr std::chrono::seconds kDrainPatience{30};
constexpr std::chrono::seconds kSecond{1};
// For registering: generous, as the figure is measured and not the patience.
constexpr std::chrono::seconds kLeastRegisterPatience{30};
constexpr std::uint32_t kRegistrationsPerSecond = 500;

class Bench {
 public:
  explicit Bench(const BenchVerb& verb) : verb_(verb) {}
  absl::Status run();
  const BenchResult& result() const { return result_; }

 private:
  absl::Status start_cluster();
  absl::Status start_load();
  absl::Status measure_agents();
  absl::Status measure_launches();
  absl::Status measure_offers();
  // Runs the load for the bench's duration, a second at a time.
  absl::Status measure(const std::string& what);
  absl::Status drain();
  void finish();
  void progress(const std::string& what) const;

  std::vector<std::string> swarm_words() const;
  double ends_per_second() const { return verb_.rate > 0 ? verb_.rate : 100; }

  const BenchVerb& verb_;
  const bool is_live_ = ::isatty(STDERR_FILENO) == 1;
  BenchResult result_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<BenchCluster> cluster_;
  std::unique_ptr<load::EndStamps> stamps_;
  std::unique_ptr<load::Load> load_;
  double bytes_before_ = 0;  // allocated by the master without agents
  MasterUse use_before_;
};

void Bench::progress(const std::string& what) const {
  if (is_live_) write_fully(STDERR_FILENO, fmt::format("\r\033[K{}", what)).IgnoreError();
}

absl::Status Bench::run() {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  absl::Status status = start_cluster();
  if (status.ok()) {
    switch (verb_.kind) {
      case BenchVerb::Kind::kAgents:
        status = measure_agents();
        break;
      case BenchVerb::Kind::kLaunch:
      case BenchVerb::Kind::kChurn:
        status = measure_launches();
        break;
      case BenchVerb::Kind::kOfferLatency:
        status = measure_offers();
        break;
    }
  }
  if (status.ok()) {
    finish();
    status.Update(cluster_->answered());
  }
  progress("");
  load_.reset();
  cluster_.reset();
  return status;
}

std::vector<std::string> Bench::swarm_words() const {
  std::vector<std::string> words = {"--agents", fmt::format("{}", verb_.agents), "--resources",
                                    resources_flag(verb_.agent_resources)};
  const auto add = [&words](const char* flag, std::string value) {
    words.emplace_back(flag);
    words.push_back(std::move(value));
  };
  if (verb_.kind == BenchVerb::Kind::kOfferLatency) {
    const double mean_s = verb_.agents / ends_per_second();
    add("--task-duration", fmt::format("exp:{:.0f}ms", std::max(1.0, mean_s * 1000)));
    add("--stamps", cluster_->folder() + "/ends");
  }
  if (verb_.kind == BenchVerb::Kind::kChurn) {
    add("--fail", fmt::format("{:.3f}%/min", verb_.fail_per_minute * 100));
    add("--disconnect", fmt::format("{:.3f}%/min", verb_.disconnect_per_minute * 100));
  }
  return words;
}

absl::Status Bench::start_cluster() {
  auto cluster = BenchCluster::create(*reactor_);
  if (!cluster.ok()) return cluster.status();
  cluster_ = *std::move(cluster);
  progress("starting the master");
  if (!verb_.attach.empty()) {
    cluster_->attach(verb_.attach);
  } else if (auto ok = cluster_->start_master(verb_.master_args, verb_.preload); !ok.ok()) {
    return ok;
  }
  bytes_before_ = cluster_->master_metric("shoal_malloc_allocated_bytes");
  if (verb_.kind == BenchVerb::Kind::kOfferLatency) {
    auto stamps = load::EndStamps::create(cluster_->folder() + "/ends");
    if (!stamps.ok()) return stamps.status();
    stamps_ = *std::move(stamps);
  }
  progress(fmt::format("registering {} agents", verb_.agents));
  const core::Duration patience =
      kLeastRegisterPatience + std::chrono::seconds(verb_.agents / kRegistrationsPerSecond);
  if (auto ok = cluster_->start_swarm(swarm_words(), patience); !ok.ok()) return ok;
  result_.register_s = cluster_->register_seconds();
  if (cluster_->owns_master()) {
    const double bytes = cluster_->master_metric("shoal_malloc_allocated_bytes");
    result_.master_user_bytes_per_agent = (bytes - bytes_before_) / verb_.agents;
    result_.master_rss_bytes = cluster_->master_use().rss_bytes;
  }
  return absl::OkStatus();
}

absl::Status Bench::start_load() {
  load::LoadOptions options;
  options.master = cluster_->master();
  options.frameworks = verb_.frameworks;
  options.batch = verb_.batch;
  options.task = verb_.task_resources;
  if (stamps_ != nullptr) {
    options.stamps = cluster_->folder() + "/ends";
    options.task = {};  // whole agents: an offer of one tells that its task has ended
    options.window = verb_.agents + 1;
  }
  auto load = load::Load::create(*reactor_, options);
  if (!load.ok()) return load.status();
  load_ = *std::move(load);
  return cluster_->wait_until([this] { return load_->is_connected(); }, kConnectPatience,
                              "the frameworks to subscribe");
}

absl::Status Bench::measure(const std::string& what) {
  use_before_ = cluster_->owns_master() ? cluster_->master_use() : MasterUse{};
  load_->start_measuring();
  std::uint64_t running = 0;
  const core::TimePoint end = net::monotonic_now() + verb_.duration;
  for (core::TimePoint now = net::monotonic_now(); now < end; now = net::monotonic_now()) {
    if (auto ok = cluster_->wait(std::min<core::Duration>(kSecond, end - now)); !ok.ok()) return ok;
    const double seconds = std::chrono::duration<double>(net::monotonic_now() - now).count();
    const load::LoadResult so_far = load_->measured();
    const double rate = static_cast<double>(so_far.running - running) / seconds;
    running = so_far.running;
    result_.timeline.push_back(
        {rate, static_cast<double>(verb_.agents),
         static_cast<double>(load_->take_latest().quantile(0.99).count()) / 1000});
    progress(fmt::format("{}: {:.0f} launches/s", what, rate));
  }
  return absl::OkStatus();
}

absl::Status Bench::drain() {
  load_->pause();
  return cluster_->wait_until([this] { return load_->under_way() == 0; }, kDrainPatience,
                              "the tasks under way to end");
}

absl::Status Bench::measure_agents() {
  const double frames = cluster_->master_metric("shoal_reactor_frames_received_total");
  const core::TimePoint began = net::monotonic_now();
  use_before_ = cluster_->owns_master() ? cluster_->master_use() : MasterUse{};
  const core::TimePoint end = began + verb_.duration;
  for (core::TimePoint now = began; now < end; now = net::monotonic_now()) {
    progress(fmt::format("watching {} agents", verb_.agents));
    if (auto ok = cluster_->wait(std::min<core::Duration>(kSecond, end - now)); !ok.ok()) return ok;
    result_.timeline.push_back({0, static_cast<double>(cluster_->swarm_report().registered), 0});
  }
  result_.seconds = std::chrono::duration<double>(net::monotonic_now() - began).count();
  const double served = cluster_->master_metric("shoal_reactor_frames_received_total") - frames;
  result_.heartbeats_per_s = served / result_.seconds;
  return absl::OkStatus();
}

absl::Status Bench::measure_launches() {
  if (auto ok = start_load(); !ok.ok()) return ok;
  double rate = verb_.rate;
  if (rate == 0) {
    load_->go(0);
    progress("warming up");
    if (auto ok = cluster_->wait(verb_.warm_up); !ok.ok()) return ok;
    if (auto ok = measure("as fast as it takes"); !ok.ok()) return ok;
    const load::LoadResult full = load_->measured();
    result_.seconds = full.seconds;
    result_.launches_per_s = static_cast<double>(full.running) / full.seconds;
    result_.errors += full.errors;
    result_.missed += full.missed;
    result_.first_error = full.first_error;
    if (cluster_->owns_master()) {
      result_.master_cpu_s = cluster_->master_use().cpu_s - use_before_.cpu_s;
    }
    if (auto ok = drain(); !ok.ok()) return ok;
    rate = *result_.launches_per_s / 2;
  }
  load_->go(rate);
  progress("warming up");
  if (auto ok = cluster_->wait(verb_.warm_up); !ok.ok()) return ok;
  if (auto ok = measure("at a fixed rate"); !ok.ok()) return ok;
  const load::LoadResult half = load_->measured();
  result_.load_per_s = rate;
  result_.launch_to_running = half.launch_to_running;
  result_.samples = half.launch_to_running.count();
  result_.errors += half.errors;
  result_.missed += half.missed;
  if (result_.first_error.empty()) result_.first_error = half.first_error;
  if (!result_.launches_per_s.has_value()) {
    result_.seconds = half.seconds;
    result_.launches_per_s = static_cast<double>(half.running) / half.seconds;
  }
  return drain();
}

absl::Status Bench::measure_offers() {
  if (auto ok = start_load(); !ok.ok()) return ok;
  load_->go(0);
  progress("filling the agents");
  const std::uint64_t nearly = verb_.agents - verb_.agents / 50;
  if (auto ok = cluster_->wait_until([&] { return load_->under_way() >= nearly; },
                                     std::chrono::seconds(60), "the agents to fill");
      !ok.ok()) {
    return ok;
  }
  if (auto ok = cluster_->wait(verb_.warm_up); !ok.ok()) return ok;
  if (auto ok = measure("offers"); !ok.ok()) return ok;
  const load::LoadResult measured = load_->measured();
  result_.seconds = measured.seconds;
  result_.load_per_s = ends_per_second();
  result_.offer_latency = measured.offer_latency;
  result_.launch_to_running = measured.launch_to_running;
  result_.samples = measured.offer_latency.count();
  result_.errors += measured.errors;
  result_.missed += measured.missed;
  result_.first_error = measured.first_error;
  return absl::OkStatus();
}

void Bench::finish() {
  const SwarmReport swarm = cluster_->swarm_report();
  result_.agents = verb_.agents;
  result_.registered = std::max<std::uint64_t>(swarm.registered, 0);
  result_.registrations = swarm.registrations;
  result_.false_losses = swarm.lost;
  if (cluster_->owns_master()) {
    if (verb_.kind != BenchVerb::Kind::kChurn) {
      result_.false_losses += static_cast<std::uint64_t>(
          cluster_->master_metric("shoal_master_agents_unreachable_total"));
    }
    if (!result_.master_cpu_s.has_value()) {
      result_.master_cpu_s = cluster_->master_use().cpu_s - use_before_.cpu_s;
    }
  }
}

std::string kind_name(BenchVerb::Kind kind) {
  switch (kind) {
    case BenchVerb::Kind::kAgents:
      return "agents";
    case BenchVerb::Kind::kLaunch:
      return "launch";
    case BenchVerb::Kind::kOfferLatency:
      return "offer-latency";
    case BenchVerb::Kind::kChurn:
      return "churn";
  }
  return "";
}

int write_report(const BenchVerb& verb, const BenchResult& result) {
  std::error_code error;
  std::filesystem::create_directories(verb.report, error);
  const std::string base = fmt::format("{}/{}", verb.report, result.bench);
  for (const auto& [path, text] :
       {std::pair{base + ".html", to_html(result)}, std::pair{base + ".json", to_json(result)}}) {
    if (const absl::Status written = net::write_file_atomically(path, text); !written.ok()) {
      say(core::message_of(written));
      return kExitFailed;
    }
  }
  say(fmt::format("report: {}.html", base));
  return kExitOk;
}

int show(const BenchVerb& verb, const BenchResult& result) {
  const bool is_json = verb.format != OutputFormat::kTable;
  if (const int code =
          print_output(is_json ? to_json(result) : to_table(result, describe_stdout()));
      code != kExitOk) {
    return code;
  }
  if (!verb.report.empty()) {
    if (const int code = write_report(verb, result); code != kExitOk) return code;
  }
  if (result.errors > 0)
    say(fmt::format("{} errors, the first: {}", result.errors, result.first_error));
  const bool churns = verb.kind == BenchVerb::Kind::kChurn;
  return result.is_good() || churns ? kExitOk : kExitFailed;
}

}  // namespace

int run_bench(const BenchVerb& verb) {
  Bench bench(verb);
  if (const absl::Status status = bench.run(); !status.ok()) return say_no_result(status);
  BenchResult result = bench.result();
  const VersionInfo version = version_info();
  result.bench = kind_name(verb.kind);
  result.machine = describe_machine();
  result.commit = version.commit;
  result.allocator = verb.preload.empty() ? version.allocator : verb.preload;
  result.when = master::iso_time(net::wall_now_ms());
  return show(verb, result);
}

}  // namespace shoal::cli
