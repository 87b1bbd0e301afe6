// What a bench measured, and how it is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/load/latency_histogram.h"
#include "cli/terminal.h"

namespace shoal::cli {

struct BenchSecond {
  double launches = 0;  // RUNNING in this second
  double agents = 0;    // registered
  double p99_us = 0;    // from launch to RUNNING, of those in this second
};

// Figures that a bench does not measure are not there, and null in JSON.
struct BenchResult {
  std::string bench;  // "launch"
  std::string words;  // the command line that made it
  std::uint64_t agents = 0;
  double seconds = 0;  // measured
  std::optional<double> launches_per_s;
  std::optional<double> load_per_s;  // at which the latencies were measured
  load::LatencyHistogram launch_to_running;
  load::LatencyHistogram offer_latency;
  std::uint64_t registered = 0;
  double register_s = 0;
  std::optional<std::uint64_t> master_rss_bytes;
  std::optional<double> master_user_bytes_per_agent;
  std::optional<double> master_cpu_s;
  std::optional<double> heartbeats_per_s;
  std::uint64_t registrations = 0;  // in all: more than agents when some came back
  std::uint64_t false_losses = 0;
  std::uint64_t missed = 0;  // answers to offers that had just been withdrawn
  std::uint64_t errors = 0;
  std::string first_error;
  std::uint64_t samples = 0;
  std::string machine;
  std::string commit;
  std::string allocator;
  std::string when;  // UTC
  std::vector<BenchSecond> timeline;

  // Nothing went wrong that a bench must not have.
  bool is_good() const { return errors == 0 && false_losses == 0 && registered == agents; }
};

// A bench that did not come to its end: says why, unless somebody pressed Ctrl-C. Returns the exit
// code.
int say_no_result(const absl::Status& why);
// Prints the result, and what went wrong. Returns the exit code: there must be no errors.
int show_bench(const std::string& text, std::uint64_t errors, const std::string& first_error);

// "p50 250 µs, p99 900 µs, max 2000 µs"
std::string latency_text(const load::LatencyHistogram& latency);

// "AMD EPYC 7B13, 2 cores, 24 GiB, Linux 6.1.0"
std::string describe_machine();

std::string to_table(const BenchResult& result, const Terminal& terminal);
// One object in one line; docs/CLI.md has the schema.
std::string to_json(const BenchResult& result);
// A page that needs no network: figures, histograms, the time line.
std::string to_html(const BenchResult& result);

}  // namespace shoal::cli
