// What peers of every release have said, said again to today's master over real connections: its
// answers must mean what they meant. SHOAL_UPDATE_GOLDEN=1 records this release first; the peers'
// side of it is what record_agent() and record_framework() say.
#include "tests/wire/conversation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "core/status.h"
#include "core/version.h"
#include "tests/master/frame_client.h"
#include "tests/master/running_master.h"
#include "wire/task_description.h"

namespace shoal::master {
namespace {

using core::TaskState;
using wire::MessageKind;

constexpr std::string_view kAgent = "agent";
constexpr std::string_view kFramework = "framework";
constexpr std::string_view kTask = "t-1";
constexpr std::int64_t kHourMs = 3'600'000;

// Beats often, so that whoever plays a recording need not wait, and is patient.
void set_up(RunningMaster& master) {
  master.options.heartbeat_interval = std::chrono::milliseconds(100);
  master.options.session_timeout = std::chrono::minutes(1);
  master.start();
}

MessageKind kind_of(const wire::FrameView& frame) {
  return static_cast<MessageKind>(frame.header.kind);
}

// --- replay ---

void play(const wire::Conversation& conversation) {
  RunningMaster master;
  set_up(master);
  wire::Replay replay(conversation);
  std::map<std::string, std::unique_ptr<FrameClient>> clients;
  for (std::size_t i = 0; i < conversation.lines.size(); ++i) {
    const wire::Line& line = conversation.lines[i];
    SCOPED_TRACE(fmt::format("frame {}: {} {}", i, line.peer, wire::name_of(line.kind)));
    std::unique_ptr<FrameClient>& client = clients[line.peer];
    if (line.is_break) {
      client.reset();
      continue;
    }
    if (client == nullptr) client = std::make_unique<FrameClient>(master.address());
    if (!line.from_master) {
      const wire::ByteVector frame = replay.say(line);
      client->send_raw(frame.data(), frame.size());
      continue;
    }
    const wire::FrameView* answer = client->next();
    // It comes when a framework has had no offer for a second, which a slow machine may take.
    while (answer != nullptr && kind_of(*answer) == MessageKind::kNotice) answer = client->next();
    ASSERT_NE(answer, nullptr) << "the master has closed the connection";
    ASSERT_EQ(replay.hear(line, *answer), "");
  }
}

// --- recording ---

// Peers who talk with a master of this release and have all of it recorded.
class Stage {
 public:
  Stage() { set_up(master_); }

  void note(std::string text) { recorder_.note(std::move(text)); }

  template <typename T>
  void say(std::string_view peer, const T& message) {
    std::unique_ptr<FrameClient>& client = clients_[std::string(peer)];
    if (client == nullptr) client = std::make_unique<FrameClient>(master_.address());
    wire::ByteVector frame;
    wire::encode(message, peer == kAgent ? 0 : next_correlation_++, frame);
    client->send_raw(frame.data(), frame.size());
    keep(peer, false, frame);
  }

  // The next message to `peer`, which must be a T. Views are valid until the next call for it.
  template <typename T>
  T hear(std::string_view peer) {
    const wire::FrameView* frame = clients_[std::string(peer)]->next();
    if (frame == nullptr) {
      ADD_FAILURE() << "the master has closed the connection";
      return {};
    }
    wire::ByteVector bytes(core::kFrameHeaderBytes);
    wire::write_frame_header(frame->header, bytes.data());
    bytes.insert(bytes.end(), frame->payload.begin(), frame->payload.end());
    keep(peer, true, bytes);
    wire::ByteVector expected;
    wire::encode(T{}, 0, expected);
    EXPECT_EQ(frame->header.kind, wire::kind_of_frame(expected)) << wire::name_of(kind_of(*frame));
    absl::StatusOr<T> message = wire::decode<T>(frame->payload);
    EXPECT_TRUE(message.ok()) << message.status();
    return message.ok() ? *std::move(message) : T{};
  }

  void lose(std::string_view peer) {
    clients_[std::string(peer)].reset();
    recorder_.add_break(peer);
  }

  void write(std::string_view name) const {
    const std::filesystem::path path = wire::path_to_record(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << wire::to_text(recorder_.conversation());
  }

  core::AgentId agent;
  core::FrameworkId framework;
  std::uint64_t cluster = 0;

 private:
  void keep(std::string_view peer, bool from_master, const wire::ByteVector& frame) {
    const absl::Status kept = recorder_.add(peer, from_master, frame);
    EXPECT_TRUE(kept.ok()) << kept;
  }

  RunningMaster master_;
  wire::Recorder recorder_;
  std::map<std::string, std::unique_ptr<FrameClient>> clients_;
  std::uint32_t next_correlation_ = 1;
};

void greet(Stage& stage, std::string_view peer) {
  core::Hello hello;
  hello.kind = peer == kAgent ? core::PeerKind::kAgent : core::PeerKind::kFramework;
  hello.protocol_min = hello.protocol_max = wire::kProtocolVersion;
  hello.features = core::kFeatures;
  hello.cluster_id = peer == kAgent || stage.framework.valid() ? stage.cluster : 0;
  hello.peer_id = peer == kAgent ? stage.agent.value : stage.framework.value;
  hello.software = peer == kAgent ? core::kSoftware : "shoal-sdk/0.1.0";
  stage.say(peer, hello);
  stage.cluster = stage.hear<core::Welcome>(peer).cluster_id;
}

core::RegisterAgent registration() {
  core::RegisterAgent message;
  message.incarnation = 0x0123456789abcdef;
  message.hostname = "host-1";
  message.address = "127.0.0.1:5051";
  message.resources =
      core::parse_resources("cpus:4;mem:1000;disk:1000;ports:[31000-31009]").value();
  message.attributes = {{"rack", "a"}, {"ssd", "true"}};
  message.capabilities = core::kAgentCapabilities;
  return message;
}

void register_agent(Stage& stage, const core::RegisterAgent& message) {
  greet(stage, kAgent);
  stage.say(kAgent, message);
  stage.agent = stage.hear<core::AgentRegistered>(kAgent).agent;
}

void subscribe(Stage& stage) {
  greet(stage, kFramework);
  core::Subscribe message;
  message.name = "recorded";
  message.user = "me";
  message.roles = {"web"};
  message.failover_timeout_ms = kHourMs;
  message.capabilities = core::Capabilities().with(core::Capability::kNotices);
  stage.say(kFramework, message);
  stage.framework = stage.hear<core::Subscribed>(kFramework).framework;
}

std::vector<std::uint8_t> description() {
  wire::TaskDescription task;
  task.shell = true;
  task.command = "exec sleep 1000";
  return wire::encode_task_description(task).value();
}

core::TaskLaunch launch_of(std::string_view id, const std::vector<std::uint8_t>& description) {
  core::TaskLaunch task;
  task.id = id;
  task.name = "a task";
  task.resources = core::parse_resources("cpus:1;mem:100").value();
  task.description = description;
  return task;
}

core::UpdateUuid say_state(Stage& stage, std::string_view task, TaskState state,
                           std::uint8_t number) {
  core::TaskStatus status;
  status.framework = stage.framework;
  status.agent = stage.agent;
  status.task = task;
  status.state = state;
  status.source = core::TaskSource::kAgent;
  if (state == TaskState::kKilled) {
    status.has_exit = true;
    status.exit_signal = SIGTERM;
    status.message = "killed by SIGTERM";
  }
  status.timestamp_ms = 1'700'000'000'000 + number;
  status.has_uuid = true;
  status.uuid.fill(static_cast<std::uint8_t>(0xa0 + number));
  stage.say(kAgent, status);
  return status.uuid;
}

// The agent tells of the task, the framework hears and acknowledges it, and so does the agent.
void tell_state(Stage& stage, std::string_view task, TaskState state, std::uint8_t number) {
  const core::UpdateUuid uuid = say_state(stage, task, state, number);
  stage.hear<core::TaskStatus>(kFramework);
  stage.say(kFramework, core::AcknowledgeUpdate{stage.framework, stage.agent, task, uuid});
  stage.hear<core::AcknowledgeUpdate>(kAgent);
}

void beat(Stage& stage, std::string_view peer) {
  stage.say(peer, core::Heartbeat{1});
  stage.hear<core::Heartbeat>(peer);
}

// With the heartbeat before it.
void report_usage(Stage& stage) {
  beat(stage, kAgent);
  core::UsageReport report;
  report.machine.cpus_milli = 1250;
  report.machine.memory_bytes = 16'000'000'000;
  report.machine.memory_used_bytes = 3'000'000'000;
  report.machine.disk_bytes = 500'000'000'000;
  report.machine.disk_used_bytes = 20'000'000'000;
  report.machine.cpu_pressure = 125;
  report.tasks = {{stage.framework, kTask, {700, 2048}}};
  stage.say(kAgent, report);
}

void kill_task(Stage& stage) {
  core::KillTask kill;
  kill.framework = stage.framework;
  kill.task = kTask;
  stage.say(kFramework, kill);
  stage.hear<core::KillTask>(kAgent);
  tell_state(stage, kTask, TaskState::kKilling, 2);
  tell_state(stage, kTask, TaskState::kKilled, 3);
}

// The framework reserves a cpu, which is another message to the agent, and launches the task. What
// the agent and the task have then is put into `back`.
void reserve_and_launch(Stage& stage, core::OfferId offer, core::RegisterAgent& back) {
  const std::vector<std::uint8_t> bytes = description();
  core::Accept accept;
  accept.offers.push_back(offer);
  accept.tasks.push_back(launch_of(kTask, bytes));
  accept.refuse_ms = kHourMs;
  core::Operation reserve;
  reserve.id = "r-1";
  reserve.spec.resources = core::parse_resources("cpus(web,dynamic):1").value();
  accept.operations.push_back(reserve);
  stage.say(kFramework, accept);
  const auto apply = stage.hear<core::ApplyOperation>(kAgent);
  back.resources -= apply.consumed;
  back.resources += apply.converted;
  const core::UpdateUuid uuid = apply.uuid;
  core::TaskReport report;
  report.framework = stage.framework;
  report.id = kTask;
  report.name = "a task";
  report.resources = stage.hear<core::RunTask>(kAgent).task.resources;
  report.state = TaskState::kRunning;
  report.role = "web";
  back.tasks.push_back(report);
  core::OperationUpdate done{
      stage.framework, stage.agent, "r-1", uuid, core::OperationState::kFinished, ""};
  stage.say(kAgent, done);
  stage.hear<core::OperationUpdate>(kFramework);
  stage.say(kFramework, core::AcknowledgeOperation{stage.framework, stage.agent, uuid});
  stage.hear<core::AcknowledgeOperation>(kAgent);
}

core::OfferId next_offer(Stage& stage) {
  const auto offers = stage.hear<core::Offers>(kFramework).offers;
  return offers.empty() ? core::OfferId() : offers[0].id;
}

void launch(Stage& stage, std::string_view task, core::OfferId offer, std::int64_t refuse_ms) {
  const std::vector<std::uint8_t> bytes = description();
  core::Accept accept;
  accept.offers.push_back(offer);
  accept.tasks.push_back(launch_of(task, bytes));
  accept.refuse_ms = refuse_ms;
  stage.say(kFramework, accept);
  stage.hear<core::RunTask>(kAgent);
}

void record_agent() {
  Stage stage;
  stage.note("The agent registers. It lends nothing.");
  register_agent(stage, registration());
  stage.note("A framework comes, and is offered all of it.");
  subscribe(stage);
  const core::OfferId offer = next_offer(stage);
  stage.note("It reserves a cpu and launches a task; of the rest it wants nothing for an hour.");
  core::RegisterAgent back = registration();
  reserve_and_launch(stage, offer, back);
  tell_state(stage, kTask, TaskState::kRunning, 1);
  stage.say(kFramework, core::Suppress{});
  stage.note("It beats, and tells what is used.");
  report_usage(stage);
  stage.note("The agent comes back with its task after a break.");
  stage.lose(kAgent);
  register_agent(stage, back);
  stage.note("The task is killed.");
  kill_task(stage);
  stage.note("The framework ends with another task: the master kills it, and hears of its end.");
  stage.say(kFramework, core::Revive{});
  launch(stage, "t-2", next_offer(stage), kHourMs);
  tell_state(stage, "t-2", TaskState::kRunning, 4);
  stage.say(kFramework, core::Teardown{});
  stage.hear<core::KillTask>(kAgent);
  for (const TaskState state : {TaskState::kKilling, TaskState::kKilled}) {
    say_state(stage, "t-2", state, state == TaskState::kKilled ? 6 : 5);
    stage.hear<core::AcknowledgeUpdate>(kAgent);
  }
  stage.write("agent");
}

void decline(Stage& stage, core::OfferId offer) {
  core::Decline message;
  message.offers.push_back(offer);
  message.refuse_ms = kHourMs;
  stage.say(kFramework, message);
}

void reconcile(Stage& stage, std::string_view task) {
  core::Reconcile message;
  message.tasks.push_back(task);
  stage.say(kFramework, message);
  stage.hear<core::TaskStatus>(kFramework);
}

void record_framework() {
  Stage stage;
  stage.note("There is an agent.");
  register_agent(stage, registration());
  stage.note("The framework subscribes, and launches a task on what it is offered.");
  subscribe(stage);
  launch(stage, kTask, next_offer(stage), 0);
  stage.note("The rest is offered at once, as it said, and declined for an hour.");
  decline(stage, next_offer(stage));
  tell_state(stage, kTask, TaskState::kRunning, 1);
  beat(stage, kFramework);
  stage.note("No more offers; until it revives, which forgets what it declined.");
  stage.say(kFramework, core::Suppress{});
  stage.say(kFramework, core::Revive{});
  decline(stage, next_offer(stage));
  stage.note("Why is there none? What is with the tasks, the second of which nobody knows?");
  core::Explain explain;
  explain.role = "web";
  explain.resources = core::parse_resources("cpus:8").value();
  stage.say(kFramework, explain);
  stage.hear<core::Explanation>(kFramework);
  reconcile(stage, kTask);
  reconcile(stage, "t-2");
  stage.note("It comes back after a break, which makes its offers new.");
  stage.lose(kFramework);
  subscribe(stage);
  const core::OfferId held = next_offer(stage);
  stage.say(kFramework, core::Reconcile{});
  stage.hear<core::TaskStatus>(kFramework);
  stage.note("The task is killed.");
  decline(stage, held);
  kill_task(stage);
  stage.note("What the task had is offered, until the agent goes. What is used then is too late.");
  const core::OfferId lost = next_offer(stage);
  stage.lose(kAgent);
  stage.hear<core::Rescind>(kFramework);
  decline(stage, lost);
  stage.hear<core::Refusal>(kFramework);
  stage.say(kFramework, core::Teardown{});
  stage.write("framework");
}

// --- tests ---

void play_all(std::string_view name) {
  const auto paths = wire::recorded(name);
  ASSERT_FALSE(paths.empty());
  for (const std::filesystem::path& path : paths) {
    SCOPED_TRACE(path);
    const auto conversation = wire::read_conversation(path);
    ASSERT_TRUE(conversation.ok()) << conversation.status();
    play(*conversation);
  }
}

bool updating() { return std::getenv("SHOAL_UPDATE_GOLDEN") != nullptr; }

TEST(Conversation, AnAgentsLife) {
  if (updating()) record_agent();
  play_all("agent");
}

TEST(Conversation, AFrameworksLife) {
  if (updating()) record_framework();
  play_all("framework");
}

}  // namespace
}  // namespace shoal::master
