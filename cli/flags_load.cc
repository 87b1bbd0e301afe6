// Flags of the verbs that measure: swarm, bench.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/duration.h"
#include "cli/flag_parser.h"
#include "cli/resources_option.h"
#include "core/limits.h"

namespace shoal::cli {
namespace {

absl::StatusOr<double> parse_part_flag(std::string_view flag, std::string_view text,
                                       std::string_view suffix) {
  auto part = parse_part(text, suffix);
  if (part.ok()) return part;
  return core::invalid("{}: {}", flag, core::message_of(part.status()));
}

// "1%:200ms"
absl::Status parse_slow(const std::string& text, load::SwarmOptions& options) {
  if (text.empty()) return absl::OkStatus();
  const std::size_t colon = text.find(':');
  const auto part = parse_part_flag("--slow", std::string_view(text).substr(0, colon), "");
  if (!part.ok()) return part.status();
  if (colon == std::string::npos) {
    return core::invalid("--slow: '{}' does not say by how much, as in 1%:200ms",
                         core::printable(text));
  }
  const auto by = parse_duration(std::string_view(text).substr(colon + 1));
  if (!by.ok()) return core::invalid("--slow: {}", core::message_of(by.status()));
  options.slow = *part;
  options.slow_by = *by;
  return absl::OkStatus();
}

absl::StatusOr<core::Resources> parse_some(std::string_view flag, const std::string& text) {
  auto resources = core::parse_resources(text);
  if (!resources.ok()) {
    return core::invalid("{}: {}", flag, core::message_of(resources.status()));
  }
  return *std::move(resources);
}

struct SwarmTexts {
  SwarmVerb verb;
  std::string agents = "1000";
  std::string reactors = "0";
  std::string cpus = "8";
  std::string mem = "16384";
  std::string resources;
  std::string task_duration = "0";
  std::string start_delay = "0";
  std::string fail = "0%/min";
  std::string disconnect = "0%/min";
  std::string slow;
  std::string seed = "1";
};

absl::Status finish_behaviour(SwarmTexts& texts) {
  load::SwarmOptions& options = texts.verb.options;
  const auto run = parse_spread(texts.task_duration);
  if (!run.ok()) return core::invalid("--task-duration: {}", core::message_of(run.status()));
  options.task_run = *run;
  const auto start = parse_spread(texts.start_delay);
  if (!start.ok()) return core::invalid("--start-delay: {}", core::message_of(start.status()));
  options.task_start = *start;
  const auto fail = parse_part_flag("--fail", texts.fail, "/min");
  if (!fail.ok()) return fail.status();
  options.fail_per_minute = *fail;
  const auto disconnect = parse_part_flag("--disconnect", texts.disconnect, "/min");
  if (!disconnect.ok()) return disconnect.status();
  options.disconnect_per_minute = *disconnect;
  return parse_slow(texts.slow, options);
}

absl::StatusOr<Verb> finish_swarm(SwarmTexts& texts, const Parser& parsed) {
  load::SwarmOptions& options = texts.verb.options;
  if (auto ok = finish_shared(parsed, &options.master, &texts.verb.format); !ok.ok()) return ok;
  const auto agents =
      parse_count<std::uint32_t>("--agents", texts.agents, 1, load::kMaxSwarmAgents);
  if (!agents.ok()) return agents.status();
  options.agents = *agents;
  const auto reactors = parse_count<std::uint32_t>("--reactors", texts.reactors, 0,
                                                   std::uint32_t{core::kMaxReactors} - 1);
  if (!reactors.ok()) return reactors.status();
  options.reactors = *reactors;
  const auto seed = parse_count<std::uint64_t>("--seed", texts.seed, 0, ~std::uint64_t{0});
  if (!seed.ok()) return seed.status();
  options.seed = *seed;
  const std::string plain = fmt::format("cpus:{};mem:{}", texts.cpus, texts.mem);
  auto resources = texts.resources.empty() ? parse_some("--cpus and --mem", plain)
                                           : parse_some("--resources", texts.resources);
  if (!resources.ok()) return resources.status();
  options.resources = *std::move(resources);
  if (auto ok = finish_behaviour(texts); !ok.ok()) return ok;
  if (texts.verb.scenario_file.empty()) return texts.verb;
  for (const char* flag : {"--agents", "--fail", "--disconnect"}) {
    if (parsed.app.get_option(flag)->count() == 0) continue;
    return core::invalid("{}: the scenario says it, phase by phase", flag);
  }
  return texts.verb;
}

// --- bench ---

struct BenchTexts {
  BenchVerb verb;
  std::string agents = "1000";
  std::string frameworks = "1";
  std::string batch = "1";
  std::string rate = "0";
  std::string warm_up = "3s";
  std::string duration = "10s";
  std::string agent_resources = "cpus:8;mem:16384";
  std::string task_resources = "cpus:1;mem:1024";
  std::string fail = "5%/min";
  std::string disconnect = "20%/min";
};

absl::Status finish_numbers(BenchTexts& texts) {
  BenchVerb& verb = texts.verb;
  const auto agents =
      parse_count<std::uint32_t>("--agents", texts.agents, 1, load::kMaxSwarmAgents);
  if (!agents.ok()) return agents.status();
  verb.agents = *agents;
  const auto frameworks = parse_count<std::uint32_t>("--frameworks", texts.frameworks, 1, 10'000);
  if (!frameworks.ok()) return frameworks.status();
  verb.frameworks = *frameworks;
  const auto batch = parse_count<std::uint32_t>("--batch", texts.batch, 1,
                                                std::uint32_t{core::kMaxTasksPerAccept});
  if (!batch.ok()) return batch.status();
  verb.batch = *batch;
  const auto rate = parse_count<std::uint32_t>("--rate", texts.rate, 0, 10'000'000);
  if (!rate.ok()) return rate.status();
  verb.rate = *rate;
  return absl::OkStatus();
}

absl::StatusOr<Verb> finish_bench(BenchTexts& texts, const Parser& parsed) {
  BenchVerb& verb = texts.verb;
  std::string unused;
  if (auto ok = finish_shared(parsed, &unused, &verb.format); !ok.ok()) return ok;
  if (!verb.attach.empty()) {
    if (auto ok = check_address("--attach", verb.attach); !ok.ok()) return ok;
  }
  if (auto ok = finish_numbers(texts); !ok.ok()) return ok;
  const auto warm_up = parse_duration(texts.warm_up);
  if (!warm_up.ok()) return core::invalid("--warm-up: {}", core::message_of(warm_up.status()));
  verb.warm_up = *warm_up;
  const auto duration = parse_duration(texts.duration);
  if (!duration.ok()) return core::invalid("--duration: {}", core::message_of(duration.status()));
  if (*duration < std::chrono::seconds(1)) return core::invalid("--duration: at least 1s");
  verb.duration = *duration;
  auto agent = parse_some("--agent-resources", texts.agent_resources);
  if (!agent.ok()) return agent.status();
  verb.agent_resources = *std::move(agent);
  auto task = parse_some("--task-resources", texts.task_resources);
  if (!task.ok()) return task.status();
  verb.task_resources = *std::move(task);
  const auto fail = parse_part_flag("--fail", texts.fail, "/min");
  if (!fail.ok()) return fail.status();
  verb.fail_per_minute = *fail;
  const auto disconnect = parse_part_flag("--disconnect", texts.disconnect, "/min");
  if (!disconnect.ok()) return disconnect.status();
  verb.disconnect_per_minute = *disconnect;
  return verb;
}

// What every bench takes.
auto begin_bench(Parser& parser, BenchVerb::Kind kind) {
  auto texts = std::make_shared<BenchTexts>();
  texts->verb.kind = kind;
  CLI::App& app = parser.app;
  add_format_option(parser);
  app.add_option("--agents", texts->agents, "how many")->capture_default_str();
  app.add_option("--agent-resources", texts->agent_resources, "of each")->capture_default_str();
  app.add_option("--duration", texts->duration, "how long is measured")->capture_default_str();
  app.add_option("--attach", texts->verb.attach,
                 "HOST:PORT of a master that runs already (else one is started)");
  app.add_option("--master-arg", texts->verb.master_args,
                 "one more word for `shoal master`, as --master-arg=--reactors=1; may be repeated");
  app.add_option("--preload", texts->verb.preload, "a malloc for the master: a library's path");
  app.add_option("--report", texts->verb.report, "folder for a page with histograms, and the JSON");
  return texts;
}

void add_load_options(Parser& parser, BenchTexts& texts, const char* about_rate) {
  CLI::App& app = parser.app;
  app.add_option("--frameworks", texts.frameworks, "that compete")->capture_default_str();
  app.add_option("--rate", texts.rate, about_rate)->capture_default_str();
  app.add_option("--warm-up", texts.warm_up, "before it is measured")->capture_default_str();
}

void add_launch_options(Parser& parser, BenchTexts& texts) {
  add_load_options(parser, texts,
                   "launches a second at which latency is measured; 0: finds out how many it "
                   "takes, then half of that");
  parser.app.add_option("--batch", texts.batch, "tasks in one ACCEPT")->capture_default_str();
  parser.app.add_option("--task-resources", texts.task_resources, "of each task")
      ->capture_default_str();
}

// --- failover ---

constexpr std::uint64_t kMostFailoverTasks = 400'000;  // a load's window is half a million

struct FailoverTexts {
  FailoverVerb verb;
  std::string agents = "1000";
  std::string tasks = "10";
  std::string masters = "3";
  std::string registry = "etcd";
  std::string patience = "120s";
};

absl::Status finish_numbers(FailoverTexts& texts) {
  FailoverVerb& verb = texts.verb;
  const auto agents =
      parse_count<std::uint32_t>("--agents", texts.agents, 1, load::kMaxSwarmAgents);
  if (!agents.ok()) return agents.status();
  verb.agents = *agents;
  const auto tasks = parse_count<std::uint32_t>("--tasks-per-agent", texts.tasks, 1, 1000);
  if (!tasks.ok()) return tasks.status();
  verb.tasks_per_agent = *tasks;
  const std::uint64_t all = std::uint64_t{verb.agents} * verb.tasks_per_agent;
  if (all > kMostFailoverTasks) {
    return core::invalid("--tasks-per-agent: {} tasks in all, at most {}", all, kMostFailoverTasks);
  }
  const auto masters =
      parse_count<std::uint32_t>("--masters", texts.masters, 1, std::uint32_t{core::kMaxMasters});
  if (!masters.ok()) return masters.status();
  verb.masters = *masters;
  return absl::OkStatus();
}

absl::StatusOr<Verb> finish_failover(FailoverTexts& texts, const Parser& parsed) {
  FailoverVerb& verb = texts.verb;
  std::string unused;
  if (auto ok = finish_shared(parsed, &unused, &verb.format); !ok.ok()) return ok;
  if (auto ok = finish_numbers(texts); !ok.ok()) return ok;
  if (texts.registry != "etcd" && texts.registry != "embedded") {
    return core::invalid("--registry: '{}' is neither etcd nor embedded",
                         core::printable(texts.registry));
  }
  verb.uses_etcd = texts.registry == "etcd";
  if (verb.uses_etcd && verb.masters < 2) {
    return core::invalid("--masters: at least 2, so that one can take over");
  }
  const auto patience = parse_duration(texts.patience);
  if (!patience.ok()) return core::invalid("--patience: {}", core::message_of(patience.status()));
  verb.patience = *patience;
  return verb;
}

// Of --duration, where launches are measured with something and without.
absl::StatusOr<core::Duration> parse_measuring_time(const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration.ok()) return core::invalid("--duration: {}", core::message_of(duration.status()));
  if (*duration < std::chrono::seconds(1)) return core::invalid("--duration: at least 1s");
  return *duration;
}

// --- state ---

constexpr std::uint32_t kMostStateTasks = 1'000'000;  // a load's window

struct StateTexts {
  StateVerb verb;
  std::string agents = "1000";
  std::string tasks = "20000";
  std::string rate = "2000";
  std::string reads = "10";
  std::string duration = "10s";
};

absl::StatusOr<Verb> finish_state(StateTexts& texts, const Parser& parsed) {
  StateVerb& verb = texts.verb;
  std::string unused;
  if (auto ok = finish_shared(parsed, &unused, &verb.format); !ok.ok()) return ok;
  const auto agents =
      parse_count<std::uint32_t>("--agents", texts.agents, 1, load::kMaxSwarmAgents);
  if (!agents.ok()) return agents.status();
  verb.agents = *agents;
  const auto tasks = parse_count<std::uint32_t>("--tasks", texts.tasks, 1, kMostStateTasks);
  if (!tasks.ok()) return tasks.status();
  verb.tasks = *tasks;
  const auto rate = parse_count<std::uint32_t>("--rate", texts.rate, 1, 1'000'000);
  if (!rate.ok()) return rate.status();
  verb.rate = *rate;
  const auto reads = parse_count<std::uint32_t>("--reads", texts.reads, 1, 10'000);
  if (!reads.ok()) return reads.status();
  verb.reads = *reads;
  const auto duration = parse_measuring_time(texts.duration);
  if (!duration.ok()) return duration.status();
  verb.duration = *duration;
  return verb;
}

// --- events ---

constexpr std::uint32_t kMostSubscribers = 256;  // of one reactor of a master

struct EventsTexts {
  BenchEventsVerb verb;
  std::string agents = "1000";
  std::string subscribers = "10";
  std::string rate = "0";
  std::string duration = "10s";
};

absl::StatusOr<Verb> finish_events(EventsTexts& texts, const Parser& parsed) {
  BenchEventsVerb& verb = texts.verb;
  std::string unused;
  if (auto ok = finish_shared(parsed, &unused, &verb.format); !ok.ok()) return ok;
  const auto agents =
      parse_count<std::uint32_t>("--agents", texts.agents, 1, load::kMaxSwarmAgents);
  if (!agents.ok()) return agents.status();
  verb.agents = *agents;
  const auto subscribers =
      parse_count<std::uint32_t>("--subscribers", texts.subscribers, 1, kMostSubscribers);
  if (!subscribers.ok()) return subscribers.status();
  verb.subscribers = *subscribers;
  const auto rate = parse_count<std::uint32_t>("--rate", texts.rate, 0, 1'000'000);
  if (!rate.ok()) return rate.status();
  verb.rate = *rate;
  const auto duration = parse_measuring_time(texts.duration);
  if (!duration.ok()) return duration.status();
  verb.duration = *duration;
  return verb;
}

// --- comparisons ---

struct CompareTexts {
  CompareVerb verb;
  std::string runs = "5";
  std::string threshold = "5%";
};

absl::StatusOr<Verb> finish_compare(CompareTexts& texts, const Parser& parsed) {
  CompareVerb& verb = texts.verb;
  std::string unused;
  if (auto ok = finish_shared(parsed, &unused, &verb.format); !ok.ok()) return ok;
  const auto runs = parse_count<std::uint32_t>("--runs", texts.runs, 1, 100);
  if (!runs.ok()) return runs.status();
  verb.runs = *runs;
  const auto threshold = parse_part_flag("--threshold", texts.threshold, "");
  if (!threshold.ok()) return threshold.status();
  verb.threshold = *threshold;
  verb.words = parsed.command;
  if (verb.words.empty()) verb.words = {"launch", "--agents", "1000", "--duration", "5s"};
  return verb;
}

auto begin_compare(Parser& parser, CompareVerb::Kind kind) {
  auto texts = std::make_shared<CompareTexts>();
  texts->verb.kind = kind;
  CLI::App& app = parser.app;
  add_format_option(parser);
  app.add_option("--runs", texts->runs, "of each, in turn; medians are compared")
      ->capture_default_str();
  texts->verb.figure = "launches_per_s";
  app.add_option("--figure", texts->verb.figure,
                 "what is compared: a key of the bench's JSON, as launch_to_running_us.p99")
      ->capture_default_str();
  return texts;
}

}  // namespace

Finish define_swarm(Parser& parser) {
  auto texts = std::make_shared<SwarmTexts>();
  CLI::App& app = parser.app;
  add_master_option(parser);
  add_format_option(parser);
  app.add_option("--agents", texts->agents, "how many")->capture_default_str();
  app.add_option("--reactors", texts->reactors, "threads; 0: one for each 15,000 agents")
      ->capture_default_str();
  app.add_option("--cpus", texts->cpus, "of each agent")->capture_default_str();
  app.add_option("--mem", texts->mem, "of each agent, MiB")->capture_default_str();
  app.add_option("--resources", texts->resources,
                 "of each agent, as 'cpus:8;mem:16384;ports:[31000-32000]', instead of both");
  app.add_option("--task-duration", texts->task_duration,
                 "how long tasks run: 0, 10ms, 5ms..20ms, or exp:30s (a mean)")
      ->capture_default_str();
  app.add_option("--start-delay", texts->start_delay, "how long they take to start; same forms")
      ->capture_default_str();
  app.add_option("--fail", texts->fail, "agents that die, and come back after two seconds")
      ->capture_default_str();
  app.add_option("--disconnect", texts->disconnect, "agents whose connection breaks")
      ->capture_default_str();
  app.add_option("--slow", texts->slow, "agents that start tasks late, and by how much: 1%:200ms");
  app.add_option("--seed", texts->seed, "what is random follows from it")->capture_default_str();
  app.add_option("--scenario", texts->verb.scenario_file,
                 "a TOML file of phases: how many agents there are and what befalls them, over "
                 "time (docs/CLI.md); the swarm ends with the last");
  app.add_option("--ready-file", texts->verb.ready_file, "file to write when all are registered");
  app.add_option("--stamps", texts->verb.options.stamps,
                 "file where the ends of tasks are noted, for a load framework");
  return [texts](Parser& parsed) { return finish_swarm(*texts, parsed); };
}

Finish define_bench_agents(Parser& parser) {
  const auto texts = begin_bench(parser, BenchVerb::Kind::kAgents);
  return [texts](Parser& parsed) { return finish_bench(*texts, parsed); };
}

Finish define_bench_launch(Parser& parser) {
  const auto texts = begin_bench(parser, BenchVerb::Kind::kLaunch);
  add_launch_options(parser, *texts);
  return [texts](Parser& parsed) { return finish_bench(*texts, parsed); };
}

Finish define_bench_offer_latency(Parser& parser) {
  const auto texts = begin_bench(parser, BenchVerb::Kind::kOfferLatency);
  add_load_options(parser, *texts, "agents a second that become free; 0: 100");
  return [texts](Parser& parsed) { return finish_bench(*texts, parsed); };
}

Finish define_bench_churn(Parser& parser) {
  const auto texts = begin_bench(parser, BenchVerb::Kind::kChurn);
  add_launch_options(parser, *texts);
  parser.app.add_option("--fail", texts->fail, "agents that die, and come back after two seconds")
      ->capture_default_str();
  parser.app.add_option("--disconnect", texts->disconnect, "agents whose connection breaks")
      ->capture_default_str();
  return [texts](Parser& parsed) { return finish_bench(*texts, parsed); };
}

Finish define_bench_compare(Parser& parser) {
  const auto texts = begin_compare(parser, CompareVerb::Kind::kBuilds);
  CLI::App& app = parser.app;
  app.add_option("BASE", texts->verb.base, "a shoal program")->required();
  app.add_option("HEAD", texts->verb.head, "another one")->required();
  app.add_option("--threshold", texts->threshold, "fails when HEAD is worse by more")
      ->capture_default_str();
  return [texts](Parser& parsed) { return finish_compare(*texts, parsed); };
}

Finish define_bench_alloc(Parser& parser) {
  const auto texts = begin_compare(parser, CompareVerb::Kind::kMallocs);
  return [texts](Parser& parsed) { return finish_compare(*texts, parsed); };
}

Finish define_bench_state(Parser& parser) {
  auto texts = std::make_shared<StateTexts>();
  CLI::App& app = parser.app;
  add_format_option(parser);
  app.add_option("--agents", texts->agents, "how many")->capture_default_str();
  app.add_option("--tasks", texts->tasks, "that run when the reads begin")->capture_default_str();
  app.add_option("--rate", texts->rate, "launches a second; as many tasks end")
      ->capture_default_str();
  app.add_option("--reads", texts->reads, "of all tasks, one after the other")
      ->capture_default_str();
  app.add_option("--duration", texts->duration, "how long launches are measured without reads")
      ->capture_default_str();
  app.add_option("--master-arg", texts->verb.master_args,
                 "one more word for `shoal master`, as --master-arg=--reactors=1; may be repeated");
  return [texts](Parser& parsed) { return finish_state(*texts, parsed); };
}

Finish define_bench_events(Parser& parser) {
  auto texts = std::make_shared<EventsTexts>();
  CLI::App& app = parser.app;
  add_format_option(parser);
  app.add_option("--agents", texts->agents, "how many")->capture_default_str();
  app.add_option("--subscribers", texts->subscribers, "who get all events")->capture_default_str();
  app.add_option("--rate", texts->rate, "launches a second; 0: as many as it takes")
      ->capture_default_str();
  app.add_option("--duration", texts->duration,
                 "how long launches are measured without subscribers, and again with them")
      ->capture_default_str();
  app.add_option("--master-arg", texts->verb.master_args,
                 "one more word for `shoal master`, as --master-arg=--reactors=1; may be repeated");
  return [texts](Parser& parsed) { return finish_events(*texts, parsed); };
}

Finish define_bench_failover(Parser& parser) {
  auto texts = std::make_shared<FailoverTexts>();
  CLI::App& app = parser.app;
  add_format_option(parser);
  app.add_option("--agents", texts->agents, "how many")->capture_default_str();
  app.add_option("--tasks-per-agent", texts->tasks, "that run when the master is killed")
      ->capture_default_str();
  app.add_option("--masters", texts->masters, "how many, with etcd")->capture_default_str();
  app.add_option("--registry", texts->registry,
                 "etcd (one is started), or embedded: one master, which is started again")
      ->capture_default_str();
  app.add_option("--patience", texts->patience, "how long it may take to go on")
      ->capture_default_str();
  app.add_option("--master-arg", texts->verb.master_args,
                 "one more word for `shoal master`, as --master-arg=--lease=1s; may be repeated");
  return [texts](Parser& parsed) { return finish_failover(*texts, parsed); };
}

}  // namespace shoal::cli
