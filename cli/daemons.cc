#include "cli/daemons.h"

#include "agent/agent.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "core/status.h"
#include "master/master.h"

namespace shoal::cli {
namespace {

// A daemon that could not start because of what it was told ends with "usage".
int finish(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  say(core::message_of(status));
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

}  // namespace

int run_master_daemon(const MasterVerb& verb) {
  master::MasterOptions options;
  options.listen = verb.listen;
  options.data_dir = verb.data_dir;
  options.reactors = verb.reactors;
  if (verb.fd_table_per_reactor) options.descriptor_tables = net::DescriptorTables::kPerReactor;
  options.ready_file = verb.ready_file;
  options.insecure = verb.insecure;
  options.offer_timeout = verb.offer_timeout;
  options.offer_patience = verb.offer_patience;
  options.agent_reregister_timeout = verb.agent_reregister_timeout;
  options.removals = verb.removals;
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
  return finish(master::run_master(options));
}

int run_agent_daemon(const AgentVerb& verb) {
  agent::AgentOptions options;
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
  return finish(agent::run_agent(options));
}

}  // namespace shoal::cli
