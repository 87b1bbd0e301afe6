#include "cli/shoal.h"

#include <sys/prctl.h>

#include <string>
#include <type_traits>
#include <vector>

#include "cli/act.h"
#include "cli/bench.h"
#include "cli/bench_compare.h"
#include "cli/bench_events.h"
#include "cli/bench_failover.h"
#include "cli/bench_state.h"
#include "cli/complete.h"
#include "cli/config.h"
#include "cli/daemons.h"
#include "cli/debug_bundle.h"
#include "cli/dev.h"
#include "cli/events.h"
#include "cli/exit_code.h"
#include "cli/explain.h"
#include "cli/files.h"
#include "cli/flags.h"
#include "cli/list.h"
#include "cli/man.h"
#include "cli/manage.h"
#include "cli/masters.h"
#include "cli/operate.h"
#include "cli/registry.h"
#include "cli/reload.h"
#include "cli/run.h"
#include "cli/settings_load.h"
#include "cli/shares.h"
#include "cli/swarm.h"
#include "cli/terminal.h"
#include "cli/top.h"
#include "cli/version.h"
#include "cli/wait.h"
#include "core/limits.h"
#include "core/status.h"

namespace shoal::cli {
namespace {

int perform(const DevVerb& verb) { return run_dev(verb); }
int perform(const RunVerb& verb) { return run_run(verb); }
int perform(const ListVerb& verb) { return run_list(verb); }
int perform(const LogsVerb& verb) { return run_logs(verb); }
int perform(const FilesVerb& verb) { return run_files(verb); }
int perform(const TopVerb& verb) { return run_top(verb); }
int perform(const KillVerb& verb) { return run_kill(verb); }
int perform(const TeardownVerb& verb) { return run_teardown(verb); }
int perform(const ExplainVerb& verb) { return run_explain(verb); }
int perform(const EventsVerb& verb) { return run_events(verb); }
int perform(const QuotaVerb& verb) { return run_quota(verb); }
int perform(const WeightVerb& verb) { return run_weight(verb); }
int perform(const OperateVerb& verb) { return run_operate(verb); }
int perform(const ManageVerb& verb) { return run_manage(verb); }
int perform(const VolumesVerb& verb) { return run_volumes(verb); }
int perform(const MastersVerb& verb) { return run_masters(verb); }
int perform(const StepDownVerb& verb) { return run_step_down(verb); }
int perform(const RegistryVerb& verb) { return run_registry(verb); }
int perform(const VersionVerb& verb) { return run_version(verb); }
int perform(const SwarmVerb& verb) { return run_swarm(verb); }
int perform(const BenchVerb& verb) { return run_bench(verb); }
int perform(const FailoverVerb& verb) { return run_bench_failover(verb); }
int perform(const StateVerb& verb) { return run_bench_state(verb); }
int perform(const BenchEventsVerb& verb) { return run_bench_events(verb); }
int perform(const CompareVerb& verb) { return run_compare(verb); }
int perform(const ConfigVerb& verb) { return run_config(verb); }
int perform(const WaitVerb& verb) { return run_wait(verb); }
int perform(const DebugBundleVerb& verb) { return run_debug_bundle(verb); }
int perform(const CompletionVerb& verb) { return print_output(verb.script); }

struct Performing {
  Rereading& rereading;  // of daemons

  int operator()(const MasterVerb& verb) const { return run_master_daemon(verb, rereading); }
  int operator()(const AgentVerb& verb) const { return run_agent_daemon(verb, rereading); }
  template <typename AnyVerb>
  int operator()(const AnyVerb& verb) const {
    return perform(verb);
  }
};

// "shoal-master" in ps and top, also where this program was started as /proc/self/exe.
void name_process(const std::vector<std::string>& words) {
  const std::string name = words.empty() ? "shoal" : "shoal-" + words.front();
  ::prctl(PR_SET_NAME, name.c_str());
}

}  // namespace

int shoal_main(int argc, char** argv) {
  prepare_standard_streams();
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  name_process(words);
  const std::string default_master = fmt::format("127.0.0.1:{}", core::kDefaultMasterPort);
  const SettingsSources sources = process_settings_sources();
  if (!words.empty() && words.front() == "__complete") {
    return run_complete({words.begin() + 1, words.end()}, default_master, sources);
  }
  if (!words.empty() && words.front() == "__man") return run_man({words.begin() + 1, words.end()});
  const ParsedCommand parsed = parse_command_line(words, default_master, sources);
  if (parsed.verb.has_value()) {
    Rereading rereading(words, default_master, sources, parsed);
    return std::visit(Performing{rereading}, *parsed.verb);
  }
  if (parsed.exit_code == kExitOk) return print_output(parsed.text);
  write_fully(2, parsed.text).IgnoreError();
  return parsed.exit_code;
}

}  // namespace shoal::cli
