// `shoal run`: words to options.
#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <tuple>
#include <utility>

#include "cli/constraint.h"
#include "cli/duration.h"
#include "cli/flag_parser.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/role.h"

namespace shoal::cli {
namespace {

struct RunTexts {
  RunVerb verb;
  std::string cpus = "0.5";
  std::string mem = "64";
  std::string disk = "0";
  std::string gpus = "0";
  std::string ports = "0";
  std::string instances = "1";
  std::string timeout;
  std::string max_completion_time;
  std::string network = "host";
  std::vector<std::string> environment;
  std::vector<std::string> constraints;
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

absl::Status finish_run_constraints(RunTexts& texts) {
  for (const std::string& text : texts.constraints) {
    auto constraint = parse_constraint(text);
    if (!constraint.ok()) {
      return core::invalid("--constraint: {}", core::message_of(constraint.status()));
    }
    constraint->role = texts.verb.role;
    texts.verb.constraints.push_back(*std::move(constraint));
  }
  if (texts.verb.constraints.size() <= core::kMaxOfferConstraints) return absl::OkStatus();
  return core::invalid("--constraint: at most {} of them", core::kMaxOfferConstraints);
}

absl::Status finish_run_volumes(const RunTexts& texts) {
  for (const std::string& volume : texts.verb.volumes) {
    if (auto ok = core::check_name(volume, "--volume"); !ok.ok()) return ok;
  }
  if (texts.verb.volumes.empty() || texts.verb.role != core::kDefaultRole) return absl::OkStatus();
  return core::invalid("--volume: volumes belong to roles; say which with --role");
}

absl::Status finish_run_isolation(const RunTexts& texts, RunVerb& verb) {
  for (const std::string& path : verb.read_only) {
    if (path.starts_with('/')) continue;
    return core::invalid("--read-only: '{}' does not begin with /", core::printable(path));
  }
  verb.no_network = texts.network == "none";
  if (verb.no_network || texts.network == "host") return absl::OkStatus();
  return core::invalid("--network: '{}' is neither host nor none", core::printable(texts.network));
}

absl::Status finish_run_times(const RunTexts& texts, RunVerb& verb) {
  if (!texts.timeout.empty()) {
    const auto timeout = parse_duration(texts.timeout);
    if (!timeout.ok()) return core::invalid("--timeout: {}", core::message_of(timeout.status()));
    verb.timeout = *timeout;
  }
  if (texts.max_completion_time.empty()) return absl::OkStatus();
  const auto most = parse_duration(texts.max_completion_time);
  if (!most.ok()) {
    return core::invalid("--max-completion-time: {}", core::message_of(most.status()));
  }
  if (*most < std::chrono::milliseconds(1) || *most > core::kMaxRefuse) {
    return core::invalid("--max-completion-time: {} is not from 1ms to {}",
                         texts.max_completion_time, duration_to_string(core::kMaxRefuse));
  }
  verb.max_completion_time = *most;
  return absl::OkStatus();
}

absl::StatusOr<Verb> finish_run(RunTexts& texts, Parser& parsed) {
  RunVerb& verb = texts.verb;
  verb.master = parsed.master;
  if (auto ok = check_masters(verb.master); !ok.ok()) return ok;
  if (auto ok = check_role_flag("--role", verb.role, true); !ok.ok()) return ok;
  verb.command = parsed.command;
  if (verb.command.empty()) {
    return core::invalid("no command: write it after --, as in: shoal run -- echo hello");
  }
  if (verb.command.front().empty()) return core::invalid("the command is empty");
  if (auto ok = finish_run_resources(texts); !ok.ok()) return ok;
  if (auto ok = finish_run_constraints(texts); !ok.ok()) return ok;
  if (auto ok = finish_run_volumes(texts); !ok.ok()) return ok;
  auto environment = parse_pairs("--env", texts.environment);
  if (!environment.ok()) return environment.status();
  verb.environment = *std::move(environment);
  const auto instances = parse_count<std::uint32_t>("--instances", texts.instances, 1, 100'000);
  if (!instances.ok()) return instances.status();
  verb.instances = *instances;
  if (auto ok = finish_run_times(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_run_isolation(texts, verb); !ok.ok()) return ok;
  // The name becomes the front of the task ids, which have at most kMaxIdBytes.
  if (!verb.name.empty()) {
    if (auto ok = core::check_name(verb.name, "--name"); !ok.ok()) return ok;
    if (verb.name.size() > 80) return core::invalid("--name: at most 80 characters");
  }
  return verb;
}

}  // namespace

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
  app.add_option("--user", texts->verb.user,
                 "name or uid the command runs as (else as the agent says)");
  app.add_option("--read-only", texts->verb.read_only,
                 "a folder or file of the machine that the command cannot change; / is all but "
                 "its sandbox and volumes; may be repeated")
      ->type_name("PATH")
      ->expected(1)
      ->take_all();
  app.add_option("--network", texts->network, "host, the machine's, or none, loopback alone")
      ->type_name("host|none")
      ->capture_default_str();
  app.add_option("--role", texts->verb.role, "whose share of the cluster is used")
      ->capture_default_str();
  app.add_option("--constraint", texts->constraints,
                 "only on such agents: 'rack=a', 'rack!=a', 'rack~REGEX', 'rack!~REGEX', 'rack', "
                 "'!rack', or with @hostname, @region, @zone; all must hold")
      ->expected(1)
      ->take_all();
  app.add_option("--volume", texts->verb.volumes,
                 "a volume of the role, by its id; may be repeated")
      ->expected(1)
      ->take_all();
  app.add_option("--timeout", texts->timeout,
                 "kill it after this long, and end with 6 (as 90s, 5m)");
  app.add_option("--max-completion-time", texts->max_completion_time,
                 "the agent kills an instance that runs longer, also when nobody waits for it; "
                 "it has failed, and run ends with 6");
  app.add_flag("--wait", texts->verb.wait,
               "wait for another agent when none here could ever hold it");
  return [texts](Parser& parsed) { return finish_run(*texts, parsed); };
}

}  // namespace shoal::cli
