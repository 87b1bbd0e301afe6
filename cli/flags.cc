#include "cli/flags.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <utility>

#include "agent/agent_options.h"
#include "cli/config.h"
#include "cli/exit_code.h"
#include "cli/flag_parser.h"
#include "cli/resources_option.h"
#include "cli/suggest.h"
#include "core/limits.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

// --- the verbs ---

// Those without a definition are groups of actions; `help` is neither.
constexpr VerbEntry kVerbs[] = {
    {"dev", "a whole cluster on this machine: one master, some agents",
     "  shoal dev\n  shoal dev --agents 5 --listen 127.0.0.1:0 --ready-file /tmp/ready.json",
     define_dev},
    {"master", "the daemon that decides",
     "  shoal master --listen 127.0.0.1:7070 --data /var/lib/shoal/master", define_master},
    {"agent", "the daemon that runs tasks on a machine",
     "  shoal agent --master 127.0.0.1:7070 --data /var/lib/shoal/agent --attributes 'rack:a'",
     define_agent},
    {"run", "run a command on the cluster and see its output",
     "  shoal run -- echo hello\n  shoal run --cpus 1 --mem 256 --instances 4 -- ./job.sh --fast\n"
     "  shoal run --role ads --constraint 'rack!=a' --volume data -- ls data",
     define_run},
    {"tasks", "tasks, running and ended",
     "  shoal tasks\n  shoal tasks echo-3fa91c\n  shoal tasks -o json | jq '.[].state'",
     define_tasks},
    {"agents", "agents and what they have", "  shoal agents\n  shoal agents -o name",
     define_agents},
    {"frameworks", "frameworks: who uses the cluster", "  shoal frameworks", define_frameworks},
    {"offers", "offers that wait for an answer", "  shoal offers", define_offers},
    {"roles", "roles: weights, quotas, and who has what",
     "  shoal roles\n  shoal roles eng/ads -o json", define_roles},
    {"masters", "masters: who leads, and who stands by",
     "  shoal masters\n  shoal masters -o json | jq -r '.[] | select(.state==\"leader\").address'",
     define_masters},
    {"step-down", "the leading master hands over to another", "  shoal step-down",
     define_step_down},
    {"explain", "why a framework has no offer",
     "  shoal explain --framework f-00c0ffee00c0ffee 'cpus:4;mem:1024'\n"
     "  shoal explain --framework 'run job.sh' --role ads -o json",
     define_explain},
    {"events", "every change of the cluster, as it happens",
     "  shoal events -f\n  shoal events -f --types agent,framework\n"
     "  shoal events --task echo-3fa91c -o jsonl",
     define_events},
    {"logs", "what a task wrote", "  shoal logs -f echo-3fa91c\n  shoal logs --stderr echo-3fa91c",
     define_logs},
    {"files", "the files of a task's sandbox",
     "  shoal files echo-3fa91c\n  shoal files echo-3fa91c out/result.csv --cat > result.csv",
     define_files},
    {"top", "what machines and tasks use", "  shoal top\n  shoal top -o json | jq '.tasks[0]'",
     define_top},
    {"kill", "end a task", "  shoal kill echo-3fa91c\n  shoal kill --grace 10s echo-3fa91c",
     define_kill},
    {"teardown", "end a framework and its tasks", "  shoal teardown f-00c0ffee00c0ffee",
     define_teardown},
    {"wait", "until something is in a state: task, agent, framework", "", nullptr},
    {"quota", "limits and guarantees of roles: get, set, remove", "", nullptr},
    {"weight", "how much of the cluster a role gets: get, set", "", nullptr},
    {"drain", "end an agent's tasks, and offer nothing of it",
     "  shoal drain node-7 --max-grace 10m\n  shoal drain node-7 --mark-gone --no-wait",
     define_drain},
    {"deactivate", "offer nothing of an agent; its tasks run on", "  shoal deactivate node-7",
     define_deactivate},
    {"reactivate", "offer an agent again", "  shoal reactivate node-7", define_reactivate},
    {"gone", "declare an agent dead for good", "  shoal gone node-7", define_gone},
    {"reserve", "keep resources of an agent for a role",
     "  shoal reserve node-7 --role ads 'cpus:4;mem:1024;disk:500'\n"
     "  shoal reserve a-00c0ffee00c0ffee --role ads --label purpose=db --principal ops 'cpus:2'",
     define_reserve},
    {"unreserve", "give a reservation up",
     "  shoal unreserve node-7 --role ads 'cpus:4'\n"
     "  shoal unreserve node-7 'cpus(ads,dynamic):4'",
     define_unreserve},
    {"volume", "disk that outlives tasks: list, create, destroy, grow, shrink", "", nullptr},
    {"registry", "what a master keeps on disk: dump, check, backup, restore", "", nullptr},
    {"swarm", "many simulated agents for a master",
     "  shoal swarm --master 127.0.0.1:7070 --agents 10000\n"
     "  shoal swarm --agents 1000 --task-duration exp:30s --disconnect 10%/min",
     define_swarm},
    {"bench", "how fast: agents, launch, offer-latency, churn, compare, alloc", "", nullptr},
    {"debug", "for those who look for a mistake: bundle", "", nullptr},
    {"config", "settings from files and the environment: check, dump", "", nullptr},
    {"completion", "words at a TAB: a script for bash, zsh or fish",
     "  source <(shoal completion bash)\n  shoal completion fish | source", define_completion},
    {"version", "what this program is", "  shoal version\n  shoal version -o json", define_version},
    {"help", "this list, or everything about one verb", "  shoal help run", nullptr},
};

constexpr VerbEntry kActions[] = {
    {"wait task", "until a task is in a state",
     "  shoal wait task echo-3fa91c --for ended\n"
     "  shoal wait task echo-3fa91c --for running --timeout 30s",
     define_wait_task},
    {"wait agent", "until an agent is in a state",
     "  shoal wait agent node-7 --for drained --timeout 10m\n"
     "  shoal wait agent node-7 --for unreachable,removed",
     define_wait_agent},
    {"wait framework", "until a framework is in a state",
     "  shoal wait framework 'run job.sh' --for completed", define_wait_framework},
    {"quota get", "limits and guarantees", "  shoal quota get\n  shoal quota get ads -o json",
     define_quota_get},
    {"quota set", "limit a role, or keep something free for it",
     "  shoal quota set ads --limit 'cpus:10;mem:4096'\n"
     "  shoal quota set ads --guarantee 'cpus:2' --force",
     define_quota_set},
    {"quota remove", "no limit and no guarantee any more", "  shoal quota remove ads",
     define_quota_remove},
    {"weight get", "the weights of roles", "  shoal weight get", define_weight_get},
    {"weight set", "change a role's weight; 'set' may be left out",
     "  shoal weight ads 2.5\n  shoal weight set get 1", define_weight_set},
    {"volume list", "volumes and where they are", "  shoal volume list", define_volume_list},
    {"volume create", "make a volume of a role's reserved disk",
     "  shoal volume create node-7 --role ads --id data --size 100 --path data",
     define_volume_create},
    {"volume destroy", "delete a volume and its data; the disk stays reserved",
     "  shoal volume destroy node-7 --id data", define_volume_destroy},
    {"volume grow", "add reserved disk to a volume", "  shoal volume grow node-7 --id data --by 50",
     define_volume_grow},
    {"volume shrink", "take disk off a volume", "  shoal volume shrink node-7 --id data --by 50",
     define_volume_shrink},
    {"registry dump", "what is in it",
     "  shoal registry dump --data /var/lib/shoal\n"
     "  shoal registry dump --file backup.db -o json",
     define_registry_dump},
    {"registry check", "whether it is sound", "  shoal registry check --data /var/lib/shoal",
     define_registry_check},
    {"registry backup", "copy it, also while a master runs",
     "  shoal registry backup --data /var/lib/shoal backup.db", define_registry_backup},
    {"registry restore", "put a backup in its place; no master may run",
     "  shoal registry restore --data /var/lib/shoal backup.db", define_registry_restore},
    {"debug bundle", "what masters and agents say of themselves, in one file",
     "  shoal debug bundle\n  shoal debug bundle -o /tmp/bundle.tar.gz --agents 10",
     define_debug_bundle},
    {"config check", "all mistakes in the configuration, at once",
     "  shoal config check\n  shoal config check --config ./shoal.toml", define_config_check},
    {"config dump", "the settings that hold, and who says so",
     "  shoal config dump master\n  shoal config dump agent -o json\n"
     "  shoal config dump master -- --reactors 4",
     define_config_dump},
    {"bench agents", "register agents, then watch them",
     "  shoal bench agents --agents 100000 --duration 60s", define_bench_agents},
    {"bench launch", "launches a second, and how long one takes",
     "  shoal bench launch --agents 10000 --duration 60s\n"
     "  shoal bench launch --agents 10000 --batch 16 -o json\n"
     "  shoal bench launch --agents 1000 --rate 5000 --report /tmp/report",
     define_bench_launch},
    {"bench offer-latency", "from free resources to the offer",
     "  shoal bench offer-latency --agents 10000 --rate 200", define_bench_offer_latency},
    {"bench churn", "launches while agents die and connections break",
     "  shoal bench churn --agents 1000 --disconnect 50%/min", define_bench_churn},
    {"bench failover", "kills the master that leads, and measures how the cluster goes on",
     "  shoal bench failover --agents 1000 --tasks-per-agent 10", define_bench_failover},
    {"bench state", "reads the whole state while tasks are launched",
     "  shoal bench state --agents 10000 --tasks 200000 --rate 5000", define_bench_state},
    {"bench events", "subscribers to events while tasks are launched",
     "  shoal bench events --subscribers 100\n  shoal bench events --agents 10000 --rate 5000",
     define_bench_events},
    {"bench compare", "two builds, in turn; fails when the second is worse",
     "  shoal bench compare ./shoal-before ./shoal-after\n"
     "  shoal bench compare --figure launch_to_running_us.p99 --threshold 10% ./a ./b -- launch "
     "--agents 100 --rate 1000",
     define_bench_compare},
    {"bench alloc", "the same bench under several mallocs",
     "  shoal bench alloc\n  shoal bench alloc --figure master_cpu_s -- launch --rate 5000",
     define_bench_alloc},
};

const VerbEntry* find_verb(std::string_view name) {
  for (const VerbEntry& entry : kVerbs) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const VerbEntry& entry : kVerbs) names.emplace_back(entry.name);
  return names;
}

const VerbEntry* find_action(std::string_view group, std::string_view name) {
  for (const VerbEntry& entry : kActions) {
    if (is_action_of(entry, group) && entry.name.substr(group.size() + 1) == name) return &entry;
  }
  return nullptr;
}

std::vector<std::string> action_names(std::string_view group) {
  std::vector<std::string> names;
  for (const VerbEntry& entry : kActions) {
    if (is_action_of(entry, group)) names.emplace_back(entry.name.substr(group.size() + 1));
  }
  return names;
}

ParsedCommand says(int exit_code, std::string text) {
  ParsedCommand parsed;
  parsed.exit_code = exit_code;
  parsed.text = std::move(text);
  return parsed;
}

ParsedCommand usage_error(const std::string& message, const std::string& hint) {
  return says(kExitUsage, fmt::format("shoal: {}\n{}\n", message, hint));
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
  if (text.find(" required ") != std::string::npos && text.ends_with(" missing")) {
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

// What some verbs take after "--"; the flags library never sees it.
bool takes_command(std::string_view verb) {
  return verb == "run" || verb == "bench compare" || verb == "bench alloc" || verb == "config dump";
}

std::vector<std::string> take_command(std::vector<std::string>& words, std::string_view verb) {
  if (!takes_command(verb)) return {};
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (dashes == words.end()) return {};
  std::vector<std::string> command(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return command;
}

// What surrounds the words.
struct Context {
  std::string_view default_master;
  const SettingsSources& sources;
};

// One verb's flags, ready to take words.
struct VerbFlags {
  VerbFlags(const VerbEntry& verb, const Context& context)
      : entry(verb),
        app(std::string(verb.about), "shoal " + std::string(verb.name)),
        parser(app, context.default_master) {
    parser.sources = &context.sources;
    app.set_help_flag("-h,--help", "this text");
    app.footer(fmt::format("Example:\n{}", entry.example));
    finish = entry.define(parser);
  }

  ParsedCommand error(const std::string& message) const {
    return usage_error(fmt::format("{}: {}", entry.name, message),
                       fmt::format("Try: shoal {} --help", entry.name));
  }

  // nullopt: all is well so far.
  std::optional<ParsedCommand> take(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // as the library wants them
    try {
      app.parse(words);
    } catch (const CLI::CallForHelp&) {
      return says(kExitOk, help_of(app, entry.name));
    } catch (const CLI::ExtrasError&) {
      return error(explain_extra(app, entry.name, app.remaining()));
    } catch (const CLI::ParseError& parse_error) {
      return error(explain_parse_error(parse_error.what()));
    }
    return std::nullopt;
  }

  const VerbEntry& entry;
  CLI::App app;
  Parser parser;
  Finish finish;
};

// What files and the environment say of the verb's flags.
Settings settings_for(const VerbFlags& typed, std::string_view section,
                      const std::vector<std::string>& words) {
  SettingsRequest request;
  const CLI::Option* file = typed.app.get_option_no_throw("--config");
  if (file == nullptr) request.only = section;
  if (file != nullptr && file->count() > 0) request.file = typed.parser.config;
  // Words of a client verb are more than the section knows.
  const bool is_own = typed.entry.name == section;
  return load_settings(*typed.parser.sources, request,
                       flags_schema(section, is_own ? words : std::vector<std::string>()));
}

ParsedCommand parse_verb(const VerbEntry& entry, std::vector<std::string> words,
                         const Context& context) {
  std::vector<std::string> command = take_command(words, entry.name);
  VerbFlags flags(entry, context);
  Settings settings;
  std::vector<std::string> given;
  if (const std::string_view section = section_of_verb(entry.name); !section.empty()) {
    // First what was typed: whether settings are read, and which, depends on it.
    VerbFlags typed(entry, context);
    for (CLI::Option* option : typed.app.get_options()) option->required(false);
    if (auto ended = typed.take(words)) {
      if (ended->exit_code == kExitOk) ended->text = help_of(flags.app, entry.name);
      return *ended;
    }
    settings = settings_for(typed, section, words);
    if (!settings.mistakes.empty()) {
      return says(kExitUsage, mistakes_to_text(settings.mistakes));
    }
    given = given_flags(typed.app);
    std::vector<std::string> more = words_of(settings, section, typed.app, given);
    words.insert(words.begin(), more.begin(), more.end());
    flags.parser.format_is_a_wish = std::find(given.begin(), given.end(), "output") == given.end();
  }
  if (auto ended = flags.take(std::move(words))) return *ended;
  flags.parser.command = std::move(command);
  absl::StatusOr<Verb> verb = flags.finish(flags.parser);
  if (!verb.ok()) return flags.error(std::string(core::message_of(verb.status())));
  return {*std::move(verb), kExitOk, "", std::move(settings), std::move(given)};
}

std::string group_help(const VerbEntry& group) {
  std::string text =
      fmt::format("{}\nUsage: shoal {} ACTION [OPTIONS]\n\n", group.about, group.name);
  std::string examples;
  for (const VerbEntry& entry : kActions) {
    if (!is_action_of(entry, group.name)) continue;
    text += fmt::format("  {:<8} {}\n", entry.name.substr(group.name.size() + 1), entry.about);
    examples += fmt::format("{}\n", entry.example);
  }
  return text + fmt::format("\n`shoal {} ACTION --help` tells more.\n\nExample:\n{}", group.name,
                            examples);
}

ParsedCommand parse_group(const VerbEntry& group, std::vector<std::string> words,
                          const Context& context) {
  const std::string hint = fmt::format("Try: shoal {} --help", group.name);
  const std::vector<std::string> names = action_names(group.name);
  if (words.empty()) {
    return usage_error(fmt::format("{}: what? One of {}", group.name, fmt::join(names, ", ")),
                       hint);
  }
  const std::string word = words.front();
  if (word == "-h" || word == "--help") return says(kExitOk, group_help(group));
  if (const VerbEntry* action = find_action(group.name, word); action != nullptr) {
    words.erase(words.begin());
    return parse_verb(*action, std::move(words), context);
  }
  // `shoal weight ROLE WEIGHT`
  if (group.name == "weight" && words.size() > 1) {
    return parse_verb(*find_action(group.name, "set"), std::move(words), context);
  }
  std::string message = fmt::format("{}: '{}' is none of {}", group.name, core::printable(word),
                                    fmt::join(names, ", "));
  const std::string near = nearest(word, names);
  if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
  return usage_error(message, hint);
}

ParsedCommand parse_entry(const VerbEntry& entry, std::vector<std::string> words,
                          const Context& context) {
  if (entry.define == nullptr) return parse_group(entry, std::move(words), context);
  return parse_verb(entry, std::move(words), context);
}

}  // namespace

absl::Span<const VerbEntry> all_verbs() { return kVerbs; }
absl::Span<const VerbEntry> all_actions() { return kActions; }

bool is_action_of(const VerbEntry& action, std::string_view group) {
  return action.name.starts_with(group) && action.name.substr(group.size()).starts_with(' ');
}

std::string overview() {
  std::string text = "Usage: shoal VERB [OPTIONS]\n\n";
  for (const VerbEntry& entry : kVerbs)
    text += fmt::format("  {:<11} {}\n", entry.name, entry.about);
  text +=
      "\nThe master is taken from --master, then SHOAL_MASTER, then the\n"
      "configuration (docs/CONFIGURATION.md), then 127.0.0.1:7070.\n"
      "Ends with 0 ok, 1 failed, 2 usage, 3 not found, 4 master unreachable, 6 timed out;\n"
      "`run` passes the command's own code on.\n"
      "`shoal help VERB` tells more. A first look: shoal dev, then shoal run -- echo hello\n";
  return text;
}

ParsedCommand parse_command_line(const std::vector<std::string>& words,
                                 std::string_view default_master, const SettingsSources& sources) {
  const Context context{default_master, sources};
  if (words.empty()) {
    return says(kExitUsage, "shoal: no verb\n" + overview());
  }
  const std::string& word = words.front();
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (word == "--version") return parse_command_line({"version"}, default_master, sources);
  if (word == "-h" || word == "--help" || word == "help") {
    const bool of_verb = word == "help" && !rest.empty() && rest.front() != "help" &&
                         rest.front() != "-h" && rest.front() != "--help";
    if (!of_verb) return says(kExitOk, overview());
    const VerbEntry* of = find_verb(rest.front());
    if (of == nullptr) return unknown_verb(rest.front());
    std::vector<std::string> question(rest.begin() + 1, rest.end());
    if (of->define != nullptr) question.clear();
    question.emplace_back("--help");
    return parse_entry(*of, std::move(question), context);
  }
  const VerbEntry* entry = find_verb(word);
  if (entry == nullptr) {
    if (word.starts_with('-')) {
      return usage_error(fmt::format("unknown flag '{}' before a verb", core::printable(word)),
                         "Try: shoal help");
    }
    return unknown_verb(word);
  }
  return parse_entry(*entry, rest, context);
}

}  // namespace shoal::cli
