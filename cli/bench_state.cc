#include "cli/bench_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "bench/load/state_reader.h"
#include "cli/bench_json.h"
#include "cli/bench_result.h"
#include "cli/launch_bed.h"
#include "cli/resources_option.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "net/clock.h"

namespace shoal::cli {
namespace {

constexpr core::Milli kTaskCpus = 100;  // milli-units, of each task
constexpr core::Milli kTaskMem = 32'000;
// Room on each agent, in tasks of an even share: launches need offers all the time.
constexpr std::uint64_t kRoom = 3;

struct StateResult {
  std::uint64_t tasks = 0;  // that the master knew when it was filled
  std::vector<load::StateRead> reads;
  load::LatencyHistogram without_reads;  // launch to RUNNING
  load::LatencyHistogram with_reads;
  // Of the master, since it began: longer afterwards when one of the reads made it.
  double longest_turn_before_s = 0;
  double longest_turn_after_s = 0;
  std::uint64_t rss_bytes = 0;
  double bytes_per_task = 0;  // allocated by the master beyond what it had without tasks
};

class StateBench {
 public:
  explicit StateBench(const StateVerb& verb) : verb_(verb) {}
  absl::Status measure();
  const StateResult& result() const { return result_; }
  LaunchBed& bed() { return bed_; }

 private:
  absl::Status start();
  absl::Status fill();
  absl::Status read_while_launching();
  double allocated() { return bed_.cluster().master_metric("shoal_malloc_allocated_bytes"); }
  double fill_seconds() const { return verb_.tasks / verb_.rate; }

  const StateVerb& verb_;
  StateResult result_;
  LaunchBed bed_;
};

absl::Status StateBench::measure() {
  if (absl::Status ok = start(); !ok.ok()) return ok;
  if (absl::Status ok = fill(); !ok.ok()) return ok;
  bed_.progress("launches without reads");
  bed_.load().start_measuring();
  if (absl::Status ok = bed_.cluster().wait(verb_.duration); !ok.ok()) return ok;
  result_.without_reads = bed_.take_measured().launch_to_running;
  return read_while_launching();
}

// A swarm whose tasks run as long as it takes to launch all of them: from then on as many end as
// are launched.
absl::Status StateBench::start() {
  const std::uint64_t each = kRoom * ((verb_.tasks + verb_.agents - 1) / verb_.agents);
  core::Resources room;
  room.cpus = static_cast<core::Milli>(each) * kTaskCpus;
  room.mem = static_cast<core::Milli>(each) * kTaskMem;
  load::LoadOptions options;
  options.task.cpus = kTaskCpus;
  options.task.mem = kTaskMem;
  return bed_.start(verb_.master_args, verb_.agents,
                    {"--resources", resources_flag(room), "--task-duration",
                     fmt::format("{:.0f}ms", fill_seconds() * 1000)},
                    options);
}

absl::Status StateBench::fill() {
  const double allocated_before = allocated();
  bed_.load().go(verb_.rate);
  const core::TimePoint end =
      net::monotonic_now() +
      std::chrono::milliseconds(static_cast<std::int64_t>(fill_seconds() * 1000));
  while (net::monotonic_now() < end) {
    bed_.progress(
        fmt::format("filling the cluster: {} of {} tasks", bed_.load().under_way(), verb_.tasks));
    if (absl::Status ok = bed_.cluster().wait(std::chrono::seconds(1)); !ok.ok()) return ok;
  }
  result_.tasks = static_cast<std::uint64_t>(bed_.cluster().master_metric("shoal_master_tasks"));
  result_.bytes_per_task = (allocated() - allocated_before) /
                           static_cast<double>(std::max<std::uint64_t>(result_.tasks, 1));
  return absl::OkStatus();
}

absl::Status StateBench::read_while_launching() {
  result_.longest_turn_before_s = bed_.cluster().longest_turn_seconds();
  bed_.load().start_measuring();
  bool is_done = false;  // of the reactor's thread
  load::StateReader reader(bed_.cluster().master(), verb_.reads);
  reader.start([this, &is_done] { bed_.reactor().post([&is_done] { is_done = true; }); });
  bed_.progress("launches with reads");
  absl::Status waited =
      bed_.cluster().wait_until([&is_done] { return is_done; },
                                verb_.reads * core::Duration(load::kReadTimeout), "the reads");
  result_.reads = reader.results();
  if (!waited.ok()) return waited;
  if (!reader.failure().empty()) return absl::InternalError(reader.failure());
  result_.with_reads = bed_.take_measured().launch_to_running;
  result_.longest_turn_after_s = bed_.cluster().longest_turn_seconds();
  result_.rss_bytes = bed_.cluster().master_use().rss_bytes;
  return bed_.cluster().answered();
}

// Of the times of all reads, which are at least one.
double read_quantile(const StateResult& result, double part) {
  std::vector<double> times;
  times.reserve(result.reads.size());
  for (const load::StateRead& read : result.reads) times.push_back(read.seconds);
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(std::lround(part * static_cast<double>(times.size() - 1)))];
}

// How much longer the 99th percentile of launches takes beside reads.
double growth(const StateResult& result) {
  const double before = micros(result.without_reads.quantile(0.99));
  return before > 0 ? micros(result.with_reads.quantile(0.99)) / before : 0;
}

std::string to_table(const StateVerb& verb, const StateResult& result, std::uint64_t errors) {
  Table table({{"bench state"}, {"", Table::Align::kLeft, true}});
  const auto add = [&table](const char* name, const std::string& value) {
    table.add_row({Cell(name), Cell(value)});
  };
  const load::StateRead& last = result.reads.back();
  add("agents, tasks", fmt::format("{}, {}", verb.agents, result.tasks));
  add("a read of all tasks",
      fmt::format("median {:.3f} s, max {:.3f} s, of {}", read_quantile(result, 0.5),
                  read_quantile(result, 1), result.reads.size()));
  add("the last of them",
      fmt::format("{} records, {:.1f} MB", last.records, static_cast<double>(last.bytes) / 1e6));
  add(fmt::format("launch to running at {:.0f}/s", verb.rate).c_str(),
      latency_text(result.without_reads));
  add("the same beside reads",
      fmt::format("{}; p99 {:.2f} times", latency_text(result.with_reads), growth(result)));
  add("longest turn of a reactor",
      fmt::format("{:.1f} ms before the reads, {:.1f} ms after",
                  result.longest_turn_before_s * 1000, result.longest_turn_after_s * 1000));
  add("master memory",
      fmt::format("{:.1f} MiB resident, {:.0f} B a task of its own",
                  static_cast<double>(result.rss_bytes) / 1048576, result.bytes_per_task));
  add("errors", fmt::format("{}", errors));
  add("machine", describe_machine());
  return table.render(describe_stdout());
}

std::string to_json(const StateVerb& verb, const StateResult& result, std::uint64_t errors) {
  BenchJson json("state", 6);
  json.count("agents", verb.agents);
  json.count("tasks", result.tasks);
  json.number("load_per_s", verb.rate);
  json.count("reads", result.reads.size());
  json.number("read_s", read_quantile(result, 0.5));
  json.number("read_max_s", read_quantile(result, 1));
  json.count("read_bytes", result.reads.back().bytes);
  json.count("read_records", result.reads.back().records);
  json.latency("launch_to_running_us", result.without_reads);
  json.latency("launch_to_running_beside_reads_us", result.with_reads);
  json.number("p99_growth", growth(result));
  json.number("longest_turn_before_s", result.longest_turn_before_s);
  json.number("longest_turn_after_s", result.longest_turn_after_s);
  json.count("master_rss_bytes", result.rss_bytes);
  json.number("master_user_bytes_per_task", result.bytes_per_task);
  json.count("errors", errors);
  json.origin();
  return json.finish();
}

}  // namespace

int run_bench_state(const StateVerb& verb) {
  StateBench bench(verb);
  const absl::Status status = bench.measure();
  LaunchBed& bed = bench.bed();
  bed.stop();
  if (!status.ok()) return say_no_result(status);
  const StateResult& result = bench.result();
  const bool is_json = verb.format != OutputFormat::kTable;
  return show_bench(
      is_json ? to_json(verb, result, bed.errors()) : to_table(verb, result, bed.errors()),
      bed.errors(), bed.first_error());
}

}  // namespace shoal::cli
