// The verbs that look: words to options.
#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/duration.h"
#include "cli/flag_parser.h"
#include "core/limits.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

// Agents take no more samples than one a second.
constexpr core::Duration kMinTopInterval = std::chrono::seconds(1);
constexpr core::Duration kMaxTopInterval = std::chrono::minutes(10);

Finish define_list(Parser& parser, core::QueryKind kind) {
  auto verb = std::make_shared<ListVerb>();
  verb->kind = kind;
  add_master_option(parser);
  add_format_option(parser);
  add_watch_option(parser);
  parser.app.add_option(kind == core::QueryKind::kRoles ? "ROLE" : "ID", verb->id,
                        "everything about this one");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master, &verb->format, &verb->watch); !ok.ok()) {
      return ok;
    }
    const char* argument = verb->kind == core::QueryKind::kRoles ? "ROLE" : "ID";
    if (verb->id.empty() && parsed.app.get_option(argument)->count() > 0) {
      return core::invalid("{}: is empty", argument);
    }
    return *verb;
  };
}

}  // namespace

Finish define_tasks(Parser& parser) { return define_list(parser, core::QueryKind::kTasks); }
Finish define_agents(Parser& parser) { return define_list(parser, core::QueryKind::kAgents); }
Finish define_frameworks(Parser& parser) {
  return define_list(parser, core::QueryKind::kFrameworks);
}
Finish define_offers(Parser& parser) { return define_list(parser, core::QueryKind::kOffers); }
Finish define_roles(Parser& parser) { return define_list(parser, core::QueryKind::kRoles); }

Finish define_explain(Parser& parser) {
  struct Texts {
    ExplainVerb verb;
    std::string resources;
  };
  auto texts = std::make_shared<Texts>();
  add_master_option(parser);
  add_format_option(parser);
  parser.app.add_option("--framework", texts->verb.framework, "the framework's id, or its name")
      ->required();
  parser.app.add_option("--role", texts->verb.role,
                        "in this role (else in all of the framework's)");
  parser.app.add_option("RESOURCES", texts->resources,
                        "what an offer should hold, as 'cpus:4;mem:1024' (else anything)");
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    ExplainVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master, &verb.format); !ok.ok()) return ok;
    if (auto ok = narrow_format(parsed, verb.format != OutputFormat::kName,
                                "explain knows table, json and jsonl", &verb.format);
        !ok.ok()) {
      return ok;
    }
    if (verb.framework.empty()) return core::invalid("--framework: is empty");
    if (!verb.role.empty()) {
      if (auto ok = check_role_flag("--role", verb.role, true); !ok.ok()) return ok;
    }
    if (texts->resources.empty()) return verb;
    auto resources = core::parse_resources(texts->resources);
    if (!resources.ok()) {
      return core::invalid("RESOURCES: {}", core::message_of(resources.status()));
    }
    verb.resources = *std::move(resources);
    return verb;
  };
}

Finish define_events(Parser& parser) {
  auto verb = std::make_shared<EventsVerb>();
  add_master_option(parser);
  add_format_option(parser);
  parser.app.add_flag("-f,--follow", verb->follow, "go on with what happens from now on");
  parser.app.add_flag("--all", verb->from_start, "with --follow: also what is still known");
  parser.app.add_option("--types", verb->types,
                        "only these, between commas: agent, framework, task, role, operation");
  parser.app.add_option("--task", verb->task, "only of this task");
  parser.app.add_option("--agent", verb->agent, "only of the agent with this id");
  parser.app.add_option("--framework", verb->framework, "only of the framework with this id");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master, &verb->format); !ok.ok()) return ok;
    const bool known =
        verb->format == OutputFormat::kTable || verb->format == OutputFormat::kJsonLines;
    if (auto ok = narrow_format(parsed, known, "events knows table and jsonl", &verb->format);
        !ok.ok()) {
      return ok;
    }
    if (!verb->agent.empty()) {
      if (auto id = core::parse_agent_id(verb->agent); !id.ok()) {
        return core::invalid("--agent: {}", core::message_of(id.status()));
      }
    }
    if (!verb->framework.empty()) {
      if (auto id = core::parse_framework_id(verb->framework); !id.ok()) {
        return core::invalid("--framework: {}", core::message_of(id.status()));
      }
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
    if (auto ok = finish_shared(parsed, &verb->master); !ok.ok()) return ok;
    if (verb->task.empty()) return core::invalid("TASK: is empty");
    return *verb;
  };
}

Finish define_files(Parser& parser) {
  auto verb = std::make_shared<FilesVerb>();
  add_master_option(parser);
  add_format_option(parser);
  parser.app.add_option("TASK", verb->task, "the task's id, or FRAMEWORK/TASK")->required();
  parser.app.add_option("PATH", verb->path, "a folder or file, relative to its sandbox");
  parser.app.add_flag("--cat", verb->cat, "what is in the file, as it is");
  return [verb](Parser& parsed) -> absl::StatusOr<Verb> {
    if (auto ok = finish_shared(parsed, &verb->master, &verb->format); !ok.ok()) return ok;
    if (verb->task.empty()) return core::invalid("TASK: is empty");
    if (verb->path.size() > core::kMaxTextBytes || verb->path.starts_with('/') ||
        !core::is_clean_text(verb->path)) {
      return core::invalid("PATH: '{}' is not a path relative to the sandbox",
                           core::printable(verb->path));
    }
    if (!verb->cat) return *verb;
    if (verb->path.empty()) return core::invalid("--cat: needs the PATH of a file");
    if (parsed.format != "table" && !parsed.format_is_a_wish) {
      return core::invalid("--cat: goes with no --output");
    }
    return *verb;
  };
}

Finish define_top(Parser& parser) {
  struct Texts {
    TopVerb verb;
    std::string interval = "2s";
    std::string most = "50";
    std::string source = "auto";
  };
  auto texts = std::make_shared<Texts>();
  add_master_option(parser);
  add_format_option(parser);
  parser.app.add_option("--interval", texts->interval, "time between two looks")
      ->capture_default_str();
  parser.app.add_option("--tasks", texts->most, "how many tasks, those that use most; 0: all")
      ->capture_default_str();
  parser.app
      .add_option("--source", texts->source,
                  "agents: each is asked now; master: what they last reported to it; auto: the "
                  "second if there are more than 200")
      ->type_name("auto|agents|master")
      ->capture_default_str();
  parser.app.add_flag("--once", texts->verb.once, "one look, also on a terminal and with -o jsonl");
  return [texts](Parser& parsed) -> absl::StatusOr<Verb> {
    TopVerb& verb = texts->verb;
    if (auto ok = finish_shared(parsed, &verb.master, &verb.format); !ok.ok()) return ok;
    const bool known = verb.format != OutputFormat::kName;
    if (auto ok = narrow_format(parsed, known, "top knows table, json and jsonl", &verb.format);
        !ok.ok()) {
      return ok;
    }
    const auto interval = parse_duration(texts->interval);
    if (!interval.ok()) return core::invalid("--interval: {}", core::message_of(interval.status()));
    if (*interval < kMinTopInterval || *interval > kMaxTopInterval) {
      return core::invalid("--interval: {} is not from 1s to 10m", texts->interval);
    }
    verb.interval = *interval;
    const auto most = parse_count<std::uint32_t>("--tasks", texts->most, 0, 1'000'000);
    if (!most.ok()) return most.status();
    verb.most = *most;
    if (texts->source == "agents") {
      verb.source = TopSource::kAgents;
    } else if (texts->source == "master") {
      verb.source = TopSource::kMaster;
    } else if (texts->source != "auto") {
      return core::invalid("--source: '{}' is none of auto, agents and master",
                           core::printable(texts->source));
    }
    return verb;
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

}  // namespace shoal::cli
