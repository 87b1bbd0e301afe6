#include "cli/daemons.h"

#include <string>
#include <utility>

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

}  // namespace

int run_master_daemon(const MasterVerb& verb) {
  net::Log log(log_options("master", verb.log));
  master::MasterOptions options;
  options.log = &log;
  options.listen = verb.listen;
  options.data_dir = verb.data_dir;
  options.reactors = verb.reactors;
  if (verb.fd_table_per_reactor) options.descriptor_tables = net::DescriptorTables::kPerReactor;
  options.ready_file = verb.ready_file;
  options.insecure = verb.insecure;
  options.offer_timeout = verb.offer_timeout;
  options.offer_patience = verb.offer_patience;
  options.minimums = verb.minimums;
  if (verb.random_shares) options.share_policy = core::SharePolicy::kRandom;
  options.excluded_from_shares = verb.excluded_from_shares;
  options.filter_gpus = !verb.offer_gpus_to_all;
  options.region = verb.region;
  options.zone = verb.zone;
  options.registry = verb.registry;
  options.lease = verb.lease;
  options.advertise = verb.advertise;
  options.version = version_info().version;
  return finish(master::run_master(options), log, core::LogModule::kMaster);
}

int run_agent_daemon(const AgentVerb& verb) {
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
  if (verb.kills_tasks) options.on_stop = agent::OnStop::kKill;
  options.gc_delay = verb.gc_delay;
  options.gc_disk_headroom = verb.gc_disk_headroom;
  options.disk_watch_interval = verb.disk_watch_interval;
  options.log_max_bytes = verb.log_max_bytes;
  options.insecure = verb.insecure;
  options.isolation = verb.isolation;
  options.cgroup_root = verb.cgroup_root;
  options.max_pids_per_task = verb.max_pids_per_task;
  options.cpu_quota = verb.cpu_quota;
  options.task_user = verb.task_user;
  return finish(agent::run_agent(options), log, core::LogModule::kAgent);
}

}  // namespace shoal::cli
