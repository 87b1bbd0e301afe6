#include "cli/bench_result.h"

#include <fmt/core.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "cli/bench_json.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "core/status.h"

namespace shoal::cli {
namespace {

struct Quantile {
  const char* name;
  double part;
};
constexpr Quantile kQuantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

// "119 µs", "1.4 ms"
std::string time_text(std::chrono::nanoseconds time) {
  const double us = micros(time);
  if (us < 1000) return fmt::format("{:.0f} µs", us);
  if (us < 1e6) return fmt::format("{:.2f} ms", us / 1000);
  return fmt::format("{:.2f} s", us / 1e6);
}

std::string size_text(double bytes) {
  if (bytes < 10'240) return fmt::format("{:.0f} B", bytes);
  return fmt::format("{:.1f} MiB", bytes / 1048576);
}

struct Row {
  std::string name;
  std::string value;
};

std::vector<Row> rows_of(const BenchResult& result) {
  std::vector<Row> rows;
  rows.push_back({"agents registered", fmt::format("{} of {} in {:.1f} s", result.registered,
                                                   result.agents, result.register_s)});
  if (result.registrations > result.agents) {
    rows.push_back({"registrations", fmt::format("{}", result.registrations)});
  }
  if (result.heartbeats_per_s.has_value()) {
    rows.push_back({"heartbeats", fmt::format("{:.0f}/s", *result.heartbeats_per_s)});
  }
  if (result.launches_per_s.has_value()) {
    rows.push_back({"launches",
                    fmt::format("{:.0f}/s over {:.0f} s", *result.launches_per_s, result.seconds)});
  }
  const auto add_latency = [&](const char* name, const load::LatencyHistogram& latency) {
    if (latency.count() == 0) return;
    std::string text;
    for (const Quantile& quantile : kQuantiles) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", quantile.name,
                          time_text(latency.quantile(quantile.part)));
    }
    if (result.load_per_s.has_value()) text += fmt::format(" at {:.0f}/s", *result.load_per_s);
    rows.push_back({name, text});
  };
  add_latency("launch to running", result.launch_to_running);
  add_latency("offer latency", result.offer_latency);
  if (result.master_rss_bytes.has_value()) {
    rows.push_back(
        {"master memory", fmt::format("{} resident, {} an agent of its own",
                                      size_text(static_cast<double>(*result.master_rss_bytes)),
                                      size_text(result.master_user_bytes_per_agent.value_or(0)))});
  }
  if (result.master_cpu_s.has_value()) {
    rows.push_back({"master processor time", fmt::format("{:.1f} s", *result.master_cpu_s)});
  }
  if (result.missed > 0) {
    rows.push_back({"offers withdrawn meanwhile", fmt::format("{}", result.missed)});
  }
  rows.push_back({"false losses", fmt::format("{}", result.false_losses)});
  rows.push_back({"errors", fmt::format("{}", result.errors)});
  return rows;
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr double kWidth = 860;
constexpr double kHeight = 200;
constexpr std::size_t kGroup = load::LatencyHistogram::kSub / 8;  // eight bars for each doubling

// How many doublings the bar of these buckets stands for: the bars of one are equally wide, their
// ranges are not.
double doublings_of(std::size_t group) {
  const auto low = static_cast<double>(load::LatencyHistogram::first_of(group * kGroup));
  const auto high =
      static_cast<double>(load::LatencyHistogram::last_of((group + 1) * kGroup - 1)) + 1;
  return std::log2(high / std::max(low, 1.0));
}

// Bars over a logarithmic axis; their heights are counts for equal parts of it.
std::string histogram_svg(const load::LatencyHistogram& latency) {
  std::size_t first = load::LatencyHistogram::kBuckets;
  std::size_t last = 0;
  for (std::size_t i = 0; i < load::LatencyHistogram::kBuckets; ++i) {
    if (latency.bucket(i) == 0) continue;
    first = std::min(first, i / kGroup);
    last = i / kGroup;
  }
  if (first > last) return "";
  std::vector<std::uint64_t> bars(last - first + 1);
  for (std::size_t i = first * kGroup; i < (last + 1) * kGroup; ++i) {
    bars[i / kGroup - first] += latency.bucket(i);
  }
  std::vector<double> heights(bars.size());
  for (std::size_t i = 0; i < bars.size(); ++i) {
    heights[i] = static_cast<double>(bars[i]) / std::max(doublings_of(first + i), 0.01);
  }
  const double most = *std::max_element(heights.begin(), heights.end());
  const double width = kWidth / static_cast<double>(bars.size());
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\">", kWidth, kHeight + 20);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double height = kHeight * heights[i] / most;
    const auto low =
        std::chrono::nanoseconds(load::LatencyHistogram::first_of((first + i) * kGroup));
    svg += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>from {}: {}"
        "</title></rect>",
        static_cast<double>(i) * width, kHeight - height, std::max(width - 1, 0.5), height,
        time_text(low), bars[i]);
    if (bars.size() < 16 || (first + i) % 8 == 0) {
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\">{}</text>", static_cast<double>(i) * width,
                         kHeight + 15, time_text(low));
    }
  }
  return svg + "</svg>\n";
}

std::string timeline_svg(const std::vector<BenchSecond>& timeline, double BenchSecond::*value) {
  if (timeline.size() < 2) return "";
  double most = 1;
  for (const BenchSecond& second : timeline) most = std::max(most, second.*value);
  std::string points;
  for (std::size_t i = 0; i < timeline.size(); ++i) {
    points +=
        fmt::format("{:.1f},{:.1f} ",
                    kWidth * static_cast<double>(i) / static_cast<double>(timeline.size() - 1),
                    kHeight - kHeight * timeline[i].*value / most);
  }
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\"><polyline points=\"{}\"/><text x=\"0\" y=\"12\">{:.0f}</text>"
      "<text x=\"0\" y=\"{}\">0 s</text><text x=\"{}\" y=\"{}\">{} s</text></svg>\n",
      kWidth, kHeight + 20, points, most, kHeight + 15, kWidth - 40, kHeight + 15, timeline.size());
}

constexpr const char* kStyle =
    "body{font:15px system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b2733;background:#fff}table{border-collapse:collapse}td{padding:.2rem 1.5rem .2rem 0}"
    "svg{width:100%;background:#f4f7fa}rect{fill:#1f77b4}polyline{fill:none;stroke:#1f77b4;"
    "stroke-width:2}text{font-size:11px;fill:#555}"
    "@media(prefers-color-scheme:dark){body{color:#dde5ec;background:#12181e}"
    "svg{background:#1c252d}text{fill:#aab}}";

}  // namespace

int say_no_result(const absl::Status& why) {
  if (absl::IsCancelled(why)) return kExitInterrupted;
  say(core::message_of(why));
  return absl::IsDeadlineExceeded(why) ? kExitTimedOut : kExitFailed;
}

int show_bench(const std::string& text, std::uint64_t errors, const std::string& first_error) {
  if (const int code = print_output(text); code != kExitOk) return code;
  if (errors == 0) return kExitOk;
  say(fmt::format("{} errors, the first: {}", errors, first_error));
  return kExitFailed;
}

std::string latency_text(const load::LatencyHistogram& latency) {
  return fmt::format("p50 {:.0f} µs, p99 {:.0f} µs, max {:.0f} µs", micros(latency.quantile(0.5)),
                     micros(latency.quantile(0.99)), micros(latency.quantile(1)));
}

std::string describe_machine() {
  std::string model = "unknown processor";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) model = line.substr(colon + 2);
    break;
  }
  struct sysinfo memory {};
  ::sysinfo(&memory);
  utsname kernel{};
  ::uname(&kernel);
  return fmt::format("{}, {} cores, {:.0f} GiB, {} {}", model, ::get_nprocs(),
                     static_cast<double>(memory.totalram) * memory.mem_unit / (1 << 30),
                     kernel.sysname, kernel.release);
}

std::string to_table(const BenchResult& result, const Terminal& terminal) {
  Table table({{fmt::format("bench {}", result.bench)}, {"", Table::Align::kLeft, true}});
  for (const Row& row : rows_of(result)) table.add_row({Cell(row.name), Cell(row.value)});
  table.add_row({Cell("machine"), Cell(result.machine)});
  return table.render(terminal);
}

std::string to_json(const BenchResult& result) {
  BenchJson json(result.bench, 3);
  BenchJson::Writer& writer = json.writer();
  json.count("agents", result.agents);
  json.number("seconds", result.seconds);
  json.maybe("launches_per_s", result.launches_per_s);
  json.maybe("load_per_s", result.load_per_s);
  json.latency("launch_to_running_us", result.launch_to_running);
  json.latency("offer_latency_us", result.offer_latency);
  json.count("registered", result.registered);
  json.number("register_s", result.register_s);
  json.count("registrations", result.registrations);
  writer.Key("master_rss_bytes");
  result.master_rss_bytes.has_value() ? writer.Uint64(*result.master_rss_bytes) : writer.Null();
  json.maybe("master_user_bytes_per_agent", result.master_user_bytes_per_agent);
  json.maybe("master_cpu_s", result.master_cpu_s);
  json.maybe("heartbeats_per_s", result.heartbeats_per_s);
  json.count("false_losses", result.false_losses);
  json.count("missed", result.missed);
  json.count("errors", result.errors);
  json.count("samples", result.samples);
  json.text("machine", result.machine);
  json.text("commit", result.commit);
  json.text("allocator", result.allocator);
  json.text("when", result.when);
  writer.Key("timeline");
  writer.StartArray();
  for (const BenchSecond& second : result.timeline) {
    writer.StartObject();
    json.number("launches", second.launches);
    json.number("agents", second.agents);
    json.number("p99_us", second.p99_us);
    writer.EndObject();
  }
  writer.EndArray();
  return json.finish();
}

std::string to_html(const BenchResult& result) {
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>bench {0}</title>\n<style>{1}</style>\n<h1>bench {0}</h1>\n<table>\n",
      escape(result.bench), kStyle);
  for (const Row& row : rows_of(result)) {
    page += fmt::format("<tr><td>{}<td>{}\n", escape(row.name), escape(row.value));
  }
  for (const Row& row : {Row{"machine", result.machine}, Row{"allocator", result.allocator},
                         Row{"commit", result.commit}, Row{"when", result.when}}) {
    if (!row.value.empty()) {
      page += fmt::format("<tr><td>{}<td>{}\n", escape(row.name), escape(row.value));
    }
  }
  page += "</table>\n";
  const auto add = [&page](const char* title, const std::string& picture) {
    if (!picture.empty()) page += fmt::format("<h2>{}</h2>\n{}", title, picture);
  };
  add("Launch to running", histogram_svg(result.launch_to_running));
  add("Offer latency", histogram_svg(result.offer_latency));
  const bool launches = result.launches_per_s.has_value() || result.offer_latency.count() > 0;
  add(launches ? "Launches a second" : "Registered agents",
      timeline_svg(result.timeline, launches ? &BenchSecond::launches : &BenchSecond::agents));
  if (launches) {
    add("p99 from launch to running, of each second, µs",
        timeline_svg(result.timeline, &BenchSecond::p99_us));
  }
  return page + "</html>\n";
}

}  // namespace shoal::cli
