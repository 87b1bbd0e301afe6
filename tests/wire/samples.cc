#include "tests/wire/samples.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace shoal::wire {
namespace {

constexpr core::FrameworkId kFramework{0xf0f1f2f3f4f5f6f7u};
constexpr core::AgentId kAgent{0xa0a1a2a3a4a5a6a7u};
constexpr core::UpdateUuid kUuid{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
constexpr core::UpdateUuid kOtherUuid{0xff, 0xee};
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

core::RoleSummary sample_role() {
  core::RoleSummary role;
  role.name = "eng/ads";
  role.weight = 2500;
  role.frameworks = 17;
  role.allocated = {{1000, 2000, 3000, 4000}};
  role.offered = {{100, 200, 300, 0}};
  role.reserved = {{8000, 0, 0, 1000}};
  role.consumed = {{9000, 2000, 3000, 4000}};
  role.limits = {{16'000, core::kNoLimit, 0, core::kNoLimit}};
  role.guarantees = {{4000, 1'024'000, 0, 0}};
  role.dominant_share_ppm = 125'000;
  role.dominant = core::ResourceKind::kGpus;
  return role;
}

core::MachineUse sample_machine() {
  return {.cpus_milli = 2750,
          .load1_milli = 3120,
          .memory_bytes = 64'000'000'001,
          .memory_used_bytes = 5'000'000'002,
          .disk_bytes = 900'000'000'003,
          .disk_used_bytes = 80'000'000'004,
          .cpu_pressure = 125,
          .memory_pressure = 0,
          .io_pressure = core::kNoPressure,
          .reported_ms = 1'700'000'000'005};
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
  agent.region = "north";
  agent.zone = "north-1";
  agent.machine = sample_machine();
  view.agents = {agent};

  core::FrameworkSummary framework;
  framework.id = kFramework;
  framework.name = "batch";
  framework.user = "alice";
  framework.roles = {"research", "eng/ads"};
  framework.state = core::FrameworkState::kCompleted;
  framework.suppressed = true;
  framework.tasks = 12;
  framework.offers = 13;
  framework.allocated.gpus = 2000;
  framework.subscribed_ms = 1'700'000'000'002;
  framework.capabilities = 5;
  framework.suppressed_roles = {"eng/ads"};
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
  task.role = "eng/ads";
  task.use = {1250, 70'000};
  view.tasks = {task};

  core::OfferSummary offer;
  offer.id = {14, 15};
  offer.agent = kAgent;
  offer.framework = kFramework;
  offer.hostname = "node-1.example";
  offer.resources.mem = 128'000;
  offer.age_ms = 16;
  offer.role = "research";
  view.offers = {offer};
  view.roles = {sample_role()};
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

static core::LotTagsPtr reserved(bool dynamic) {
  core::LotTags tags;
  tags.reservations = {{"eng", false, {}, {}}};
  if (dynamic) {
    tags.reservations.push_back({"eng/ads", true, "alice", {{"team", "search"}, {"team", "maps"}}});
  }
  return std::make_shared<const core::LotTags>(tags);
}

// A statically reserved lot, a stack of two, a volume on it, a disk of its own, something lent.
core::Resources tagged_resources() {
  core::Resources resources = sample_resources();
  const absl::Status made = core::CustomResources::make(
      {{"licenses", core::Milli{3000}},
       {"ids", std::vector<core::CustomRange>{{1, 9}, {20, 0xffffffffffffffffu}}},
       {"bays", std::vector<std::string>{"left", "right, upper"}}},
      &resources.custom);
  EXPECT_TRUE(made.ok()) << made;

  core::Amounts amounts;
  amounts.cpus = 2000;
  amounts.gpus = 1000;
  amounts.ports = *core::PortSet::from_ranges({{20000, 20009}});
  resources.lots.add(reserved(false), amounts);
  amounts = {};
  amounts.mem = 512'000;
  resources.lots.add(reserved(true), amounts);
  amounts = {};
  amounts.disk = 10'000'000;
  core::LotTags volume = *reserved(true);
  volume.volume = {"vol-1", "data/cache", "alice", true};
  resources.lots.add(std::make_shared<const core::LotTags>(volume), amounts);
  core::LotTags mount;
  mount.disk_kind = core::DiskKind::kMount;
  mount.disk_root = "/mnt/ssd";
  resources.lots.add(std::make_shared<const core::LotTags>(mount), amounts);
  core::LotTags lent;
  lent.revocable = true;
  amounts = {};
  amounts.cpus = 750;
  resources.lots.add(std::make_shared<const core::LotTags>(lent), amounts);
  return resources;
}

core::Resources reserved_memory() {
  core::Resources resources;
  core::Amounts amounts;
  amounts.mem = 256'000;
  resources.lots.add(reserved(true), amounts);
  return resources;
}

TaskDescription sample_description() {
  TaskDescription task;
  task.command = "/usr/bin/python3";
  task.arguments = {"-c", "print('hello')", ""};
  task.environment = {{"LANG", "C.UTF-8"}, {"EMPTY", ""}};
  task.working_directory = "/srv/work";
  task.kill_grace_ms = 1500;
  task.user = "builder";
  return task;
}

Samples::Samples() : description(*encode_task_description(sample_description())) {
  core::TaskLaunch launch{"task-1", "first", {}, description, "eng/ads"};
  launch.resources.cpus = 250;
  launch.resources.mem = 128'000;
  launch.resources.ports = *core::PortSet::from_ranges({{31005, 31006}});
  fill_hello();
  fill_agent(launch);
  fill_framework(launch);
  fill_explain();
  fill_operator();
}

void Samples::fill_hello() {
  hello = {core::PeerKind::kFramework,
           1,
           2,
           0x5,
           0xc1,
           kFramework.value,
           "shoal/0.1.0",
           kCredentials,
           7};
  welcome = {1, 0x4, 0xc1, "shoal/0.1.0", 8};
  refusal = {core::RefusalCode::kNotLeader, "this master is a standby", "[::1]:7070", 1500};
  heartbeat = {42};
}

void Samples::fill_agent(const core::TaskLaunch& launch) {
  register_agent.incarnation = 0x1122334455667788u;
  register_agent.hostname = "node-1.example";
  register_agent.address = "10.0.0.1:5051";
  register_agent.resources = tagged_resources();
  register_agent.attributes = {{"rack", "r1"}, {"zone", "north"}};
  register_agent.tasks = {
      {kFramework, "task-1", "first", launch.resources, core::TaskState::kRunning, "eng/ads"},
      {kFramework, "task-2", "", {}, core::TaskState::kFinished, {}}};
  register_agent.operations = {
      {kFramework, "op-1", kUuid, core::OperationState::kFailed, "the disk is full"},
      {{}, "", kOtherUuid, core::OperationState::kFinished, ""}};
  agent_resources.resources = tagged_resources();
  agent_resources.operations.assign(register_agent.operations.begin(),
                                    register_agent.operations.end());
  register_agent.region = "north";
  register_agent.zone = "north-1";
  register_agent.capabilities = core::kAgentCapabilities;
  agent_registered = {kAgent, 5000, 15'000};
  run_task = {kFramework, launch};
  kill_task = {kFramework, kAgent, "task-1", 2500, 1500};
  status = sample_status();
  acknowledge = {kFramework, kAgent, "task-1", kUuid};
  remove_framework = {kFramework};
  apply_operation.framework = kFramework;
  apply_operation.id = "op-1";
  apply_operation.uuid = kUuid;
  apply_operation.kind = core::OperationKind::kUnreserve;
  apply_operation.consumed = reserved_memory();
  apply_operation.converted.mem = 256'000;
  operation_update = {kFramework,     kAgent, "op-1", kUuid, core::OperationState::kUnsupported,
                      "no such thing"};
  acknowledge_operation = {kFramework, kAgent, kUuid};
  update_revocable.resources.cpus = 1500;
  update_revocable.resources.mem = 64'000;
  task_reports.tasks = register_agent.tasks;
  usage_report.machine = sample_machine();
  usage_report.machine.reported_ms = 0;
  usage_report.tasks = {{kFramework, "task-1", {1250, 70'000}}, {kFramework, "task-2", {0, 1}}};
}

void Samples::fill_framework(const core::TaskLaunch& launch) {
  subscribe.name = "batch";
  subscribe.user = "alice";
  subscribe.roles = {"research", "eng/ads"};
  subscribe.suppressed_roles = {"eng/ads"};
  subscribe.failover_timeout_ms = 60'000;
  subscribe.capabilities = core::Capabilities(0x8000000000000003u);
  subscribe.minimums = {{"research", {{1000, 2000, 3000, 4000}}}, {"eng/ads", {{0, 64'000, 0, 0}}}};
  subscribe.constraints = {
      {"research", 1, core::ConstraintTarget::kAttribute, "rack",
       core::ConstraintTest::kTextNotMatches, "r[0-9]+"},
      {"eng/ads", 0, core::ConstraintTarget::kZone, "", core::ConstraintTest::kExists, ""}};
  subscribed = {kFramework, 5000, 15'000};
  offers.offers = {{{1, 2},
                    kAgent,
                    "node-1.example",
                    "10.0.0.1:5051",
                    tagged_resources(),
                    {{"rack", "r1"}, {"zone", "north"}},
                    "eng/ads",
                    "north",
                    "north-1"},
                   {{0xffffffffu, 0xfffffffeu}, {7}, "node-2", "", {}, {}, {}, {}, {}}};
  rescind.offers = {{1, 2}, {3, 4}};
  accept.offers = {{1, 2}, {3, 4}};
  accept.tasks = {launch, {"task-2", "", {}, {}, {}}};
  accept.refuse_ms = 5000;
  accept.operations.resize(3);
  accept.operations[0].id = "op-1";
  accept.operations[0].spec = {core::OperationKind::kReserve, reserved_memory(), {}};
  accept.operations[1].spec.kind = core::OperationKind::kLaunch;
  accept.operations[1].launches = 2;
  accept.operations[2].spec = {core::OperationKind::kGrow, reserved_memory(), sample_resources()};
  decline.offers = {{1, 2}, {5, 6}};
  decline.refuse_ms = 0;
  revive.roles = {"research", "*"};
  suppress.roles = {"eng/ads"};
  reconcile.tasks = {"task-1", "task-2"};
  agent_failure = {kAgent};
}

void Samples::fill_explain() {
  explain = {kFramework, "eng/ads", tagged_resources()};
  explanation.framework = kFramework;
  explanation.name = "batch";
  explanation.role = "eng/ads";
  explanation.wanted = reserved_memory();
  explanation.known = true;
  explanation.suppressed = true;
  explanation.agents = 105;
  for (std::uint32_t i = 0; i < explanation.counts.size(); ++i) explanation.counts[i] = i + 1;
  explanation.largest_total = {{64'000, 256'000'000, 0, 8000}};
  explanation.largest_free = {{500, 1000, 0, 0}};
  explanation.verdict = "14 agents have less free than the least that is offered";
  notice = {core::NoticeCode::kFiltersHideAll, "your filters hide all 105 agents"};
}

void Samples::fill_operator() {
  query = {core::QueryKind::kTasks, "task-1"};
  view = sample_view();
  teardown_framework = {kFramework};
  update_quota.configs = {
      {"eng", {{16'000, core::kNoLimit, 0, core::kNoLimit}}, {{4000, 1'024'000, 0, 0}}},
      {"research", core::kNoLimits, {}}};
  update_quota.force = true;
  update_weights.weights = {{"eng", 2500}, {"*", core::kMaxWeightMilli}};
  operate_agent.agent = kAgent;
  operate_agent.spec = {core::OperationKind::kShrink, reserved_memory(), sample_resources()};
  operate_agent.principal = "carol";
  manage_agent = {kAgent, core::AgentAction::kDrain, 600'000, true};
  read_log = {kFramework, "task-1", core::LogStream::kStderr, 4096, true};
  log_chunk = {4096, kLogData, true};
}

}  // namespace shoal::wire
