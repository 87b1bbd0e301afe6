#include "cli/bench_events.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "bench/load/event_reader.h"
#include "bench/load/load.h"
#include "cli/bench_cluster.h"
#include "cli/bench_json.h"
#include "cli/bench_result.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::uint32_t kStartsPerSecond = 500;

struct EventsResult {
  load::LoadResult without;  // of the launches, before anybody subscribed
  load::LoadResult with;
  load::EventCounts events;
  double master_cpu_s = 0;  // beside the subscribers
  std::uint64_t errors = 0;
  std::string first_error;
};

class EventsBench {
 public:
  explicit EventsBench(const BenchEventsVerb& verb) : verb_(verb) {}
  absl::Status run();
  const EventsResult& result() const { return result_; }

 private:
  absl::Status measure();
  absl::Status start();
  absl::Status subscribe();
  void take_errors(const load::LoadResult& load);
  void progress(const std::string& what) const {
    if (is_live_) write_fully(STDERR_FILENO, fmt::format("\r\033[K{}", what)).IgnoreError();
  }

  const BenchEventsVerb& verb_;
  const bool is_live_ = ::isatty(STDERR_FILENO) == 1;
  EventsResult result_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<BenchCluster> cluster_;
  std::unique_ptr<load::Load> load_;
};

absl::Status EventsBench::run() {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  absl::Status status = measure();
  progress("");
  load_.reset();
  cluster_.reset();
  return status;
}

absl::Status EventsBench::measure() {
  if (absl::Status ok = start(); !ok.ok()) return ok;
  progress("warming up");
  load_->go(verb_.rate);
  if (absl::Status ok = cluster_->wait(std::chrono::seconds(1)); !ok.ok()) return ok;
  progress("launches without subscribers");
  load_->start_measuring();
  if (absl::Status ok = cluster_->wait(verb_.duration); !ok.ok()) return ok;
  result_.without = load_->measured();
  take_errors(result_.without);
  return subscribe();
}

absl::Status EventsBench::start() {
  auto cluster = BenchCluster::create(*reactor_);
  if (!cluster.ok()) return cluster.status();
  cluster_ = *std::move(cluster);
  progress("starting the master");
  if (absl::Status ok = cluster_->start_master(verb_.master_args, ""); !ok.ok()) return ok;
  progress(fmt::format("registering {} agents", verb_.agents));
  if (absl::Status ok = cluster_->start_swarm(
          {"--agents", fmt::format("{}", verb_.agents), "--task-duration", "0"},
          kPatience + std::chrono::seconds(verb_.agents / kStartsPerSecond));
      !ok.ok()) {
    return ok;
  }
  load::LoadOptions options;
  options.master = cluster_->master();
  options.rate = verb_.rate;
  auto load = load::Load::create(*reactor_, options);
  if (!load.ok()) return load.status();
  load_ = *std::move(load);
  return cluster_->wait_until([this] { return load_->is_connected(); }, kPatience,
                              "the framework to subscribe");
}

absl::Status EventsBench::subscribe() {
  load::EventReader reader(cluster_->master(), verb_.subscribers);
  if (absl::Status ok = reader.start(); !ok.ok()) return ok;
  if (absl::Status ok = cluster_->wait_until(
          [&] { return reader.connected() == verb_.subscribers; }, kPatience, "the subscribers");
      !ok.ok()) {
    return ok;
  }
  progress(fmt::format("launches with {} subscribers", verb_.subscribers));
  const double cpu_before = cluster_->master_use().cpu_s;
  reader.start_measuring();
  load_->start_measuring();
  absl::Status waited = cluster_->wait(verb_.duration);
  result_.with = load_->measured();
  result_.master_cpu_s = cluster_->master_use().cpu_s - cpu_before;
  result_.events = reader.stop();
  take_errors(result_.with);
  result_.errors += result_.events.cut_off;
  if (result_.first_error.empty()) result_.first_error = result_.events.first_failure;
  return waited;
}

void EventsBench::take_errors(const load::LoadResult& load) {
  result_.errors += load.errors;
  if (result_.first_error.empty()) result_.first_error = load.first_error;
}

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}
double launches_of(const load::LoadResult& load) { return per_second(load.running, load.seconds); }

// Of one subscriber, on average.
double events_each(const BenchEventsVerb& verb, const load::EventCounts& events) {
  return per_second(events.events, events.seconds) / verb.subscribers;
}

// The part that was missed, of all that there was to tell.
double lost_part(const load::EventCounts& events) {
  const std::uint64_t all = std::max<std::uint64_t>(events.events + events.lost, 1);
  return static_cast<double>(events.lost) / static_cast<double>(all);
}

std::string to_table(const BenchEventsVerb& verb, const EventsResult& result) {
  Table table({{"bench events"}, {"", Table::Align::kLeft, true}});
  const auto add = [&table](const char* name, const std::string& value) {
    table.add_row({Cell(name), Cell(value)});
  };
  const load::EventCounts& events = result.events;
  add("agents, subscribers", fmt::format("{}, {}", verb.agents, verb.subscribers));
  add("events to each", fmt::format("{:.0f}/s", events_each(verb, events)));
  add("events to all",
      fmt::format("{:.0f}/s, {:.1f} MB/s", per_second(events.events, events.seconds),
                  per_second(events.bytes, events.seconds) / 1e6));
  add("missed, being too slow", fmt::format("{} ({:.1f} %)", events.lost, lost_part(events) * 100));
  add("cut off", fmt::format("{}", events.cut_off));
  add("launches without them", fmt::format("{:.0f}/s, {}", launches_of(result.without),
                                           latency_text(result.without.launch_to_running)));
  add("launches beside them", fmt::format("{:.0f}/s, {}", launches_of(result.with),
                                          latency_text(result.with.launch_to_running)));
  add("processors of the master", fmt::format("{:.2f}", result.master_cpu_s / events.seconds));
  add("errors", fmt::format("{}", result.errors));
  add("machine", describe_machine());
  return table.render(describe_stdout());
}

std::string to_json(const BenchEventsVerb& verb, const EventsResult& result) {
  const load::EventCounts& events = result.events;
  BenchJson json("events", 3);
  json.count("agents", verb.agents);
  json.count("subscribers", verb.subscribers);
  json.number("seconds", events.seconds);
  json.number("events_per_s_each", events_each(verb, events));
  json.number("events_per_s", per_second(events.events, events.seconds));
  json.number("bytes_per_s", per_second(events.bytes, events.seconds));
  json.count("events_missed", events.lost);
  json.count("cut_off", events.cut_off);
  json.number("launches_per_s_without", launches_of(result.without));
  json.latency("launch_to_running_us_without", result.without.launch_to_running);
  json.number("launches_per_s", launches_of(result.with));
  json.latency("launch_to_running_us", result.with.launch_to_running);
  json.number("master_cpu_s", result.master_cpu_s);
  json.count("errors", result.errors);
  json.origin();
  return json.finish();
}

}  // namespace

int run_bench_events(const BenchEventsVerb& verb) {
  EventsBench bench(verb);
  if (const absl::Status status = bench.run(); !status.ok()) return say_no_result(status);
  const EventsResult& result = bench.result();
  const bool is_json = verb.format != OutputFormat::kTable;
  return show_bench(is_json ? to_json(verb, result) : to_table(verb, result), result.errors,
                    result.first_error);
}

}  // namespace shoal::cli
