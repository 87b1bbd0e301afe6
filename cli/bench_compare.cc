#include "cli/bench_compare.h"

#include <rapidjson/document.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "cli/data_folder.h"
#include "cli/exit_code.h"
#include "cli/supervisor.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "core/status.h"
#include "core/text.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

constexpr std::size_t kMaxOutput = 1 << 20;

struct Subject {
  std::string name;
  std::string program;             // empty: this one
  std::vector<std::string> words;  // more of them
  std::vector<double> values;
};

std::vector<Subject> subjects_of(const CompareVerb& verb) {
  if (verb.kind == CompareVerb::Kind::kBuilds) {
    return {{"base", verb.base, {}, {}}, {"head", verb.head, {}, {}}};
  }
  // A library before the linked one takes over its whole heap; the system's cannot, as the linked
  // one would keep operator new.
  const std::string linked = version_info().allocator;
  std::vector<Subject> subjects = {{linked, "", {}, {}}};
  for (const std::string& other : {std::string("jemalloc"), std::string("mimalloc")}) {
    if (other == linked) continue;
    subjects.push_back({other, "", {"--preload", fmt::format("lib{}.so.2", other)}, {}});
  }
  if (linked != "system") {
    say("for the system's malloc, run this with a program built with ALLOCATOR=system");
  }
  return subjects;
}

// The figure in the bench's line of JSON among what it wrote. Errors: NOT_FOUND, with what it
// wrote.
absl::StatusOr<double> read_figure(const std::string& output, const std::string& figure) {
  const std::size_t begin = output.rfind("{\"bench\"");
  if (begin == std::string::npos) return absl::NotFoundError("the bench failed:\n" + output);
  rapidjson::Document json;
  json.Parse(output.data() + begin, output.find('\n', begin) - begin);
  const rapidjson::Value* value = json.IsObject() ? &json : nullptr;
  for (const std::string_view key : core::split(figure, '.')) {
    if (value == nullptr || !value->IsObject()) break;
    const auto found = value->FindMember(std::string(key).c_str());
    value = found == value->MemberEnd() ? nullptr : &found->value;
  }
  if (value != nullptr && value->IsNumber()) return value->GetDouble();
  return core::invalid("--figure: the bench does not measure '{}'", core::printable(figure));
}

class Comparison {
 public:
  explicit Comparison(const CompareVerb& verb) : verb_(verb), subjects_(subjects_of(verb)) {}

  absl::Status run();
  const std::vector<Subject>& subjects() const { return subjects_; }

 private:
  absl::StatusOr<double> run_one(const Subject& subject, std::uint32_t number);

  const CompareVerb& verb_;
  std::vector<Subject> subjects_;
  DataFolder folder_;
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<Supervisor> supervisor_;
  bool is_interrupted_ = false;
};

absl::Status Comparison::run() {
  if (absl::Status made = folder_.prepare("", "shoal-compare"); !made.ok()) return made;
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  auto supervisor =
      Supervisor::create(*reactor_, [this](auto, int, core::Duration) { reactor_->stop(); });
  if (!supervisor.ok()) return supervisor.status();
  supervisor_ = *std::move(supervisor);
  const auto interrupt = [this] {
    is_interrupted_ = true;
    supervisor_->shut_down(std::chrono::seconds(10), [this] { reactor_->stop(); });
  };
  auto on_int = net::SignalWatcher::create(*reactor_, SIGINT, interrupt);
  auto on_term = net::SignalWatcher::create(*reactor_, SIGTERM, interrupt);
  for (std::uint32_t i = 0; i < verb_.runs; ++i) {
    for (Subject& subject : subjects_) {
      const auto value = run_one(subject, i);
      if (is_interrupted_) return absl::CancelledError("interrupted");
      if (!value.ok()) return value.status();
      subject.values.push_back(*value);
      say(fmt::format("{} of {}: {} {:.6g}", i + 1, verb_.runs, subject.name, *value));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Comparison::run_one(const Subject& subject, std::uint32_t number) {
  ChildSpec spec;
  spec.name = subject.name;
  spec.program = subject.program;
  spec.words = {"bench"};
  spec.words.insert(spec.words.end(), verb_.words.begin(), verb_.words.end());
  spec.words.insert(spec.words.end(), subject.words.begin(), subject.words.end());
  spec.words.insert(spec.words.end(), {"-o", "json"});
  spec.log_file = fmt::format("{}/{}-{}.log", folder_.path(), subject.name, number);
  spec.restart = false;
  const std::string log = spec.log_file;
  if (auto started = supervisor_->start(std::move(spec)); !started.ok()) return started.status();
  reactor_->run();
  auto output = net::read_whole_file(log, kMaxOutput);
  if (!output.ok()) return output.status();
  return read_figure(*output, verb_.figure);
}

std::vector<double> sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

int show(const CompareVerb& verb, const std::vector<Subject>& subjects) {
  Table table({{verb.figure},
               {"median", Table::Align::kRight},
               {"ratio", Table::Align::kRight},
               {"ratios from", Table::Align::kRight},
               {"to", Table::Align::kRight}});
  std::string lines;
  for (const Subject& subject : subjects) {
    const std::vector<double> ratios = sorted_ratios(subjects.front().values, subject.values);
    const double median = median_of(sorted(subject.values));
    const double ratio = median_of(ratios);
    table.add_row({Cell(subject.name), Cell(fmt::format("{:.6g}", median)),
                   Cell(fmt::format("{:.3f}", ratio)),
                   Cell(fmt::format("{:.3f}", ratios.empty() ? 0 : ratios.front())),
                   Cell(fmt::format("{:.3f}", ratios.empty() ? 0 : ratios.back()))});
    lines += fmt::format(
        "{}{{\"subject\":\"{}\",\"figure\":\"{}\",\"median\":{:.6g},\"ratio\":{:.4f}}}",
        lines.empty() ? "[" : ",", subject.name, core::printable(verb.figure), median, ratio);
  }
  const bool is_table = verb.format == OutputFormat::kTable;
  const int code = print_output(is_table ? table.render(describe_stdout()) : lines + "]\n");
  if (code != kExitOk || verb.kind != CompareVerb::Kind::kBuilds) return code;
  const double ratio = median_of(sorted_ratios(subjects[0].values, subjects[1].values));
  const double worse = is_more_better(verb.figure) ? 1 - ratio : ratio - 1;
  if (worse <= verb.threshold) return kExitOk;
  say(fmt::format("{} got worse by {:.1f}%, more than {:.1f}%", verb.figure, worse * 100,
                  verb.threshold * 100));
  return kExitFailed;
}

}  // namespace

std::vector<double> sorted_ratios(const std::vector<double>& base,
                                  const std::vector<double>& head) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(base.size(), head.size()); ++i) {
    if (base[i] > 0 && head[i] > 0) ratios.push_back(head[i] / base[i]);
  }
  return sorted(std::move(ratios));
}

double median_of(const std::vector<double>& values) {
  if (values.empty()) return 0;
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

bool is_more_better(std::string_view figure) {
  return figure.ends_with("_per_s") || figure == "registered" || figure == "samples";
}

int run_compare(const CompareVerb& verb) {
  Comparison comparison(verb);
  const absl::Status status = comparison.run();
  if (absl::IsCancelled(status)) return kExitInterrupted;
  if (!status.ok()) {
    say(core::message_of(status));
    return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
  }
  return show(verb, comparison.subjects());
}

}  // namespace shoal::cli
