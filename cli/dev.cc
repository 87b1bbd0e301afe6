#include "cli/dev.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "agent/agent_options.h"
#include "cli/data_folder.h"
#include "cli/exit_code.h"
#include "cli/json.h"
#include "cli/resources_option.h"
#include "cli/supervisor.h"
#include "cli/terminal.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/address.h"
#include "net/reactor.h"
#include "net/signal_watcher.h"
#include "net/timer.h"
#include "sdk/operator_connection.h"

namespace shoal::cli {
namespace {

constexpr std::chrono::milliseconds kLook{10};  // is it ready?
constexpr std::chrono::seconds kReadyTimeout{60};
constexpr std::chrono::seconds kPatience{8};  // the agents' tasks have a grace of 3 s

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

absl::Status write_atomically(const std::string& path, std::string_view text) {
  const std::string temporary = fmt::format("{}.{}", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::InternalError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  absl::Status status = write_fully(fd, text);
  ::close(fd);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = absl::InternalError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

class DevCluster {
 public:
  DevCluster(const DevVerb& verb, const DataFolder& data, net::Reactor& reactor)
      : verb_(verb),
        data_(data),
        reactor_(reactor),
        master_ready_file_(data.path() + "/master.ready"),
        look_(reactor, [this] { look(); }),
        ready_limit_(reactor, [this] {
          fail("the cluster did not get ready in time", data_.path() + "/master.log");
        }) {}

  // Until a signal or a failure; the exit code.
  int run();

 private:
  std::vector<std::string> with_log(std::vector<std::string> words) const;
  absl::Status start_master();
  absl::Status start_agents();
  void on_death(Supervisor::ChildId id, int status, core::Duration restarts_in);
  void look();
  void count_agents();
  void on_ready();
  void on_signal();
  void stop(int exit_code);
  void fail(const std::string& message, const std::string& log_file);

  const DevVerb& verb_;
  const DataFolder& data_;
  net::Reactor& reactor_;
  const std::string master_ready_file_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<sdk::OperatorConnection> operator_;
  net::Timer look_;
  net::Timer ready_limit_;
  std::string master_;  // HOST:PORT, once known
  std::string agent_resources_;
  bool is_ready_ = false;
  bool stopping_ = false;
  int exit_code_ = kExitOk;
};

int DevCluster::run() {
  auto supervisor = Supervisor::create(
      reactor_, [this](Supervisor::ChildId id, int status, core::Duration restarts_in) {
        on_death(id, status, restarts_in);
      });
  if (!supervisor.ok()) {
    say(core::message_of(supervisor.status()));
    return kExitFailed;
  }
  supervisor_ = *std::move(supervisor);
  std::array<std::unique_ptr<net::SignalWatcher>, 3> watchers;
  const std::array<int, 3> signals = {SIGINT, SIGTERM, SIGHUP};
  for (std::size_t i = 0; i < signals.size(); ++i) {
    auto watcher = net::SignalWatcher::create(reactor_, signals[i], [this] { on_signal(); });
    if (watcher.ok()) watchers[i] = *std::move(watcher);
  }
  if (auto status = start_master(); !status.ok()) {
    say(core::message_of(status));
    return kExitFailed;
  }
  look_.start(kLook);
  ready_limit_.start(kReadyTimeout);
  reactor_.run();
  operator_.reset();
  supervisor_.reset();
  return exit_code_;
}

// What a daemon is told of its log.
std::vector<std::string> DevCluster::with_log(std::vector<std::string> words) const {
  const std::string format = verb_.log.is_json ? "json" : "text";
  words.insert(words.end(), {"--log-format", format, "--log-level", verb_.log.levels});
  return words;
}

absl::Status DevCluster::start_master() {
  ::unlink(master_ready_file_.c_str());
  ChildSpec spec;
  spec.name = "master";
  spec.restart = false;
  spec.log_file = data_.path() + "/master.log";
  spec.words =
      with_log({"master", "--listen", verb_.listen, "--data", data_.path() + "/master",
                "--ready-file", master_ready_file_, "--reactors", fmt::format("{}", verb_.reactors),
                "--config",  // only what is said here holds
                ""});
  return supervisor_->start(std::move(spec)).status();
}

absl::Status DevCluster::start_agents() {
  const core::Resources machine = agent::probed_resources(data_.path());
  for (std::uint32_t i = 0; i < verb_.agents; ++i) {
    const auto resources = divide_resources(machine, verb_.agents, i, verb_.resources);
    if (!resources.ok()) return resources.status();
    if (i == 0) agent_resources_ = core::to_string(*resources);
    ChildSpec spec;
    spec.name = fmt::format("agent-{}", i + 1);
    spec.log_file = fmt::format("{}/{}.log", data_.path(), spec.name);
    spec.words = with_log({"agent", "--master", master_, "--data",
                           fmt::format("{}/{}", data_.path(), spec.name), "--hostname", spec.name,
                           "--resources", resources_flag(*resources), "--on-stop", "kill",
                           "--isolation", verb_.isolation, "--config", ""});
    if (auto started = supervisor_->start(std::move(spec)); !started.ok()) return started.status();
  }
  return absl::OkStatus();
}

void DevCluster::look() {
  if (is_ready_ || stopping_) return;
  if (master_.empty()) {
    master_ = master_of_ready_json(read_file(master_ready_file_));
    if (master_.empty()) return look_.start(kLook);
    if (auto status = start_agents(); !status.ok()) {
      return fail(std::string(core::message_of(status)), "");
    }
  }
  count_agents();
}

void DevCluster::count_agents() {
  if (operator_ == nullptr || operator_->has_failed()) {
    auto address = net::parse_host_port(master_);
    if (!address.ok()) return fail(std::string(core::message_of(address.status())), "");
    operator_ = std::make_unique<sdk::OperatorConnection>(reactor_, *std::move(address));
  }
  operator_->query(core::QueryKind::kCluster, "", [this](const auto& view) {
    if (is_ready_ || stopping_) return;
    if (!view.ok() || view->cluster.agents_active < verb_.agents) return look_.start(kLook);
    on_ready();
  });
}

void DevCluster::on_ready() {
  is_ready_ = true;
  ready_limit_.stop();
  const bool is_default = master_ == fmt::format("127.0.0.1:{}", core::kDefaultMasterPort);
  const std::string agents = verb_.agents == 0
                                 ? "no agents"
                                 : fmt::format("{} agent{} (each {})", verb_.agents,
                                               verb_.agents == 1 ? "" : "s", agent_resources_);
  const std::string text = fmt::format(
      "Shoal is ready: one master, {}\n"
      "  master  {}\n"
      "  web     http://{}\n"
      "  data    {}{}\n"
      "A first job, in another terminal:\n"
      "{}"
      "  shoal run -- echo hello\n"
      "Ctrl-C ends it all.\n",
      agents, master_, master_, data_.path(), data_.is_temporary() ? " (removed at the end)" : "",
      is_default ? "" : fmt::format("  export SHOAL_MASTER={}\n", master_));
  write_fully(STDOUT_FILENO, text).IgnoreError();
  if (verb_.ready_file.empty()) return;
  const absl::Status status = write_atomically(verb_.ready_file, ready_json(master_, ::getpid()));
  if (!status.ok()) fail(std::string(core::message_of(status)), "");
}

void DevCluster::on_death(Supervisor::ChildId id, int status, core::Duration restarts_in) {
  const ChildSpec& spec = supervisor_->spec(id);
  const std::string what = fmt::format("{} ended: {}", spec.name, describe_wait_status(status));
  const bool was_usage = WIFEXITED(status) && WEXITSTATUS(status) == kExitUsage;
  if (stopping_) {  // a crash on the way out: nothing more to stop, but not to be hidden
    say(what);
    exit_code_ = kExitFailed;
    return;
  }
  if (restarts_in < core::Duration::zero() || (!is_ready_ && was_usage)) {
    return fail(what, spec.log_file);
  }
  say(fmt::format("{}; starting it again", what));
}

void DevCluster::on_signal() {
  if (stopping_) return supervisor_->kill_now();
  stop(kExitOk);
}

void DevCluster::stop(int exit_code) {
  if (stopping_) return;
  stopping_ = true;
  exit_code_ = exit_code;
  if (!verb_.ready_file.empty() && is_ready_) ::unlink(verb_.ready_file.c_str());
  supervisor_->shut_down(kPatience, [this] { reactor_.stop(); });
}

void DevCluster::fail(const std::string& message, const std::string& log_file) {
  if (stopping_) return;
  say(message);
  const std::string log = log_file.empty() ? "" : read_file(log_file);
  if (!log.empty()) {
    std::size_t begin = log.size() > 2000 ? log.find('\n', log.size() - 2000) + 1 : 0;
    say(fmt::format("the end of its log:\n{}", std::string_view(log).substr(begin)));
  }
  stop(kExitFailed);
}

}  // namespace

absl::StatusOr<core::Resources> divide_resources(const core::Resources& machine,
                                                 std::uint32_t agents, std::uint32_t index,
                                                 const std::string& text) {
  const core::Milli count = std::max<core::Milli>(1, agents);
  core::Resources part;
  // At least a core each, more in all than the machine has if need be: it is a desk, not a fleet.
  part.cpus = std::max<core::Milli>(1000, machine.cpus / count / 1000 * 1000);
  part.mem = machine.mem / count / 1000 * 1000;
  part.disk = machine.disk / count / 1000 * 1000;
  part.gpus = machine.gpus / count / 1000 * 1000;
  core::PortSet rest = machine.ports;
  const std::uint32_t each = machine.ports.count() / static_cast<std::uint32_t>(count);
  rest.subtract(machine.ports.lowest(each * index));
  part.ports = rest.lowest(each);
  if (text.empty()) return part;
  return agent::merge_resources(text, part);
}

int run_dev(const DevVerb& verb) {
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) {
    say(core::message_of(reactor.status()));
    return kExitFailed;
  }
  DataFolder data;
  if (auto status = data.prepare(verb.data_dir, "shoal-dev"); !status.ok()) {
    say(core::message_of(status));
    return kExitFailed;
  }
  const int exit_code = DevCluster(verb, data, **reactor).run();
  kill_all_children();
  return exit_code;
}

}  // namespace shoal::cli
