#include "tests/wire/samples.h"

#include <utility>

namespace shoal::wire {
namespace {

constexpr core::FrameworkId kFramework{0xf0f1f2f3f4f5f6f7u};
constexpr core::AgentId kAgent{0xa0a1a2a3a4a5a6a7u};
constexpr core::UpdateUuid kUuid{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
constexpr std::uint8_t kCredentials[] = {0xde, 0xad, 0x00, 0xbe, 0xef};
constexpr std::uint8_t kLogData[] = {'h', 'i', '\n', 0x00, 0xff};

core::TaskStatus sample_status() {
  core::TaskStatus status;
  status.framework = kFramework;
  status.agent = kAgent;
  status.task = "task-1";
  status.state = core::TaskState::kFailed;
  status.reason = core::TaskReason::kCommandFailed;
  status.source = core::TaskSource::kAgent;
  status.message = "ended by signal 9";
  status.has_exit = true;
  status.exit_signal = 9;
  status.timestamp_ms = 1'700'000'000'123;
  status.has_uuid = true;
  status.uuid = kUuid;
  return status;
}

core::ClusterSummary sample_cluster() {
  core::ClusterSummary cluster;
  cluster.cluster_id = 0xc1;
  cluster.version = "0.1.0";
  cluster.reactors = 2;
  cluster.agents_active = 3;
  cluster.agents_disconnected = 4;
  cluster.agents_unreachable = 5;
  cluster.frameworks_active = 6;
  cluster.frameworks_disconnected = 7;
  cluster.tasks_active = 8;
  cluster.tasks_completed = 9;
  cluster.offers = 10;
  cluster.total = sample_resources();
  cluster.used.cpus = 1500;
  cluster.offered.mem = 64'000;
  return cluster;
}

core::ClusterView sample_view() {
  core::ClusterView view;
  view.cluster = sample_cluster();

  core::AgentSummary agent;
  agent.id = kAgent;
  agent.hostname = "node-1.example";
  agent.address = "10.0.0.1:5051";
  agent.state = core::AgentState::kDisconnected;
  agent.total = sample_resources();
  agent.used.cpus = 2500;
  agent.offered.disk = 1000;
  agent.attributes = {{"rack", "r1"}, {"zone", "north"}};
  agent.tasks = 11;
  agent.registered_ms = 1'700'000'000'001;
  view.agents = {agent};

  core::FrameworkSummary framework;
  framework.id = kFramework;
  framework.name = "batch";
  framework.user = "alice";
  framework.role = "research";
  framework.state = core::FrameworkState::kCompleted;
  framework.suppressed = true;
  framework.tasks = 12;
  framework.offers = 13;
  framework.allocated.gpus = 2000;
  framework.subscribed_ms = 1'700'000'000'002;
  view.frameworks = {framework};

  core::TaskSummary task;
  task.id = "task-1";
  task.name = "first";
  task.framework = kFramework;
  task.agent = kAgent;
  task.agent_address = "10.0.0.1:5051";
  task.hostname = "node-1.example";
  task.state = core::TaskState::kFailed;
  task.reason = core::TaskReason::kCommandFailed;
  task.message = "exit code 3";
  task.has_exit = true;
  task.exit_code = 3;
  task.resources.cpus = 250;
  task.started_ms = 1'700'000'000'003;
  task.ended_ms = 1'700'000'000'004;
  view.tasks = {task};

  core::OfferSummary offer;
  offer.id = {14, 15};
  offer.agent = kAgent;
  offer.framework = kFramework;
  offer.hostname = "node-1.example";
  offer.resources.mem = 128'000;
  offer.age_ms = 16;
  view.offers = {offer};
  return view;
}

}  // namespace

core::Resources sample_resources() {
  core::Resources resources;
  resources.cpus = 4500;
  resources.mem = 8'192'125;
  resources.disk = 100'000'000;
  resources.gpus = 2000;
  resources.ports = *core::PortSet::from_ranges({{31000, 32000}, {33000, 33010}, {40000, 40000}});
  return resources;
}

TaskDescription sample_description() {
  TaskDescription task;
  task.command = "/usr/bin/python3";
  task.arguments = {"-c", "print('hello')", ""};
  task.environment = {{"LANG", "C.UTF-8"}, {"EMPTY", ""}};
  task.working_directory = "/srv/work";
  task.kill_grace_ms = 1500;
  return task;
}

Samples::Samples() : description(*encode_task_description(sample_description())) {
  hello = {
      core::PeerKind::kFramework, 1, 2, 0x5, 0xc1, kFramework.value, "shoal/0.1.0", kCredentials};
  welcome = {1, 0x4, 0xc1, "shoal/0.1.0"};
  refusal = {core::RefusalCode::kInvalidOffer, "offer o-00000001-00000002 is not open"};
  heartbeat = {42};

  core::TaskLaunch launch{"task-1", "first", {}, description};
  launch.resources.cpus = 250;
  launch.resources.mem = 128'000;
  launch.resources.ports = *core::PortSet::from_ranges({{31005, 31006}});

  register_agent.incarnation = 0x1122334455667788u;
  register_agent.hostname = "node-1.example";
  register_agent.address = "10.0.0.1:5051";
  register_agent.resources = sample_resources();
  register_agent.attributes = {{"rack", "r1"}, {"zone", "north"}};
  register_agent.tasks = {
      {kFramework, "task-1", "first", launch.resources, core::TaskState::kRunning},
      {kFramework, "task-2", "", {}, core::TaskState::kFinished}};
  agent_registered = {kAgent, 5000, 15'000};
  run_task = {kFramework, launch};
  kill_task = {kFramework, kAgent, "task-1", 2500};
  status = sample_status();
  acknowledge = {kFramework, kAgent, "task-1", kUuid};
  remove_framework = {kFramework};

  subscribe = {"batch", "alice", "research", 60'000};
  subscribed = {kFramework, 5000, 15'000};
  offers.offers = {{{1, 2},
                    kAgent,
                    "node-1.example",
                    "10.0.0.1:5051",
                    sample_resources(),
                    {{"rack", "r1"}, {"zone", "north"}}},
                   {{0xffffffffu, 0xfffffffeu}, {7}, "node-2", "", {}, {}}};
  rescind.offers = {{1, 2}, {3, 4}};
  accept.offers = {{1, 2}, {3, 4}};
  accept.tasks = {launch, {"task-2", "", {}, {}}};
  accept.refuse_ms = 5000;
  decline.offers = {{1, 2}, {5, 6}};
  decline.refuse_ms = 0;
  reconcile.tasks = {"task-1", "task-2"};
  agent_failure = {kAgent};

  query = {core::QueryKind::kTasks, "task-1"};
  view = sample_view();
  teardown_framework = {kFramework};
  read_log = {kFramework, "task-1", core::LogStream::kStderr, 4096, true};
  log_chunk = {4096, kLogData, true};
}

}  // namespace shoal::wire
