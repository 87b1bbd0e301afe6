#include "cli/daemons.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "agent/agent.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "core/log_line.h"
#include "core/status.h"
#include "master/master.h"
#include "net/log.h"

namespace shoal::cli {
namespace {

net::LogOptions log_options(std::string daemon, const LogVerb& verb) {
  net::LogOptions options;
  options.daemon = std::move(daemon);
  if (verb.is_json) options.format = net::LogFormat::kJson;
  // The flags were checked where they came in.
  (void)core::parse_log_levels(verb.levels, options.levels);
  return options;
}

// Why the daemon has ended, in the form of its log. One that could not start because of what it was
// told ends with "usage".
int finish(const absl::Status& status, net::Log& log, core::LogModule module) {
  if (status.ok()) return kExitOk;
  if (log.format() == net::LogFormat::kJson) {
    log.write(module, core::LogLevel::kError, core::message_of(status));
  } else {
    log.flush();
    say(core::message_of(status));
  }
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

// Those that take effect while it runs: what tuning_of() takes.
constexpr std::string_view kMasterChanges[] = {"offer-timeout", "offer-patience", "min-allocatable",
                                               "offer-gpus-to-all", "busy-lag"};
constexpr std::string_view kAgentChanges[] = {"on-stop", "gc-delay", "gc-disk-headroom",
                                              "disk-watch-interval", "log-max-size"};

master::MasterTuning tuning_of(const MasterVerb& verb) {
  master::MasterTuning tuning;
  tuning.offer_timeout = verb.offer_timeout;
  tuning.offer_patience = verb.offer_patience;
  tuning.minimums = verb.minimums;
  tuning.busy_lag = verb.busy_lag;
  tuning.filter_gpus = !verb.offer_gpus_to_all;
  return tuning;
}

agent::AgentTuning tuning_of(const AgentVerb& verb) {
  agent::AgentTuning tuning;
  if (verb.kills_tasks) tuning.on_stop = agent::OnStop::kKill;
  tuning.gc_delay = verb.gc_delay;
  tuning.gc_disk_headroom = verb.gc_disk_headroom;
  tuning.disk_watch_interval = verb.disk_watch_interval;
  tuning.log_max_bytes = verb.log_max_bytes;
  return tuning;
}

master::MasterReload reload_master(Rereading& rereading) {
  Rereading::Outcome outcome = rereading.again("master", kMasterChanges);
  master::MasterReload reload{std::nullopt, std::move(outcome.lines)};
  if (outcome.verb.has_value()) reload.tuning = tuning_of(std::get<MasterVerb>(*outcome.verb));
  return reload;
}

agent::AgentReload reload_agent(Rereading& rereading) {
  Rereading::Outcome outcome = rereading.again("agent", kAgentChanges);
  agent::AgentReload reload{std::nullopt, std::move(outcome.lines)};
  if (outcome.verb.has_value()) reload.tuning = tuning_of(std::get<AgentVerb>(*outcome.verb));
  return reload;
}

}  // namespace

int run_master_daemon(const MasterVerb& verb, Rereading& rereading) {
  net::Log log(log_options("master", verb.log));
  master::MasterOptions options;
  options.log = &log;
  options.listen = verb.listen;
  options.data_dir = verb.data_dir;
  options.reactors = verb.reactors;
  if (verb.fd_table_per_reactor) options.descriptor_tables = net::DescriptorTables::kPerReactor;
  options.ready_file = verb.ready_file;
  options.insecure = verb.insecure;
  static_cast<master::MasterTuning&>(options) = tuning_of(verb);
  options.session_timeout = verb.session_timeout;
  options.heartbeat_interval = verb.session_timeout / 3;  // two may be lost
  options.agent_reregister_timeout = verb.agent_reregister_timeout;
  options.removals = verb.removals;
  options.rate_limits = verb.rate_limits;
  if (verb.random_shares) options.share_policy = core::SharePolicy::kRandom;
  options.excluded_from_shares = verb.excluded_from_shares;
  options.region = verb.region;
  options.zone = verb.zone;
  options.registry = verb.registry;
  options.registry_gc = verb.registry_gc;
  options.registry_store_timeout = verb.registry_store_timeout;
  options.lease = verb.lease;
  options.advertise = verb.advertise;
  options.version = version_info().version;
  options.reload = [&rereading] { return reload_master(rereading); };
  return finish(master::run_master(options), log, core::LogModule::kMaster);
}

int run_agent_daemon(const AgentVerb& verb, Rereading& rereading) {
  net::Log log(log_options("agent", verb.log));
  agent::AgentOptions options;
  options.log = &log;
  options.masters = {verb.master};
  options.data_dir = verb.data_dir;
  options.listen = verb.listen;
  options.resources = verb.resources;
  options.default_role = verb.default_role;
  options.oversubscribe = verb.oversubscribe;
  options.region = verb.region;
  options.zone = verb.zone;
  options.attributes = verb.attributes;
  options.hostname = verb.hostname;
  options.ready_file = verb.ready_file;
  if (verb.cleans_up) options.recover = agent::RecoverMode::kCleanup;
  static_cast<agent::AgentTuning&>(options) = tuning_of(verb);
  options.insecure = verb.insecure;
  options.isolation = verb.isolation;
  options.cgroup_root = verb.cgroup_root;
  options.max_pids_per_task = verb.max_pids_per_task;
  options.cpu_quota = verb.cpu_quota;
  options.task_user = verb.task_user;
  options.allowed_devices = verb.allowed_devices;
  options.enforce_disk_quota = verb.enforce_disk_quota;
  options.disk_quota_interval = verb.disk_quota_interval;
  options.usage_interval = verb.usage_interval;
  options.reload = [&rereading] { return reload_agent(rereading); };
  return finish(agent::run_agent(options), log, core::LogModule::kAgent);
}

}  // namespace shoal::cli
