// Flags of the verbs that serve: master, agent, dev.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "agent/agent_options.h"
#include "agent/cgroup.h"
#include "agent/isolation.h"
#include "cli/duration.h"
#include "cli/flag_parser.h"
#include "cli/rate_limits_option.h"
#include "cli/resources_option.h"
#include "core/limits.h"
#include "core/log_line.h"
#include "core/quantities.h"
#include "core/role.h"
#include "core/status.h"
#include "core/text.h"
#include "master/etcd_limits.h"
#include "master/etcd_target.h"
#include "master/registry_watch.h"

namespace shoal::cli {
namespace {

// A watch that never sleeps helps nobody.
constexpr core::Duration kMinPatience = std::chrono::milliseconds(10);
constexpr core::Duration kMinBusyLag = std::chrono::milliseconds(10);
constexpr core::Duration kMinInterval = std::chrono::seconds(1);
constexpr core::Duration kMinSessionTimeout = std::chrono::seconds(3);
constexpr core::Duration kMaxSessionTimeout = std::chrono::minutes(10);
constexpr core::Duration kMinRegistryGc = std::chrono::seconds(1);
constexpr core::Duration kMaxRegistryGc = std::chrono::hours(24);
constexpr core::Duration kMaxAgentAge = std::chrono::hours(24 * 365 * 10);
constexpr std::uint32_t kMaxAgentCount = 1'000'000;

// "eu/a1" -> eu, a1.
absl::Status parse_domain(const std::string& text, std::string* region, std::string* zone) {
  if (text.empty()) return absl::OkStatus();
  const std::size_t slash = text.find('/');
  *region = text.substr(0, slash);
  *zone = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (const absl::Status ok = agent::check_domain(*region, *zone); !ok.ok()) {
    return core::invalid("--domain: '{}' is not REGION/ZONE: {}", core::printable(text),
                         core::message_of(ok));
  }
  return absl::OkStatus();
}

struct LogTexts {
  std::string format = "text";
  std::string levels = "info";
};

void add_log_options(CLI::App& app, LogTexts& texts) {
  app.add_option("--log-format", texts.format, "lines for people (text) or for machines (json)")
      ->type_name("text|json")
      ->capture_default_str();
  app.add_option("--log-level", texts.levels,
                 "debug, info, warn, error or off; of a module as 'warn,net=debug'")
      ->capture_default_str();
}

struct AgentTexts {
  AgentVerb verb;
  LogTexts log;
  std::string domain;
  std::string recover = "reconnect";
  std::string on_stop = "keep";
  std::string max_pids = std::to_string(agent::kDefaultMaxPids);
  std::string gc_delay = "7d";
  std::string gc_headroom = "0.1";
  std::string disk_watch = "1m";
  std::string log_max = "0";
  std::string disk_quota_interval = "15s";
  std::string usage_interval = "30s";
};

absl::Status check_isolation(const std::string& text) {
  const auto switches = agent::parse_isolation(text);
  if (switches.ok()) return absl::OkStatus();
  return core::invalid("--isolation: {}", core::message_of(switches.status()));
}

// One of two words: whether it is the second.
absl::StatusOr<bool> parse_choice(std::string_view flag, const std::string& text,
                                  std::string_view first, std::string_view second) {
  if (text == first || text == second) return text == second;
  return core::invalid("{}: '{}' is neither {} nor {}", flag, core::printable(text), first, second);
}

absl::Status finish_log(const LogTexts& texts, LogVerb& verb) {
  const auto is_json = parse_choice("--log-format", texts.format, "text", "json");
  if (!is_json.ok()) return is_json.status();
  verb.is_json = *is_json;
  verb.levels = texts.levels;
  core::LogLevels levels{};
  if (auto ok = core::parse_log_levels(texts.levels, levels); !ok.ok()) {
    return core::invalid("--log-level: {}", core::message_of(ok));
  }
  return absl::OkStatus();
}

absl::StatusOr<core::Duration> parse_time(std::string_view flag, const std::string& text) {
  const absl::StatusOr<core::Duration> time = parse_duration(text);
  if (!time.ok()) return core::invalid("{}: {}", flag, core::message_of(time.status()));
  return *time;
}

// Between two looks at something that is not to be looked at all the time.
absl::StatusOr<core::Duration> parse_interval(std::string_view flag, const std::string& text) {
  auto interval = parse_time(flag, text);
  if (!interval.ok()) return interval.status();
  if (*interval < kMinInterval) {
    return core::invalid("{}: {} is too short; the least is 1s", flag, text);
  }
  return interval;
}

// "10MiB", "512KiB", "1GiB", or bytes.
absl::StatusOr<std::uint64_t> parse_bytes(std::string_view flag, const std::string& text) {
  std::string_view digits = text;
  int shift = 0;
  for (const auto& [unit, bits] :
       {std::pair<std::string_view, int>{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}) {
    if (!digits.ends_with(unit)) continue;
    digits.remove_suffix(unit.size());
    shift = bits;
    break;
  }
  std::uint64_t count = 0;
  if (core::parse_int(digits, &count) && count <= (std::uint64_t{1} << 50) >> shift) {
    return count << shift;
  }
  return core::invalid("{}: '{}' is not a size such as 10MiB, 512KiB or 1GiB", flag,
                       core::printable(text));
}

// What bounds the disk that sandboxes take.
absl::Status finish_disk(const AgentTexts& texts, AgentVerb& verb) {
  const auto delay = parse_time("--gc-delay", texts.gc_delay);
  if (!delay.ok()) return delay.status();
  verb.gc_delay = *delay;
  const auto headroom = core::parse_milli(texts.gc_headroom);
  if (!headroom.ok() || *headroom < 0 || *headroom > 1000) {
    return core::invalid("--gc-disk-headroom: '{}' is not a number from 0 to 1",
                         core::printable(texts.gc_headroom));
  }
  verb.gc_disk_headroom = static_cast<double>(*headroom) / 1000;
  const auto watch = parse_interval("--disk-watch-interval", texts.disk_watch);
  if (!watch.ok()) return watch.status();
  verb.disk_watch_interval = *watch;
  const auto log_max = parse_bytes("--log-max-size", texts.log_max);
  if (!log_max.ok()) return log_max.status();
  if (*log_max != 0 && *log_max < agent::kMinLogMaxBytes) {
    return core::invalid("--log-max-size: {} is too small; the least is 64KiB", texts.log_max);
  }
  verb.log_max_bytes = *log_max;
  const auto measured = parse_interval("--disk-quota-interval", texts.disk_quota_interval);
  if (!measured.ok()) return measured.status();
  verb.disk_quota_interval = *measured;
  return absl::OkStatus();
}

absl::Status finish_usage(AgentTexts& texts, AgentVerb& verb) {
  if (texts.usage_interval == "0" || texts.usage_interval == "0s") {
    verb.usage_interval = core::Duration{0};
    return absl::OkStatus();
  }
  const auto interval = parse_interval("--usage-interval", texts.usage_interval);
  if (!interval.ok()) return interval.status();
  verb.usage_interval = *interval;
  return absl::OkStatus();
}

absl::StatusOr<Verb> finish_agent(AgentTexts& texts, Parser& parsed) {
  AgentVerb& verb = texts.verb;
  verb.master = parsed.master;
  if (auto ok = check_masters(verb.master); !ok.ok()) return ok;
  if (auto ok = check_address("--listen", verb.listen); !ok.ok()) return ok;
  if (verb.data_dir.empty()) return core::invalid("--data: the folder's name is empty");
  auto resources = read_resources_option(verb.resources);
  if (!resources.ok()) return resources.status();
  verb.resources = *std::move(resources);
  if (auto ok = core::check_role(verb.default_role); !ok.ok()) {
    return core::invalid("--default-role: {}", core::message_of(ok));
  }
  if (const auto lent = agent::parse_oversubscription(verb.oversubscribe); !lent.ok()) {
    return core::invalid("--oversubscribe: {}", core::message_of(lent.status()));
  }
  if (auto ok = parse_domain(texts.domain, &verb.region, &verb.zone); !ok.ok()) return ok;
  const auto cleans_up = parse_choice("--recover", texts.recover, "reconnect", "cleanup");
  if (!cleans_up.ok()) return cleans_up.status();
  verb.cleans_up = *cleans_up;
  const auto kills_tasks = parse_choice("--on-stop", texts.on_stop, "keep", "kill");
  if (!kills_tasks.ok()) return kills_tasks.status();
  verb.kills_tasks = *kills_tasks;
  if (auto ok = check_isolation(verb.isolation); !ok.ok()) return ok;
  if (auto ok = agent::check_cgroup_root(verb.cgroup_root); !ok.ok()) {
    return core::invalid("--cgroup-root: {}", core::message_of(ok));
  }
  const auto pids = parse_count<std::uint32_t>("--max-pids-per-task", texts.max_pids, 0, 4'194'304);
  if (!pids.ok()) return pids.status();
  verb.max_pids_per_task = *pids;
  if (auto ok = finish_disk(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_usage(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_log(texts.log, verb.log); !ok.ok()) return ok;
  return verb;
}

// "cpus:0.01|mem:32": an offer holds one of these.
absl::Status parse_minimums(const std::string& text, std::vector<core::Quantities>& minimums) {
  for (const std::string_view part : core::split(text, '|')) {
    const absl::StatusOr<core::Quantities> minimum = core::parse_quantities(part);
    if (!minimum.ok()) {
      return core::invalid("--min-allocatable: {}", core::message_of(minimum.status()));
    }
    if (minimum->empty()) return core::invalid("--min-allocatable: a part of it asks for nothing");
    minimums.push_back(*minimum);
  }
  return absl::OkStatus();
}

// "gpus,disk": kinds that do not count in shares.
absl::Status parse_excluded(const std::string& text,
                            std::array<bool, core::kResourceKinds>& excluded) {
  if (text.empty()) return absl::OkStatus();
  for (const std::string_view name : core::split(text, ',')) {
    const auto kind = std::find(core::kResourceNames.begin(), core::kResourceNames.end(), name);
    if (kind == core::kResourceNames.end()) {
      return core::invalid("--fair-share-exclude: '{}' is none of cpus, mem, disk and gpus",
                           core::printable(name));
    }
    excluded[static_cast<std::size_t>(kind - core::kResourceNames.begin())] = true;
  }
  return absl::OkStatus();
}

struct MasterTexts {
  MasterVerb verb;
  LogTexts log;
  std::string reactors = "0";
  std::string offer_timeout = "60s";
  std::string offer_patience = "100ms";
  std::string minimums = "cpus:0.01|mem:32";
  std::string excluded;
  std::string sorter = "drf";
  std::string domain;
  std::string fd_tables = "shared";
  std::string lease = "3s";
  std::string registry_store_timeout = "30s";
  std::string registry_gc_interval = "15m";
  std::string registry_max_agent_age = "14d";
  std::string registry_max_agent_count = "102400";
  std::string session_timeout = "15s";
  std::string agent_reregister_timeout = "75s";
  std::string agent_removal_limit = "50%";
  std::string recovery_removal_limit = "50%";
  std::string agent_removal_rate = "100/s";
  std::string rate_limits;
  std::string busy_lag = "2s";
};

// "100/s", "1/10min": the time between two. "off": none.
absl::StatusOr<core::Duration> parse_removal_rate(const std::string& text) {
  if (text == "off") return core::Duration::zero();
  const auto bad = [&text] {
    return core::invalid("--agent-removal-rate: '{}' is neither off nor like 100/s or 1/10m",
                         core::printable(text));
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return bad();
  const auto count = parse_count<std::uint32_t>("", text.substr(0, slash), 1, 1'000'000);
  std::string period = text.substr(slash + 1);
  if (!period.empty() && std::isalpha(static_cast<unsigned char>(period[0])) != 0) {
    period.insert(0, "1");
  }
  const auto time = parse_duration(period);
  if (!count.ok() || !time.ok() || *time <= core::Duration::zero()) return bad();
  return *time / *count;
}

absl::StatusOr<std::uint32_t> parse_percent(const char* flag, const std::string& text) {
  const bool has_sign = text.ends_with('%');
  const auto value = parse_count<std::uint32_t>(
      flag, has_sign ? text.substr(0, text.size() - 1) : "", 0, std::uint32_t{100});
  if (value.ok()) return *value;
  return core::invalid("{}: '{}' is not 0% to 100%", flag, core::printable(text));
}

// When peers that are silent are cut off, and agents that do not come back given up.
absl::Status finish_removals(const MasterTexts& texts, MasterVerb& verb) {
  const auto silence = parse_time("--session-timeout", texts.session_timeout);
  if (!silence.ok()) return silence.status();
  if (*silence < kMinSessionTimeout || *silence > kMaxSessionTimeout) {
    return core::invalid("--session-timeout: {} is not 3s to 10m", texts.session_timeout);
  }
  verb.session_timeout = *silence;
  const auto timeout = parse_time("--agent-reregister-timeout", texts.agent_reregister_timeout);
  if (!timeout.ok()) return timeout.status();
  verb.agent_reregister_timeout = *timeout;
  const auto limit = parse_percent("--agent-removal-limit", texts.agent_removal_limit);
  if (!limit.ok()) return limit.status();
  verb.removals.silent_percent = *limit;
  const auto recovery = parse_percent("--recovery-removal-limit", texts.recovery_removal_limit);
  if (!recovery.ok()) return recovery.status();
  verb.removals.recovery_percent = *recovery;
  const auto interval = parse_removal_rate(texts.agent_removal_rate);
  if (!interval.ok()) return interval.status();
  verb.removals.interval = *interval;
  return absl::OkStatus();
}

// What protects it from more than it can do.
absl::Status finish_protection(const MasterTexts& texts, MasterVerb& verb) {
  auto limits = read_rate_limits_option(texts.rate_limits);
  if (!limits.ok()) return limits.status();
  verb.rate_limits = *std::move(limits);
  if (texts.busy_lag == "off") return absl::OkStatus();
  const auto lag = parse_time("--busy-lag", texts.busy_lag);
  if (!lag.ok()) return lag.status();
  if (*lag < kMinBusyLag || *lag > core::kSessionTimeout) {
    return core::invalid("--busy-lag: {} is neither off nor 10ms to 15s",
                         core::printable(texts.busy_lag));
  }
  verb.busy_lag = *lag;
  return absl::OkStatus();
}

absl::StatusOr<core::Duration> parse_time_between(const char* flag, const std::string& text,
                                                  core::Duration least, core::Duration most,
                                                  const char* bounds) {
  auto time = parse_time(flag, text);
  if (!time.ok() || (*time >= least && *time <= most)) return time;
  return core::invalid("{}: {} is not {}", flag, core::printable(text), bounds);
}

// What the registry forgets, and how long its store may take.
absl::Status finish_registry(const MasterTexts& texts, MasterVerb& verb) {
  const auto interval = parse_time_between("--registry-gc-interval", texts.registry_gc_interval,
                                           kMinRegistryGc, kMaxRegistryGc, "1s to 24h");
  if (!interval.ok()) return interval.status();
  verb.registry_gc.interval = *interval;
  const auto age = parse_time_between("--registry-max-agent-age", texts.registry_max_agent_age,
                                      kMinRegistryGc, kMaxAgentAge, "1s to ten years");
  if (!age.ok()) return age.status();
  verb.registry_gc.max_agent_age = *age;
  const auto count = parse_count<std::uint32_t>("--registry-max-agent-count",
                                                texts.registry_max_agent_count, 1, kMaxAgentCount);
  if (!count.ok()) return count.status();
  verb.registry_gc.max_agents = *count;
  const auto patience =
      parse_time_between("--registry-store-timeout", texts.registry_store_timeout,
                         master::kMinStoreTimeout, master::kMaxStoreTimeout, "1s to 10m");
  if (!patience.ok()) return patience.status();
  verb.registry_store_timeout = *patience;
  return absl::OkStatus();
}

// Where several masters meet, if they do.
absl::Status finish_election(const MasterTexts& texts, MasterVerb& verb) {
  const auto lease = parse_time("--lease", texts.lease);
  if (!lease.ok()) return lease.status();
  if (*lease < master::kMinLease || *lease > master::kMaxLease ||
      *lease % std::chrono::seconds(1) != core::Duration::zero()) {
    return core::invalid("--lease: {} is not 1s to 60s, in whole seconds",
                         core::printable(texts.lease));
  }
  verb.lease = *lease;
  if (!verb.advertise.empty()) {
    if (auto ok = check_address("--advertise", verb.advertise); !ok.ok()) return ok;
  }
  if (verb.registry.empty()) return absl::OkStatus();
  if (const auto target = master::parse_etcd_target(verb.registry); !target.ok()) {
    return core::invalid("--registry: {}", core::message_of(target.status()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Verb> finish_master(MasterTexts& texts) {
  MasterVerb& verb = texts.verb;
  if (auto ok = check_address("--listen", verb.listen); !ok.ok()) return ok;
  if (verb.data_dir.empty()) return core::invalid("--data: the folder's name is empty");
  const auto reactors = parse_count<std::uint32_t>("--reactors", texts.reactors, 0,
                                                   std::uint32_t{core::kMaxReactors});
  if (!reactors.ok()) return reactors.status();
  verb.reactors = *reactors;
  const auto timeout = parse_time("--offer-timeout", texts.offer_timeout);
  if (!timeout.ok()) return timeout.status();
  verb.offer_timeout = *timeout;
  const auto patience = parse_time("--offer-patience", texts.offer_patience);
  if (!patience.ok()) return patience.status();
  if (*patience < kMinPatience) {
    return core::invalid("--offer-patience: {} is too short; the least is 10ms",
                         texts.offer_patience);
  }
  verb.offer_patience = *patience;
  if (auto ok = parse_minimums(texts.minimums, verb.minimums); !ok.ok()) return ok;
  if (auto ok = parse_excluded(texts.excluded, verb.excluded_from_shares); !ok.ok()) return ok;
  if (texts.sorter != "drf" && texts.sorter != "random") {
    return core::invalid("--sorter: '{}' is neither drf nor random", core::printable(texts.sorter));
  }
  verb.random_shares = texts.sorter == "random";
  if (texts.fd_tables != "shared" && texts.fd_tables != "per-reactor") {
    return core::invalid("--fd-tables: '{}' is neither shared nor per-reactor",
                         core::printable(texts.fd_tables));
  }
  verb.fd_table_per_reactor = texts.fd_tables == "per-reactor";
  if (auto ok = parse_domain(texts.domain, &verb.region, &verb.zone); !ok.ok()) return ok;
  if (auto ok = finish_removals(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_protection(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_registry(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_election(texts, verb); !ok.ok()) return ok;
  if (auto ok = finish_log(texts.log, verb.log); !ok.ok()) return ok;
  return verb;
}

void add_election_options(CLI::App& app, MasterTexts& texts) {
  app.add_option("--registry", texts.verb.registry,
                 "etcd://HOST:PORT[,HOST:PORT][/PREFIX][?ACCESS], or etcds:// by TLS, for several "
                 "masters (else in --data)");
  app.add_option("--lease", texts.lease,
                 "with etcd: how long the lead lasts without a sign of life")
      ->capture_default_str();
  app.add_option("--advertise", texts.verb.advertise,
                 "with etcd: HOST:PORT that others are told (else where it listens)");
}

void add_registry_options(CLI::App& app, MasterTexts& texts) {
  app.add_option("--registry-store-timeout", texts.registry_store_timeout,
                 "without etcd: the master ends when its disk takes longer to store something")
      ->capture_default_str();
  app.add_option("--registry-gc-interval", texts.registry_gc_interval,
                 "time between two looks for what the registry may forget")
      ->capture_default_str();
  app.add_option("--registry-max-agent-age", texts.registry_max_agent_age,
                 "how long unreachable and gone agents, and removed frameworks, are remembered")
      ->capture_default_str();
  app.add_option("--registry-max-agent-count", texts.registry_max_agent_count,
                 "how many unreachable agents are remembered at most; and how many gone ones")
      ->type_name("NUMBER")
      ->capture_default_str();
}

void add_removal_options(CLI::App& app, MasterTexts& texts) {
  app.add_option("--session-timeout", texts.session_timeout,
                 "how long a peer may be silent before it counts as disconnected")
      ->capture_default_str();
  app.add_option("--agent-reregister-timeout", texts.agent_reregister_timeout,
                 "how long an agent may be away before its tasks are told as unreachable")
      ->capture_default_str();
  app.add_option("--agent-removal-limit", texts.agent_removal_limit,
                 "while more of the agents than this are away at once, none is given up")
      ->capture_default_str();
  app.add_option("--recovery-removal-limit", texts.recovery_removal_limit,
                 "the same of those that were there before the master began")
      ->capture_default_str();
  app.add_option("--agent-removal-rate", texts.agent_removal_rate,
                 "how fast agents are given up, as 100/s or 1/10m; off: at once")
      ->capture_default_str();
}

void add_protection_options(CLI::App& app, MasterTexts& texts) {
  app.add_option("--rate-limits", texts.rate_limits,
                 "how many calls frameworks may make, as JSON, or @FILE")
      ->type_name("JSON|@FILE");
  app.add_option(
         "--busy-lag", texts.busy_lag,
         "while turns of an event loop take longer, newcomers are told to come back; or off")
      ->capture_default_str();
}

}  // namespace

Finish define_master(Parser& parser) {
  auto texts = std::make_shared<MasterTexts>();
  texts->verb.listen = "127.0.0.1:7070";
  CLI::App& app = parser.app;
  app.add_option("--listen", texts->verb.listen, "HOST:PORT to serve; port 0 picks one")
      ->capture_default_str();
  app.add_option("--data", texts->verb.data_dir, "folder for what must survive")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--reactors", texts->reactors, "threads; 0: one per core")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--fd-tables", texts->fd_tables,
                 "of descriptors: shared, or per-reactor: the limit (ulimit -n) holds for each")
      ->type_name("shared|per-reactor")
      ->capture_default_str();
  app.add_option("--ready-file", texts->verb.ready_file, "file to write when it serves")
      ->type_name("FILE");
  app.add_option("--offer-timeout", texts->offer_timeout, "how long an offer stays unanswered")
      ->capture_default_str();
  app.add_option("--offer-patience", texts->offer_patience,
                 "how long it may, while a framework with a smaller share waits for one")
      ->capture_default_str();
  app.add_option("--min-allocatable", texts->minimums, "what an offer holds at least; one of these")
      ->capture_default_str();
  app.add_option("--sorter", texts->sorter,
                 "who is next: drf (the smallest dominant share) or random (by weight)")
      ->type_name("drf|random")
      ->capture_default_str();
  app.add_option("--fair-share-exclude", texts->excluded,
                 "kinds that do not count in shares, as 'gpus,disk'");
  app.add_flag("--offer-gpus-to-all", texts->verb.offer_gpus_to_all,
               "offer agents with GPUs also to frameworks that do not say they use them");
  app.add_option("--domain", texts->domain, "where it stands, as REGION/ZONE");
  add_removal_options(app, *texts);
  add_protection_options(app, *texts);
  add_election_options(app, *texts);
  add_registry_options(app, *texts);
  add_log_options(app, texts->log);
  app.add_flag("--insecure", texts->verb.insecure,
               "serve other machines without authentication or encryption");
  add_config_option(parser);
  return [texts](Parser&) { return finish_master(*texts); };
}

namespace {

void add_disk_options(CLI::App& app, AgentTexts& texts) {
  app.add_option("--gc-delay", texts.gc_delay, "how long the sandbox of an ended task is kept")
      ->capture_default_str();
  app.add_option("--gc-disk-headroom", texts.gc_headroom,
                 "part of the disk, 0 to 1, that old sandboxes make room for")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--disk-watch-interval", texts.disk_watch, "time between two looks at the disk")
      ->capture_default_str();
  app.add_flag("--enforce-disk-quota", texts.verb.enforce_disk_quota,
               "kill tasks whose sandbox takes more disk than they have asked for");
  app.add_option("--disk-quota-interval", texts.disk_quota_interval,
                 "time between two measurements of sandboxes for that")
      ->capture_default_str();
  app.add_option("--log-max-size", texts.log_max,
                 "of stdout and of stderr: the newest so much is kept, as 10MiB; 0: all")
      ->capture_default_str();
}

}  // namespace

Finish define_agent(Parser& parser) {
  auto texts = std::make_shared<AgentTexts>();
  AgentVerb& verb = texts->verb;
  verb.listen = "127.0.0.1:0";
  CLI::App& app = parser.app;
  add_master_option(parser);
  app.add_option("--data", verb.data_dir, "folder for sandboxes, volumes and records")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--listen", verb.listen, "HOST:PORT where it serves logs; port 0 picks one")
      ->capture_default_str();
  app.add_option("--resources", verb.resources,
                 "what it offers, as 'cpus:4;mem(ROLE):8192;ports:[31000-32000]', as JSON, or "
                 "@FILE; kinds that are left out are probed");
  app.add_option("--default-role", verb.default_role, "whose the resources are that name no role")
      ->capture_default_str();
  app.add_option("--oversubscribe", verb.oversubscribe,
                 "what it lends on top, and may take back, as 'cpus:2;mem:512'");
  app.add_option("--domain", texts->domain, "where it stands, as REGION/ZONE");
  app.add_option("--attributes", verb.attributes, "labels, as 'rack:a;ssd:true'");
  app.add_option("--hostname", verb.hostname, "its name (else the machine's)");
  app.add_option("--ready-file", verb.ready_file, "file to write when it is registered")
      ->type_name("FILE");
  app.add_flag("--insecure", verb.insecure,
               "serve other machines without authentication or encryption");
  app.add_option("--recover", texts->recover,
                 "tasks of the agent before: reconnect (they run on) or cleanup (they are killed)")
      ->type_name("reconnect|cleanup")
      ->capture_default_str();
  app.add_option("--on-stop", texts->on_stop,
                 "tasks when it is told to end: keep (they run on) or kill")
      ->type_name("keep|kill")
      ->capture_default_str();
  app.add_option(
         "--isolation", verb.isolation,
         "how tasks are held: auto (what is possible), none, or some of cgroup, namespaces, "
         "seccomp, capabilities, devices, tmp, user, joined by commas")
      ->capture_default_str();
  app.add_option("--cgroup-root", verb.cgroup_root,
                 "where the cgroups of tasks are, below the mount points")
      ->capture_default_str();
  app.add_option("--max-pids-per-task", texts->max_pids,
                 "processes and threads that one task may have; 0: no limit")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_flag("--cpu-quota", verb.cpu_quota,
               "give no task more processor time than it has asked for, also on an idle machine");
  app.add_option(
      "--task-user", verb.task_user,
      "who runs tasks that name nobody (else the agent's own user); root is then refused "
      "to those that name it");
  app.add_option("--allowed-devices", verb.allowed_devices,
                 "device files that tasks may open beside null, zero, full, random, urandom and "
                 "terminals, as /dev/kvm,/dev/fuse:r")
      ->type_name("PATHS");
  add_disk_options(app, *texts);
  app.add_option("--usage-interval", texts->usage_interval,
                 "time between two reports to the master of what is used; 0: none")
      ->capture_default_str();
  add_log_options(app, texts->log);
  add_config_option(parser);
  return [texts](Parser& parsed) { return finish_agent(*texts, parsed); };
}

Finish define_dev(Parser& parser) {
  struct Texts {
    DevVerb verb;
    LogTexts log;
    std::string agents = "3";
    std::string reactors = "0";
  };
  auto texts = std::make_shared<Texts>();
  texts->verb.listen = "127.0.0.1:7070";
  CLI::App& app = parser.app;
  app.add_option("--agents", texts->agents, "how many agents")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--listen", texts->verb.listen, "HOST:PORT of the master; port 0 picks one")
      ->capture_default_str();
  app.add_option("--data", texts->verb.data_dir, "folder to keep (else a temporary one)")
      ->type_name("FOLDER");
  app.add_option("--ready-file", texts->verb.ready_file,
                 "file to write when the master serves and every agent is registered")
      ->type_name("FILE");
  app.add_option(
      "--resources", texts->verb.resources,
      "of each agent, as 'cpus:4;mem:8192', JSON or @FILE (else the machine's, divided)");
  app.add_option("--reactors", texts->reactors, "threads of the master; 0: one per core")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--isolation", texts->verb.isolation, "of the agents' tasks, as of shoal agent")
      ->capture_default_str();
  add_log_options(app, texts->log);
  add_config_option(parser);
  return [texts](Parser&) -> absl::StatusOr<Verb> {
    DevVerb& verb = texts->verb;
    if (auto ok = check_isolation(verb.isolation); !ok.ok()) return ok;
    if (auto ok = finish_log(texts->log, verb.log); !ok.ok()) return ok;
    if (auto ok = check_address("--listen", verb.listen); !ok.ok()) return ok;
    auto resources = read_resources_option(verb.resources);
    if (!resources.ok()) return resources.status();
    verb.resources = *std::move(resources);
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

}  // namespace shoal::cli
