// An agent on the test's loop, with a master that the test plays.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/cgroup.h"
#include "agent/checkpoint.h"
#include "agent/leftovers.h"
#include "net/http_client.h"
#include "net/listener.h"
#include "tests/agent/loop.h"
#include "tests/agent/recording_effects.h"
#include "tests/agent/task_fixture.h"

namespace shoal::agent {

class FakeMaster final : public net::ConnectionHandler {
 public:
  explicit FakeMaster(net::Reactor& reactor) : reactor_(reactor) {
    net::ListenerOptions options;
    options.frames = this;
    listener_ = *net::Listener::create(reactor, "127.0.0.1:0", options);
  }
  std::string address() const { return listener_->bound_address().to_string(); }
  net::Connection* agent() { return reactor_.find_connection(session_); }

  void on_registration(net::Connection& connection, const KeptFrame& kept) {
    const auto message = kept.as<core::RegisterAgent>();
    ASSERT_TRUE(message.ok()) << message.status();
    ++registrations;
    resources = message->resources;
    address_of_agent = message->address;
    hostname = message->hostname;
    attributes = message->attributes.size();
    tasks = message->tasks.size() + std::exchange(tasks_before, 0);
    operations_reported = message->operations.size();
    domain = fmt::format("{}/{}", message->region, message->zone);
    session_ = connection.id();
    send_message(connection, core::AgentRegistered{core::AgentId{0xa1}, 50, 20'000});
  }

  void on_frame(net::Connection& connection, const wire::FrameView& frame) override {
    const KeptFrame kept = keep(frame);
    switch (kept.kind) {
      case wire::MessageKind::kHello: {
        const auto message = kept.as<core::Hello>();
        ASSERT_TRUE(message.ok()) << message.status();
        hellos.push_back(message->epoch);
        connection.set_authenticated();
        if (refusal) return send_message(connection, core::Refusal{*refusal, "not you", leader});
        return send_message(connection, core::Welcome{1, core::kFeatures, kCluster, "test", epoch});
      }
      case wire::MessageKind::kRegisterAgent:
        return on_registration(connection, kept);
      case wire::MessageKind::kHeartbeat:
        ++heartbeats;
        return connection.send(frame.header, frame.payload);
      case wire::MessageKind::kStatusUpdate: {
        const auto message = kept.as<core::TaskStatus>();
        ASSERT_TRUE(message.ok()) << message.status();
        states[std::string(message->task)].push_back(message->state);
        texts[std::string(message->task)] = message->message;
        if (message->has_uuid && acknowledges) {
          send_message(connection, core::AcknowledgeUpdate{message->framework, message->agent,
                                                           message->task, message->uuid});
        }
        return;
      }
      case wire::MessageKind::kOperationUpdate: {
        const auto message = kept.as<core::OperationUpdate>();
        ASSERT_TRUE(message.ok()) << message.status();
        operations[std::string(message->id)] = message->state;
        texts[std::string(message->id)] = message->message;
        if (!acknowledges) return;
        return send_message(connection, core::AcknowledgeOperation{message->framework,
                                                                   message->agent, message->uuid});
      }
      case wire::MessageKind::kUpdateRevocable: {
        const auto message = kept.as<core::UpdateRevocable>();
        ASSERT_TRUE(message.ok()) << message.status();
        lent = message->resources;
        return;
      }
      case wire::MessageKind::kTaskReports: {
        const auto message = kept.as<core::TaskReports>();
        ASSERT_TRUE(message.ok()) << message.status();
        tasks_before += message->tasks.size();
        return;
      }
      case wire::MessageKind::kUsageReport: {
        const auto message = kept.as<core::UsageReport>();
        ASSERT_TRUE(message.ok()) << message.status();
        machine = message->machine;
        for (const core::TaskUseReport& task : message->tasks) {
          uses[std::string(task.task)] = task.use;
        }
        return;
      }
      default:
        FAIL() << "unexpected kind " << frame.header.kind;
    }
  }
  void on_closed(net::Connection&, const absl::Status&) override { ++closes; }

  void run(const std::string& task, const std::string& line,
           std::string_view resources_text = "cpus:0.1;mem:1", std::int64_t grace_ms = -1) {
    wire::TaskDescription description;
    description.shell = true;
    description.command = line;
    description.kill_grace_ms = grace_ms;
    description.max_completion_ms = max_completion_ms;
    const auto bytes = wire::encode_task_description(description);
    core::RunTask message;
    message.framework = kFramework;
    message.task = {task, task, resources_of(resources_text), *bytes, {}};
    send_message(*agent(), message);
  }
  // The id is also the first letter of its uuid.
  void apply(const std::string& id, core::OperationKind kind, std::string_view consumed,
             std::string_view converted) {
    core::ApplyOperation message;
    message.framework = kFramework;
    message.id = id;
    message.uuid = {static_cast<std::uint8_t>(id.front()), 1};
    message.kind = kind;
    message.consumed = resources_of(consumed);
    message.converted = resources_of(converted);
    send_message(*agent(), message);
  }
  bool is_done(const std::string& operation) const {
    const auto found = operations.find(operation);
    return found != operations.end() && found->second == core::OperationState::kFinished;
  }
  bool has_ended(const std::string& task) const {
    const auto found = states.find(task);
    return found != states.end() && core::is_terminal(found->second.back());
  }
  bool is_running(const std::string& task) const {
    const auto found = states.find(task);
    return found != states.end() && found->second.back() == core::TaskState::kRunning;
  }

  std::int64_t max_completion_ms = -1;  // of the tasks that follow
  std::optional<core::RefusalCode> refusal;
  std::string leader;  // of the refusal
  std::uint64_t epoch = 0;
  std::vector<std::uint64_t> hellos;  // the epochs that they named
  bool acknowledges = true;
  int registrations = 0;
  int heartbeats = 0;
  int closes = 0;
  core::Resources resources;
  std::string address_of_agent;
  std::string hostname;
  std::size_t attributes = 0;
  std::size_t tasks = 0;         // of the last registration
  std::size_t tasks_before = 0;  // told of before it
  core::MachineUse machine;      // as last reported
  std::map<std::string, core::TaskUse> uses;
  std::size_t operations_reported = 0;
  std::string domain;
  core::Resources lent;
  std::map<std::string, core::OperationState> operations;
  std::map<std::string, std::vector<core::TaskState>> states;
  std::map<std::string, std::string> texts;

 private:
  net::Reactor& reactor_;
  std::unique_ptr<net::Listener> listener_;
  net::SessionId session_ = 0;
};

class AgentTest : public testing::Test {
 protected:
  AgentOptions options() {
    AgentOptions options;
    options.masters = {master_.address()};
    options.data_dir = folder_.path() + "/data";
    options.resources = "cpus:4;mem:1000;ports:[31000-31009]";
    options.attributes = "rack:a;ssd:true";
    options.hostname = "host-1";
    options.supervisor = supervisor_program();
    options.on_stop = OnStop::kKill;
    options.usage_interval = core::Duration{0};
    return options;
  }
  void start(const AgentOptions& options) {
    Agent::Hooks hooks;
    hooks.on_ready = [this](const AgentReady& ready) { ready_ = ready; };
    hooks.on_stopped = [this](const absl::Status& status) { stopped_ = status; };
    auto made = Agent::create(loop_.reactor(), options, std::move(hooks));
    ASSERT_TRUE(made.ok()) << made.status();
    agent_ = *std::move(made);
  }
  void start_and_wait() { start_and_wait(options()); }
  void start_and_wait(const AgentOptions& options) {
    start(options);
    ASSERT_TRUE(loop_.run_until([&] { return ready_.has_value(); }));
  }
  void stop() {
    agent_->shutdown();
    ASSERT_TRUE(loop_.run_until([&] { return stopped_.has_value(); }));
    agent_.reset();
    stopped_.reset();
    ready_.reset();
  }
  AgentOptions options_with_disk() {
    AgentOptions with_disk = options();
    with_disk.resources = "cpus:4;mem:1000;disk:1000;ports:[31000-31009]";
    return with_disk;
  }
  std::string data(const std::string& path) { return options().data_dir + "/" + path; }
  std::string output(const std::string& task) {
    std::ifstream in(
        data(fmt::format("sandboxes/{}/{}/latest/stdout", core::to_string(kFramework), task)));
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void make_volume() {
    master_.apply("reserve", core::OperationKind::kReserve, "disk:100", "disk(ads,dynamic):100");
    master_.apply("create", core::OperationKind::kCreate, "disk(ads,dynamic):100",
                  "disk(ads,dynamic)[v1:deep/data]:100");
    ASSERT_TRUE(loop_.run_until([&] { return master_.is_done("create"); }));
  }
  // Whatever a test leaves must not run on.
  void TearDown() override {
    agent_.reset();
    HuntOptions all;
    all.data_dir = options().data_dir;
    kill_leftovers(std::move(all));
    CgroupOptions held;
    held.data_dir = options().data_dir;
    const auto cgroups = Cgroups::open(held);
    if (!cgroups.ok()) return;  // it had none
    cgroups->end_all_but({});
    cgroups->close();
  }
  // What the agent answers to a GET.
  absl::StatusOr<net::HttpAnswer> get(const std::string& target) {
    std::optional<absl::StatusOr<net::HttpAnswer>> answer;
    const net::HttpCall get(loop_.reactor(), *net::parse_host_port(agent_->address()), target, {},
                            [&](absl::StatusOr<net::HttpAnswer> got) { answer = std::move(got); });
    EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
    return answer.value_or(absl::UnknownError("no answer"));
  }
  // Asks again and again, until the answer is as it should be.
  bool get_until(const std::string& target,
                 const std::function<bool(const net::HttpAnswer&)>& is_right) {
    for (int tries = 0; tries < 20'000; ++tries) {
      const auto answer = get(target);
      if (answer.ok() && is_right(*answer)) return true;
    }
    return false;
  }
  std::string files_of(const std::string& task) const {
    return fmt::format("/v1/tasks/{}/{}/files", core::to_string(kFramework), task);
  }
  std::size_t runs_on_disk() { return find_runs(options().data_dir)->runs.size(); }
  // A daemon of its own, with `given`; registered when it returns.
  pid_t start_daemon(const AgentOptions& given) {
    const int registered = master_.registrations;
    const pid_t daemon = ::fork();
    if (daemon == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that fails leaves no daemon
      ::_exit(run_agent(given).ok() ? 0 : 1);
    }
    EXPECT_TRUE(loop_.run_until([&] { return master_.registrations > registered; }));
    return daemon;
  }
  void kill_daemon(pid_t daemon) {
    ::kill(daemon, SIGKILL);
    ASSERT_EQ(::waitpid(daemon, nullptr, 0), daemon);
    loop_.run_until([&] { return master_.agent() == nullptr; });
  }
  AgentOptions keeping_options() {
    AgentOptions keeping = options();
    keeping.on_stop = OnStop::kKeep;
    return keeping;
  }
  absl::Status create_error(const AgentOptions& options) {
    auto made = Agent::create(loop_.reactor(), options, {});
    return made.status();
  }

  TempFolder folder_;
  Loop loop_;
  FakeMaster master_{loop_.reactor()};
  std::optional<AgentReady> ready_;
  std::optional<absl::Status> stopped_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace shoal::agent
