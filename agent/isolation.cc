#include "agent/isolation.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/errno_status.h"
#include "agent/process.h"
#include "agent/seccomp_filter.h"
#include "agent/supervisor/record.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr int kTrialMs = 10'000;
constexpr rlim_t kSoftDescriptors = 1024;  // more breaks programs that use select()
constexpr std::size_t kMaxKnownUsers = 256;
constexpr char kTrialRun[] = "trial";

bool is_below(const std::string& path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string no_core_setting() { return fmt::format("{}{}:0:0", kRlimitSetting, int{RLIMIT_CORE}); }

std::string descriptors_setting() {
  rlimit own{};
  ::getrlimit(RLIMIT_NOFILE, &own);
  return fmt::format("{}{}:{}:{}", kRlimitSetting, int{RLIMIT_NOFILE},
                     std::min(kSoftDescriptors, own.rlim_max), own.rlim_max);
}

// What a trial of the supervisor came to: kStarted, or what failed and why.
struct Trial {
  StartStage stage = StartStage::kStarted;
  std::string why;
};

// Of the supervisor as its own task: it ends at once, since it is given no arguments.
Trial try_to_start(Spawner& spawner, const SpawnRequest& request) {
  SpawnResult result = spawner.spawn(request);
  // Only a pid namespace can be refused that early.
  if (!result.ok()) return {StartStage::kNamespaces, result.error.message};
  pollfd report{result.supervised->report.get(), POLLIN, 0};
  ::poll(&report, 1, kTrialMs);
  const StartResult started = read_start(*result.supervised);
  const UniqueFd& supervisor = result.supervised->process.pidfd;
  if (started.outcome == StartResult::Outcome::kPending) (void)send_signal(supervisor, SIGKILL);
  pollfd ended{supervisor.get(), POLLIN, 0};
  ::poll(&ended, 1, kTrialMs);
  (void)wait_exited(supervisor);
  if (started.outcome == StartResult::Outcome::kStarted) return {};
  const bool is_told = started.stage != StartStage::kStarted;
  return {is_told ? started.stage : StartStage::kRecord, started.error.message};
}

}  // namespace

absl::StatusOr<IsolationSwitches> parse_isolation(std::string_view text) {
  IsolationSwitches switches;
  if (text == "none") return switches;
  for (const std::string_view name : core::split(text, ',')) {
    if (name == "auto") {
      switches.is_auto = switches.cgroup = switches.namespaces = true;
      switches.seccomp = switches.capabilities = switches.devices = true;
    } else if (name == "cgroup") {
      switches.cgroup = true;
    } else if (name == "namespaces") {
      switches.namespaces = true;
    } else if (name == "seccomp") {
      switches.seccomp = true;
    } else if (name == "capabilities") {
      switches.capabilities = true;
    } else if (name == "devices") {
      switches.devices = true;
    } else if (name == "tmp") {
      switches.private_tmp = true;
    } else if (name == "user") {
      switches.user = true;
    } else {
      return core::invalid(
          "isolation '{}': expected auto, none, or some of cgroup, namespaces, seccomp, "
          "capabilities, devices, tmp, user",
          core::printable(name));
    }
  }
  if (switches.private_tmp && !switches.namespaces) {
    return core::invalid("isolation 'tmp': needs namespaces too");
  }
  if (switches.devices && !switches.cgroup) {
    return core::invalid("isolation 'devices': needs cgroup too");
  }
  return switches;
}

absl::StatusOr<std::unique_ptr<TaskIsolation>> TaskIsolation::open(
    const IsolationOptions& options) {
  std::unique_ptr<TaskIsolation> made(new TaskIsolation(options));
  made->on_ = options.switches;
  if (made->on_.private_tmp && is_below(options.data_dir, "/tmp")) {
    return core::invalid("isolation 'tmp': the data folder {} would be hidden from the tasks",
                         options.data_dir);
  }
  made->has_private_shm_ =
      !is_below(options.data_dir, "/dev/shm") && ::access("/dev/shm", F_OK) == 0;
  if (absl::Status s = made->open_user(); !s.ok()) return s;
  if (absl::Status s = made->open_cgroups(); !s.ok()) return s;
  if (absl::Status s = made->open_filter(); !s.ok()) return s;
  if (absl::Status s = made->try_out(); !s.ok()) return s;
  return made;
}

absl::Status TaskIsolation::open_user() {
  if (options_.task_user.empty()) return absl::OkStatus();
  auto user = find_user(options_.task_user);
  if (!user.ok()) {
    return absl::Status(user.status().code(),
                        fmt::format("--task-user: {}", core::message_of(user.status())));
  }
  if (user->uid != ::geteuid() && ::geteuid() != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "--task-user: only an agent that runs as root can run tasks as '{}'", user->name));
  }
  // Who is that user already needs no right to become it.
  if (::geteuid() == 0) task_user_ = *std::move(user);
  return absl::OkStatus();
}

absl::Status TaskIsolation::open_cgroups() {
  if (!on_.cgroup) return absl::OkStatus();
  options_.cgroups.devices.reset();
  if (on_.devices) {
    const auto named = parse_devices(options_.devices);
    if (!named.ok())
      return core::invalid("--allowed-devices: {}", core::message_of(named.status()));
    options_.cgroups.devices = default_devices();
    options_.cgroups.devices->insert(options_.cgroups.devices->end(), named->begin(), named->end());
  }
  auto opened = Cgroups::open(options_.cgroups);
  if (!opened.ok()) {
    if (absl::IsInvalidArgument(opened.status())) return opened.status();
    return give_up(StartStage::kCgroup, core::message_of(opened.status()));
  }
  cgroups_ = *std::move(opened);
  for (const std::string& what : cgroups_->missing()) {
    if (!on_.is_auto && what.starts_with("devices")) {
      return absl::FailedPreconditionError(fmt::format("isolation is not possible here: {}", what));
    }
    if (std::find(missing_.begin(), missing_.end(), what) == missing_.end()) {
      missing_.push_back(what);
    }
  }
  return absl::OkStatus();
}

absl::Status TaskIsolation::open_filter() {
  if (!on_.seccomp) return absl::OkStatus();
  auto made = make_seccomp_filter({.may_attach = on_.namespaces});
  if (!made.ok()) return give_up(StartStage::kSeccomp, core::message_of(made.status()));
  filter_ = *std::move(made);
  return absl::OkStatus();
}

// Leaves out what fails, until the rest works; without `auto` it is an error.
absl::Status TaskIsolation::try_out() {
  auto spawner = Spawner::create(options_.supervisor);
  if (!spawner.ok()) return spawner.status();
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SpawnRequest request;
  request.arguments = {options_.supervisor};
  request.working_directory.assign(1, '/');
  request.stdout_fd = request.stderr_fd = null.get();
  request.run_folder = fmt::format("{}/{}", options_.data_dir, kTrialRun);
  request.boot_id = read_boot_id();
  std::error_code ignored;
  while (on_.any()) {
    std::filesystem::remove_all(request.run_folder, ignored);
    if (::mkdir(request.run_folder.c_str(), 0700) != 0) {
      return errno_status(errno, "making " + request.run_folder);
    }
    request.settings.clear();
    if (cgroups_.has_value()) (void)cgroups_->end(kTrialRun);  // of an agent that died here
    apply(kTrialRun, {}, nullptr, &request);
    const Trial trial = try_to_start(*spawner, request);
    std::filesystem::remove_all(request.run_folder, ignored);
    if (trial.stage == StartStage::kStarted) break;
    if (absl::Status s = give_up(trial.stage, trial.why); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status TaskIsolation::give_up(StartStage stage, std::string_view why) {
  std::string_view name;
  if (stage == StartStage::kCgroup) {
    name = on_.devices ? "cgroup, devices" : "cgroup";
    on_.cgroup = on_.devices = false;
    cgroups_.reset();
  } else if (stage == StartStage::kDevices) {
    name = "devices";
    on_.devices = false;
    cgroups_->close();  // another set follows
  } else if (stage == StartStage::kNamespaces) {
    name = "namespaces";
    on_.namespaces = false;
    on_.private_tmp = false;
  } else if (stage == StartStage::kUserNamespace) {
    name = "user";
    on_.user = false;
  } else if (stage == StartStage::kCapabilities) {
    name = "capabilities";
    on_.capabilities = false;
  } else if (stage == StartStage::kSeccomp) {
    name = "seccomp";
    on_.seccomp = false;
    filter_.reset();
  } else {
    return absl::FailedPreconditionError(fmt::format("trying out the isolation of tasks: {}", why));
  }
  if (!on_.is_auto) {
    return absl::FailedPreconditionError(
        fmt::format("isolation '{}' is not possible here: {}", name, why));
  }
  missing_.push_back(fmt::format("{} ({})", name, why));
  if (stage == StartStage::kDevices) return open_cgroups();
  // What a filter may allow depends on whether the task sees other processes.
  if (stage == StartStage::kNamespaces && on_.seccomp) return open_filter();
  return absl::OkStatus();
}

absl::StatusOr<const TaskUser*> TaskIsolation::user_of(const std::string& wanted) {
  const TaskUser* own = task_user_.has_value() ? &*task_user_ : nullptr;
  if (wanted.empty()) return own;
  auto known = users_.find(wanted);
  if (known == users_.end()) {
    auto found = find_user(wanted);
    if (!found.ok()) return found.status();
    if (users_.size() >= kMaxKnownUsers) users_.clear();
    known = users_.emplace(wanted, *std::move(found)).first;
  }
  const TaskUser& user = known->second;
  if (user.uid == ::geteuid() && (own == nullptr || ::geteuid() != 0)) return nullptr;
  if (::geteuid() != 0) {
    return absl::FailedPreconditionError(
        fmt::format("the agent does not run as root: it cannot run tasks as '{}'", user.name));
  }
  if (user.uid == 0 && own != nullptr && own->uid != 0) {
    return absl::PermissionDeniedError(
        fmt::format("tasks do not run as '{}' here (--task-user={})", user.name, own->name));
  }
  return &user;
}

void TaskIsolation::apply(std::string_view run_uuid, const core::Resources& resources,
                          const TaskUser* user, SpawnRequest* request) const {
  if (on_.cgroup) request->settings = cgroups_->settings(run_uuid, resources);
  apply_switches(request);
  if (user != nullptr) request->settings.push_back(user_setting(*user));
}

absl::Status TaskIsolation::apply_wishes(const wire::TaskDescription& task,
                                         const std::vector<std::string>& writable,
                                         SpawnRequest* request) const {
  const bool no_network = task.network == wire::TaskNetwork::kNone;
  if (task.read_only_paths.empty() && !no_network) return absl::OkStatus();
  if (!on_.namespaces) {
    return absl::FailedPreconditionError(
        fmt::format("the task asks for {}, which is not enforced here: the agent holds its tasks "
                    "without namespaces",
                    no_network ? "no network" : "read-only paths"));
  }
  for (const std::string& path : task.read_only_paths) {
    if (::access(path.c_str(), F_OK) != 0) {
      return errno_status(errno, fmt::format("read-only path {}", agent::quoted(path)));
    }
    request->settings.push_back(kReadOnlySetting + path);
  }
  if (!task.read_only_paths.empty()) {
    for (const std::string& path : writable) request->settings.push_back(kWritableSetting + path);
  }
  if (no_network) request->settings.emplace_back(kNoNetwork);
  return absl::OkStatus();
}

void TaskIsolation::apply_switches(SpawnRequest* request) const {
  std::vector<std::string>& words = request->settings;
  request->own_pids = on_.namespaces;
  if (on_.namespaces) {
    words.emplace_back(kNamespaces);
    if (has_private_shm_) words.push_back(fmt::format("{}/dev/shm", kTmpfsSetting));
    if (on_.private_tmp) words.push_back(fmt::format("{}/tmp", kTmpfsSetting));
  }
  if (options_.switches.any()) {
    words.push_back(no_core_setting());
    words.push_back(descriptors_setting());
  }
  if (on_.user) words.emplace_back(kUserNamespace);
  if (on_.capabilities) {
    words.push_back(fmt::format("{}{:x}", kCapabilitiesSetting, kKeptCapabilities));
  }
  if (on_.seccomp) {
    words.emplace_back(kSeccomp);
    request->filter_fd = filter_.get();
  } else {
    request->filter_fd = -1;
  }
}

std::string TaskIsolation::to_string() const {
  std::vector<std::string> parts;
  if (cgroups_.has_value()) parts.push_back(cgroups_->to_string());
  if (on_.namespaces) parts.emplace_back(on_.private_tmp ? "namespaces, /tmp" : "namespaces");
  if (on_.user) parts.emplace_back("user namespace");
  if (on_.capabilities) parts.emplace_back("capabilities");
  if (on_.seccomp) parts.emplace_back("seccomp");
  if (task_user_.has_value()) parts.push_back(fmt::format("user {}", task_user_->name));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, "; "));
}

std::string TaskIsolation::missing() const {
  if (missing_.empty()) return "";
  return fmt::format("not enforced: {}", fmt::join(missing_, ", "));
}

}  // namespace shoal::agent
