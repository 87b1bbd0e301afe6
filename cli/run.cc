#include "cli/run.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

#include "cli/exit_code.h"
#include "cli/run_job.h"
#include "cli/terminal.h"
#include "core/status.h"
#include "core/text.h"
#include "net/random.h"
#include "net/signal_watcher.h"
#include "sdk/scheduler_driver.h"

namespace shoal::cli {
namespace {

// Long enough for a break of the network, short enough that tasks of a killed `run` do not linger.
constexpr std::chrono::seconds kFailoverTimeout{15};

std::string user_name() {
  for (const char* variable : {"USER", "LOGNAME"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0' && core::is_clean_text(value)) return value;
  }
  return fmt::format("uid-{}", ::getuid());
}

// Who asks for GPUs or for a region knows what they are; others are kept from such agents.
core::Capabilities capabilities_of(const RunVerb& verb) {
  core::Capabilities capabilities = sdk::kDefaultCapabilities;
  if (verb.resources.gpus > 0) capabilities = capabilities.with(core::Capability::kGpu);
  if (!verb.volumes.empty()) {
    capabilities = capabilities.with(core::Capability::kSharedResources);
  }
  const bool names_region = std::any_of(
      verb.constraints.begin(), verb.constraints.end(),
      [](const auto& constraint) { return constraint.target == core::ConstraintTarget::kRegion; });
  if (names_region) capabilities = capabilities.with(core::Capability::kRegionAware);
  return capabilities;
}

struct EndingSignal {
  int number;
  const char* name;
};
constexpr std::array<EndingSignal, 3> kEndingSignals = {
    {{SIGINT, "interrupted"}, {SIGTERM, "terminated"}, {SIGHUP, "hung up"}}};

}  // namespace

int run_run(const RunVerb& verb) {
  RunJob job(verb, fmt::format("{:08x}", static_cast<std::uint32_t>(net::random_seed())));
  sdk::SchedulerDriverOptions options;
  options.masters = {verb.master};
  options.info.name = "run " + task_prefix(verb.name, verb.command.front());
  options.info.user = user_name();
  options.info.roles = {verb.role};
  options.info.capabilities = capabilities_of(verb);
  options.info.constraints = verb.constraints;
  options.info.failover_timeout = kFailoverTimeout;
  options.wait_for_master = false;
  auto driver = sdk::SchedulerDriver::create(std::move(options), &job);
  if (!driver.ok()) {
    say(core::message_of(driver.status()));
    return exit_code_of(driver.status());
  }
  job.attach(**driver);
  std::array<std::unique_ptr<net::SignalWatcher>, kEndingSignals.size()> watchers;
  for (std::size_t i = 0; i < kEndingSignals.size(); ++i) {
    const EndingSignal ending = kEndingSignals[i];
    auto watcher = net::SignalWatcher::create((*driver)->reactor(), ending.number, [&job, ending] {
      job.on_signal(ending.name, kExitSignalBase + ending.number);
    });
    if (watcher.ok()) watchers[i] = *std::move(watcher);
  }
  const absl::Status status = (*driver)->run();
  job.detach();
  if (status.ok()) return job.exit_code();
  say(core::message_of(status));
  return exit_code_of(status);
}

}  // namespace shoal::cli
