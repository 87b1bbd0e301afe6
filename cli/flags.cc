#include "cli/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "cli/duration.h"
#include "cli/exit_code.h"
#include "cli/suggest.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/address.h"

namespace shoal::cli {
namespace {

// One verb being parsed: the flags library's app, and what to do with the texts afterwards.
struct Parser {
  explicit Parser(std::string_view verb, const std::string& about)
      : app(about, "shoal " + std::string(verb)) {
    app.set_help_flag("-h,--help", "this text");
  }

  CLI::App app;
  std::string master;
  std::string format = "table";
  std::vector<std::string> command;  // what followed "--"
};

using Finish = std::function<absl::StatusOr<Verb>(Parser&)>;
using Define = std::function<Finish(Parser&)>;

struct VerbEntry {
  std::string_view name;
  std::string_view about;    // one line
  std::string_view example;  // commands, one a line
  Finish (*define)(Parser&);
};

// --- shared options ---

void add_master_option(Parser& parser) {
  parser.app.add_option("--master", parser.master,
                        "HOST:PORT of the master (else SHOAL_MASTER, else 127.0.0.1:7070)");
}

void add_format_option(Parser& parser) {
  parser.app.add_option("-o,--output", parser.format, "table, json, jsonl or name");
}

absl::Status check_address(std::string_view flag, const std::string& address) {
  const auto parsed = net::parse_host_port(address);
  if (parsed.ok()) return absl::OkStatus();
  return core::invalid("{}: {}", flag, core::message_of(parsed.status()));
}

absl::StatusOr<OutputFormat> parse_format(const std::string& text) {
  if (text == "table") return OutputFormat::kTable;
  if (text == "json") return OutputFormat::kJson;
  if (text == "jsonl") return OutputFormat::kJsonLines;
  if (text == "name") return OutputFormat::kName;
  return core::invalid("--output: '{}' is none of table, json, jsonl, name", core::printable(text));
}

absl::StatusOr<core::Milli> parse_amount(std::string_view flag, const std::string& text) {
  auto value = core::parse_milli(text);
  if (value.ok()) return value;
  return core::invalid("{}: {}", flag, core::message_of(value.status()));
}

template <typename Int>
absl::StatusOr<Int> parse_count(std::string_view flag, const std::string& text, Int least,
                                Int most) {
  Int value = 0;
  if (core::parse_int(std::string_view(text), &value) && value >= least && value <= most) {
    return value;
  }
  return core::invalid("{}: '{}' is not a number from {} to {}", flag, core::printable(text), least,
                       most);
}

// --- daemons ---

Finish define_master(Parser& parser) {
  struct Texts {
    MasterVerb verb;
    std::string reactors = "0";
    std::string offer_timeout = "60s";
  };
  auto texts = std::make_shared<Texts>();
  texts->verb.listen = "127.0.0.1:7070";
  CLI::App& app = parser.app;
  app.add_option("--listen", texts->verb.listen, "HOST:PORT to serve; port 0 picks one")
      ->capture_default_str();
  app.add_option("--data", texts->verb.data_dir, "folder for what must survive")->required();
  app.add_option("--reactors", texts->reactors, "threads; 0: one per core")->capture_default_str();
  app.add_option("--ready-file", texts->verb.ready_file, "file to write when it serves");
  app.add_option("--offer-timeout", texts->offer_timeout, "how long an offer stays unanswered")
      ->capture_default_str();
  app.add_flag("--insecure", texts->verb.insecure,
               "serve other machines without authentication or encryption");
  return [texts](Parser&) -> absl::StatusOr<Verb> {
    MasterVerb& verb = texts->verb;
    if (auto ok = check_address("--listen", verb.listen); !ok.ok()) return ok;
    if (verb.data_dir.empty()) return core::invalid("--data: the folder's name is empty");
    const auto reactors = parse_count<std::uint32_t>("--reactors", texts->reactors, 0,
                                                     std::uint32_t{core::kMaxReactors});
    if (!reactors.ok()) return reactors.status();
    verb.reactors = *reactors;
    const auto offer_timeout = parse_duration(texts->offer_timeout);
    if (!offer_timeout.ok()) {
      return core::invalid("--offer-timeout: {}", core::message_of(offer_timeout.status()));
    }
    verb.offer_timeout = *offer_timeout;
    return verb;
  };
}

Finish define_agent(Parser& parser) {
  auto verb = std::make_shared<AgentVerb>();
  verb->listen = "127.0.0.1:0";
  CLI::App& app = parser.app;
  add_master_option(parser);
  app.add_option("--data", verb->data_dir, "folder for sandboxes and records")->required();
  app.add_option("--listen", verb->listen, "HOST:PORT where it serves logs; port 0 picks one")
      ->capture_default_str();
  app.add_option("--resources", verb->resources,
                 "what it offers, as 'cpus:4;mem:8192;disk:1000;gpus:1;ports:[31000-32000]'; what "
                 "is left out is probed");
  app.add_option("--attributes", verb->attributes, "labels, as 'rack:a;ssd:true'");
  app.add_option("--hostname", verb->hostname, "its name (else the machine's)");
  app.add_option("--ready-file", verb->ready_file, "file to write when it is registered");
  app.add_flag("--insecure", verb->insecure,
               "serve other machines without authentication or encryption");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    verb->master = parsed.master;
    if (auto ok = check_address("--master", verb->master); !ok.ok()) return ok;
    if (auto ok = check_address("--listen", verb->listen); !ok.ok()) return ok;
    if (verb->data_dir.empty()) return core::invalid("--data: the folder's name is empty");
    return *verb;
  };
}

absl::Status check_resources_flag(const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  const auto resources = core::parse_resources(text);
  if (resources.ok()) return absl::OkStatus();
  return core::invalid("--resources: {}", core::message_of(resources.status()));
}

Finish define_dev(Parser& parser) {
  struct Texts {
    DevVerb verb;
    std::string agents = "3";
    std::string reactors = "0";
  };
  auto texts = std::make_shared<Texts>();
  texts->verb.listen = "127.0.0.1:7070";
  CLI::App& app = parser.app;
  app.add_option("--agents", texts->agents, "how many agents")->capture_default_str();
  app.add_option("--listen", texts->verb.listen, "HOST:PORT of the master; port 0 picks one")
      ->capture_default_str();
  app.add_option("--data", texts->verb.data_dir, "folder to keep (else a temporary one)");
  app.add_option("--ready-file", texts->verb.ready_file,
                 "file to write when the master serves and every agent is registered");
  app.add_option("--resources", texts->verb.resources,
                 "of each agent, as 'cpus:4;mem:8192' (else the machine's, divided)");
  app.add_option("--reactors", texts->reactors, "threads of the master; 0: one per core")
      ->capture_default_str();
  return [texts](Parser&) -> absl::StatusOr<Verb> {
    DevVerb& verb = texts->verb;
    if (auto ok = check_address("--listen", verb.listen); !ok.ok()) return ok;
    if (auto ok = check_resources_flag(verb.resources); !ok.ok()) return ok;
    const auto agents = parse_count<std::uint32_t>("--agents", texts->agents, 0, 1000);
    if (!agents.ok()) return agents.status();
    verb.agents = *agents;
    const auto reactors = parse_count<std::uint32_t>("--reactors", texts->reactors, 0,
                                                     std::uint32_t{core::kMaxReactors});
    if (!reactors.ok()) return reactors.status();
    verb.reactors = *reactors;
    return verb;
  };
}

// --- run ---

struct RunTexts {
  RunVerb verb;
  std::string cpus = "0.5";
  std::string mem = "64";
  std::string disk = "0";
  std::string gpus = "0";
  std::string ports = "0";
  std::string instances = "1";
  std::string timeout;
  std::vector<std::string> environment;
};

absl::Status finish_run_resources(RunTexts& texts) {
  core::Resources& resources = texts.verb.resources;
  const std::array<std::tuple<std::string_view, const std::string*, core::Milli*>, 4> amounts = {
      {{"--cpus", &texts.cpus, &resources.cpus},
       {"--mem", &texts.mem, &resources.mem},
       {"--disk", &texts.disk, &resources.disk},
       {"--gpus", &texts.gpus, &resources.gpus}}};
  for (const auto& [flag, text, field] : amounts) {
    const auto value = parse_amount(flag, *text);
    if (!value.ok()) return value.status();
    *field = *value;
  }
  const auto ports = parse_count<std::uint32_t>("--ports", texts.ports, 0, 10'000);
  if (!ports.ok()) return ports.status();
  texts.verb.ports = *ports;
  if (resources.empty() && *ports == 0) {
    return core::invalid("a task needs at least some --cpus or --mem");
  }
  return core::check_resources(resources);
}

absl::Status finish_run_environment(RunTexts& texts) {
  for (const std::string& pair : texts.environment) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return core::invalid("--env: '{}' is not of the form NAME=VALUE", core::printable(pair));
    }
    texts.verb.environment.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<Verb> finish_run(RunTexts& texts, Parser& parsed) {
  RunVerb& verb = texts.verb;
  verb.master = parsed.master;
  if (auto ok = check_address("--master", verb.master); !ok.ok()) return ok;
  verb.command = parsed.command;
  if (verb.command.empty()) {
    return core::invalid("no command: write it after --, as in: shoal run -- echo hello");
  }
  if (verb.command.front().empty()) return core::invalid("the command is empty");
  if (auto ok = finish_run_resources(texts); !ok.ok()) return ok;
  if (auto ok = finish_run_environment(texts); !ok.ok()) return ok;
  const auto instances = parse_count<std::uint32_t>("--instances", texts.instances, 1, 100'000);
  if (!instances.ok()) return instances.status();
  verb.instances = *instances;
  if (!texts.timeout.empty()) {
    const auto timeout = parse_duration(texts.timeout);
    if (!timeout.ok()) return core::invalid("--timeout: {}", core::message_of(timeout.status()));
    verb.timeout = *timeout;
  }
  // The name becomes the front of the task ids, which have at most kMaxIdBytes.
  if (!verb.name.empty()) {
    if (auto ok = core::check_name(verb.name, "--name"); !ok.ok()) return ok;
    if (verb.name.size() > 80) return core::invalid("--name: at most 80 characters");
  }
  return verb;
}

Finish define_run(Parser& parser) {
  auto texts = std::make_shared<RunTexts>();
  texts->verb.role = "*";
  CLI::App& app = parser.app;
  add_master_option(parser);
  app.add_option("--cpus", texts->cpus, "cores per instance")->capture_default_str();
  app.add_option("--mem", texts->mem, "MiB of memory per instance")->capture_default_str();
  app.add_option("--disk", texts->disk, "MiB of disk per instance")->capture_default_str();
  app.add_option("--gpus", texts->gpus, "GPUs per instance")->capture_default_str();
  app.add_option("--ports", texts->ports, "ports per instance, told as PORT0, PORT1, … (and PORT)")
      ->capture_default_str();
  app.add_option("--name", texts->verb.name,
                 "front part of the task's id (else the command's name)");
  app.add_option("--instances", texts->instances,
                 "how many to run; each finds its number in SHOAL_INSTANCE")
      ->capture_default_str();
  app.add_option("--env", texts->environment, "NAME=VALUE for the command; may be repeated")
      ->expected(1)
      ->take_all();
  app.add_option("--chdir", texts->verb.directory, "folder to start in (else the task's sandbox)");
  app.add_option("--role", texts->verb.role, "whose share of the cluster is used")
      ->capture_default_str();
  app.add_option("--timeout", texts->timeout,
                 "kill it after this long, and end with 6 (as 90s, 5m)");
  app.add_flag("--wait", texts->verb.wait, "wait for a bigger agent when it is too big for all");
  return [texts](Parser& parsed) { return finish_run(*texts, parsed); };
}

// --- look and act ---

template <core::QueryKind kKind>
Finish define_list(Parser& parser) {
  auto verb = std::make_shared<ListVerb>();
  verb->kind = kKind;
  add_master_option(parser);
  add_format_option(parser);
  parser.app.add_option("ID", verb->id, "everything about this one");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    verb->master = parsed.master;
    if (auto ok = check_address("--master", verb->master); !ok.ok()) return ok;
    const auto format = parse_format(parsed.format);
    if (!format.ok()) return format.status();
    verb->format = *format;
    if (verb->id.empty() && parsed.app.get_option("ID")->count() > 0) {
      return core::invalid("ID: is empty");
    }
    return *verb;
  };
}

Finish define_logs(Parser& parser) {
  auto verb = std::make_shared<LogsVerb>();
  add_master_option(parser);
  parser.app.add_option("TASK", verb->task, "the task's id, or FRAMEWORK/TASK")->required();
  parser.app.add_flag("-f,--follow", verb->follow, "go on until the task ends");
  parser.app.add_flag("--stderr", verb->from_stderr, "what it wrote to stderr");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    verb->master = parsed.master;
    if (auto ok = check_address("--master", verb->master); !ok.ok()) return ok;
    if (verb->task.empty()) return core::invalid("TASK: is empty");
    return *verb;
  };
}

Finish define_kill(Parser& parser) {
  struct Texts {
    KillVerb verb;
    std::string grace;
  };
  auto texts = std::make_shared<Texts>();
  add_master_option(parser);
  parser.app.add_option("TASK", texts->verb.task, "the task's id, or FRAMEWORK/TASK")->required();
  parser.app.add_option("--grace", texts->grace,
                        "time between SIGTERM and SIGKILL (else the task's own)");
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    KillVerb& verb = texts->verb;
    verb.master = parsed.master;
    if (auto ok = check_address("--master", verb.master); !ok.ok()) return ok;
    if (verb.task.empty()) return core::invalid("TASK: is empty");
    if (texts->grace.empty()) return verb;
    const auto grace = parse_duration(texts->grace);
    if (!grace.ok()) return core::invalid("--grace: {}", core::message_of(grace.status()));
    verb.grace_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*grace).count();
    return verb;
  };
}

Finish define_teardown(Parser& parser) {
  auto verb = std::make_shared<TeardownVerb>();
  add_master_option(parser);
  parser.app.add_option("FRAMEWORK", verb->framework, "the framework's id")->required();
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    verb->master = parsed.master;
    if (auto ok = check_address("--master", verb->master); !ok.ok()) return ok;
    return *verb;
  };
}

Finish define_version(Parser& parser) {
  add_format_option(parser);
  return [](Parser& parsed) -> absl::StatusOr<Verb> {
    const auto format = parse_format(parsed.format);
    if (!format.ok()) return format.status();
    return VersionVerb{*format};
  };
}

// --- the verbs ---

constexpr std::array<VerbEntry, 13> kVerbs = {{
    {"dev", "a whole cluster on this machine: one master, some agents",
     "  shoal dev\n  shoal dev --agents 5 --listen 127.0.0.1:0 --ready-file /tmp/ready.json",
     define_dev},
    {"master", "the daemon that decides",
     "  shoal master --listen 127.0.0.1:7070 --data /var/lib/shoal/master", define_master},
    {"agent", "the daemon that runs tasks on a machine",
     "  shoal agent --master 127.0.0.1:7070 --data /var/lib/shoal/agent --attributes 'rack:a'",
     define_agent},
    {"run", "run a command on the cluster and see its output",
     "  shoal run -- echo hello\n  shoal run --cpus 1 --mem 256 --instances 4 -- ./job.sh --fast",
     define_run},
    {"tasks", "tasks, running and ended",
     "  shoal tasks\n  shoal tasks echo-3fa91c\n  shoal tasks -o json | jq '.[].state'",
     define_list<core::QueryKind::kTasks>},
    {"agents", "agents and what they have", "  shoal agents\n  shoal agents -o name",
     define_list<core::QueryKind::kAgents>},
    {"frameworks", "frameworks: who uses the cluster", "  shoal frameworks",
     define_list<core::QueryKind::kFrameworks>},
    {"offers", "offers that wait for an answer", "  shoal offers",
     define_list<core::QueryKind::kOffers>},
    {"logs", "what a task wrote", "  shoal logs -f echo-3fa91c\n  shoal logs --stderr echo-3fa91c",
     define_logs},
    {"kill", "end a task", "  shoal kill echo-3fa91c\n  shoal kill --grace 10s echo-3fa91c",
     define_kill},
    {"teardown", "end a framework and its tasks", "  shoal teardown f-00c0ffee00c0ffee",
     define_teardown},
    {"version", "what this program is", "  shoal version\n  shoal version -o json", define_version},
    {"help", "this list, or everything about one verb", "  shoal help run", nullptr},
}};

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const VerbEntry& entry : kVerbs) names.emplace_back(entry.name);
  return names;
}

const VerbEntry* find_verb(std::string_view name) {
  for (const VerbEntry& entry : kVerbs) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

ParsedCommand usage_error(const std::string& message, const std::string& hint) {
  return {std::nullopt, kExitUsage, fmt::format("shoal: {}\n{}\n", message, hint)};
}

ParsedCommand unknown_verb(std::string_view word) {
  std::string message = fmt::format("'{}' is not a verb", core::printable(word));
  const std::string near = nearest(word, verb_names());
  if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
  return usage_error(message, "Try: shoal help");
}

// The long and short names of an app's options, with their dashes.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string explain_extra(const CLI::App& app, std::string_view verb,
                          const std::vector<std::string>& extras) {
  const std::string extra = extras.empty() ? "" : extras.front();
  if (!extra.starts_with('-') || extra == "-") {
    std::string message = fmt::format("unexpected argument '{}'", core::printable(extra));
    if (verb == "run") message += ": write the command after --, as in: shoal run -- echo hello";
    return message;
  }
  const std::string flag = extra.substr(0, extra.find('='));
  std::string message = fmt::format("unknown flag '{}'", core::printable(flag));
  const std::string near = nearest(flag, option_names(app));
  if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
  return message;
}

// "--cpus: 1 required TEXT missing", "--cpus: At Most 1 required but received 2" in plain words.
std::string explain_parse_error(const std::string& text) {
  const std::string flag = text.substr(0, text.find(':'));
  if (text.find("required but received") != std::string::npos) {
    return fmt::format("{} is given more than once", core::printable(flag));
  }
  if (text.find("required TEXT missing") != std::string::npos) {
    return fmt::format("{} needs a value", core::printable(flag));
  }
  return core::printable(text, 300);
}

std::string help_of(const CLI::App& app, std::string_view verb) {
  std::string text = app.help();
  const std::size_t at = text.find("[OPTIONS]");
  if (verb == "run" && at != std::string::npos) text.insert(at + 9, " -- COMMAND [ARGUMENTS]");
  return text;
}

// `run` takes its command after "--"; the flags library never sees it.
std::vector<std::string> take_command(std::vector<std::string>& words, std::string_view verb) {
  if (verb != "run") return {};
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.end()) return {};
  std::vector<std::string> command(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return command;
}

ParsedCommand parse_verb(const VerbEntry& entry, std::vector<std::string> words,
                         std::string_view default_master) {
  Parser parser(entry.name, std::string(entry.about));
  parser.app.footer(fmt::format("Example:\n{}", entry.example));
  parser.master = default_master;
  const Finish finish = entry.define(parser);
  parser.command = take_command(words, entry.name);
  const std::string hint = fmt::format("Try: shoal {} --help", entry.name);
  const std::string prefix = fmt::format("{}: ", entry.name);
  std::reverse(words.begin(), words.end());  // as the library wants them
  try {
    parser.app.parse(words);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, kExitOk, help_of(parser.app, entry.name)};
  } catch (const CLI::ExtrasError&) {
    return usage_error(prefix + explain_extra(parser.app, entry.name, parser.app.remaining()),
                       hint);
  } catch (const CLI::ParseError& error) {
    return usage_error(prefix + explain_parse_error(error.what()), hint);
  }
  absl::StatusOr<Verb> verb = finish(parser);
  if (!verb.ok()) {
    return usage_error(prefix + std::string(core::message_of(verb.status())), hint);
  }
  return {*std::move(verb), kExitOk, ""};
}

}  // namespace

std::string overview() {
  std::string text = "Usage: shoal VERB [OPTIONS]\n\n";
  for (const VerbEntry& entry : kVerbs)
    text += fmt::format("  {:<11} {}\n", entry.name, entry.about);
  text +=
      "\nThe master is taken from --master, then SHOAL_MASTER, then 127.0.0.1:7070.\n"
      "Ends with 0 ok, 1 failed, 2 usage, 3 not found, 4 master unreachable, 6 timed out;\n"
      "`run` passes the command's own code on.\n"
      "`shoal help VERB` tells more. A first look: shoal dev, then shoal run -- echo hello\n";
  return text;
}

ParsedCommand parse_command_line(const std::vector<std::string>& words,
                                 std::string_view default_master) {
  if (words.empty()) {
    return {std::nullopt, kExitUsage, "shoal: no verb\n" + overview()};
  }
  const std::string& word = words.front();
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (word == "--version") return parse_command_line({"version"}, default_master);
  if (word == "-h" || word == "--help" || word == "help") {
    const bool of_verb = word == "help" && !rest.empty() && rest.front() != "help" &&
                         rest.front() != "-h" && rest.front() != "--help";
    if (!of_verb) return {std::nullopt, kExitOk, overview()};
    if (find_verb(rest.front()) == nullptr) return unknown_verb(rest.front());
    return parse_verb(*find_verb(rest.front()), {"--help"}, default_master);
  }
  const VerbEntry* entry = find_verb(word);
  if (entry == nullptr) {
    if (word.starts_with('-')) {
      return usage_error(fmt::format("unknown flag '{}' before a verb", core::printable(word)),
                         "Try: shoal help");
    }
    return unknown_verb(word);
  }
  return parse_verb(*entry, rest, default_master);
}

}  // namespace shoal::cli
