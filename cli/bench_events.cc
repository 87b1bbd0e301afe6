#include "cli/bench_events.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "bench/load/event_reader.h"
#include "cli/bench_json.h"
#include "cli/bench_result.h"
#include "cli/launch_bed.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::seconds kWarmUp{1};

struct EventsResult {
  load::LoadResult without;  // of the launches, before anybody subscribed
  load::LoadResult with;
  load::EventCounts events;
  double master_cpu_s = 0;  // beside the subscribers
};

absl::Status measure(const BenchEventsVerb& verb, LaunchBed& bed, EventsResult& result) {
  load::LoadOptions options;
  options.rate = verb.rate;
  if (absl::Status ok = bed.start(verb.master_args, verb.agents, {"--task-duration", "0"}, options);
      !ok.ok()) {
    return ok;
  }
  BenchCluster& cluster = bed.cluster();
  bed.progress("warming up");
  bed.load().go(verb.rate);
  if (absl::Status ok = cluster.wait(kWarmUp); !ok.ok()) return ok;
  bed.progress("launches without subscribers");
  bed.load().start_measuring();
  if (absl::Status ok = cluster.wait(verb.duration); !ok.ok()) return ok;
  result.without = bed.take_measured();

  load::EventReader reader(cluster.master(), verb.subscribers);
  if (absl::Status ok = reader.start(); !ok.ok()) return ok;
  if (absl::Status ok = cluster.wait_until([&] { return reader.connected() == verb.subscribers; },
                                           LaunchBed::kPatience, "the subscribers");
      !ok.ok()) {
    return ok;
  }
  bed.progress(fmt::format("launches with {} subscribers", verb.subscribers));
  const double cpu_before = cluster.master_use().cpu_s;
  reader.start_measuring();
  bed.load().start_measuring();
  absl::Status waited = cluster.wait(verb.duration);
  result.with = bed.take_measured();
  result.master_cpu_s = cluster.master_use().cpu_s - cpu_before;
  result.events = reader.stop();
  bed.add_errors(result.events.cut_off, result.events.first_failure);
  return waited;
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

std::string to_table(const BenchEventsVerb& verb, const EventsResult& result,
                     std::uint64_t errors) {
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
  add("errors", fmt::format("{}", errors));
  add("machine", describe_machine());
  return table.render(describe_stdout());
}

std::string to_json(const BenchEventsVerb& verb, const EventsResult& result, std::uint64_t errors) {
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
  json.count("errors", errors);
  json.origin();
  return json.finish();
}

}  // namespace

int run_bench_events(const BenchEventsVerb& verb) {
  LaunchBed bed;
  EventsResult result;
  const absl::Status status = measure(verb, bed, result);
  bed.stop();
  if (!status.ok()) return say_no_result(status);
  const bool is_json = verb.format != OutputFormat::kTable;
  return show_bench(
      is_json ? to_json(verb, result, bed.errors()) : to_table(verb, result, bed.errors()),
      bed.errors(), bed.first_error());
}

}  // namespace shoal::cli
