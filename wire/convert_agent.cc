// The agent conversation, and what frameworks and operators share with it.
#include "wire/agent_generated.h"
#include "wire/convert.h"

namespace shoal::wire {

// --- registration ---

static Offset<fb::TaskReport> put(Builder& builder, const core::TaskReport& in) {
  const auto id = put_text(builder, in.id);
  const auto name = put_text(builder, in.name);
  const auto resources = put(builder, in.resources);
  // Most tasks of an agent share a few roles.
  Offset<flatbuffers::String> role = 0;
  if (!in.role.empty()) role = builder.CreateSharedString(in.role.data(), in.role.size());
  return fb::CreateTaskReport(builder, in.framework.value, id, name, resources,
                              static_cast<fb::TaskState>(in.state), role);
}

static void read(Reader& reader, const fb::TaskReport& in, core::TaskReport& out) {
  out.framework = reader.framework_id(in.framework());
  out.id = reader.name(in.id(), "id");
  out.name = reader.task_name(in.name());
  reader.table(in.resources(), "resources", out.resources);
  out.state = reader.enumerated<core::TaskState>(in.state(), core::kTaskStates, "state");
  out.role = reader.role(in.role(), "role");
}

static fb::Uuid to_struct(const core::UpdateUuid& uuid) {
  return fb::Uuid(flatbuffers::span<const std::uint8_t, 16>(uuid));
}

static core::OperationState read_state(Reader& reader, fb::OperationState in) {
  return reader.enumerated<core::OperationState>(in, core::kOperationStates, "state");
}

static Offset<fb::OperationReport> put(Builder& builder, const core::OperationReport& in) {
  const auto id = put_text(builder, in.id);
  const auto message = put_text(builder, in.message);
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateOperationReport(builder, in.framework.value, id, &uuid,
                                   static_cast<fb::OperationState>(in.state), message);
}

static void read(Reader& reader, const fb::OperationReport& in, core::OperationReport& out) {
  out.framework = core::FrameworkId{in.framework()};
  out.id = reader.optional_name(in.id(), "id");
  out.uuid = reader.uuid(in.uuid(), "uuid");
  out.state = read_state(reader, in.state());
  out.message =
      reader.text(in.message(), "message", Reader::kOptional, core::kMaxOperationTextBytes);
}

static Offset<fb::RegisterAgent> put(Builder& builder, const core::RegisterAgent& in) {
  const auto hostname = put_text(builder, in.hostname);
  const auto address = put_text(builder, in.address);
  const auto resources = put(builder, in.resources);
  const auto attributes = put_each<fb::Attribute>(builder, in.attributes);
  const auto tasks = put_each<fb::TaskReport>(builder, in.tasks);
  const auto operations = put_each<fb::OperationReport>(builder, in.operations);
  const auto region = put_text(builder, in.region);
  const auto zone = put_text(builder, in.zone);
  return fb::CreateRegisterAgent(builder, in.incarnation, hostname, address, resources, attributes,
                                 tasks, operations, region, zone, in.capabilities);
}

static void read(Reader& reader, const fb::RegisterAgent& in, core::RegisterAgent& out) {
  out.incarnation = reader.nonzero(in.incarnation(), "incarnation");
  out.hostname = reader.text(in.hostname(), "hostname", Reader::kRequired);
  out.address = reader.text(in.address(), "address");
  reader.table(in.resources(), "resources", out.resources);
  read_attributes(reader, in.attributes(), out.attributes);
  reader.each(in.tasks(), "tasks", core::kMaxTaskReports, out.tasks);
  reader.each(in.operations(), "operations", core::kMaxOperationsPerAgent, out.operations);
  reader.region_and_zone(in, out);
  out.capabilities = in.capabilities();
}

static Offset<fb::TaskReports> put(Builder& builder, const core::TaskReports& in) {
  const auto tasks = put_each<fb::TaskReport>(builder, in.tasks);
  return fb::CreateTaskReports(builder, tasks);
}

static void read(Reader& reader, const fb::TaskReports& in, core::TaskReports& out) {
  reader.each(in.tasks(), "tasks", core::kMaxTaskReports, out.tasks);
  reader.require(!out.tasks.empty(), "tasks", "are missing or empty");
}

static Offset<fb::AgentRegistered> put(Builder& builder, const core::AgentRegistered& in) {
  return fb::CreateAgentRegistered(builder, in.agent.value, in.heartbeat_interval_ms,
                                   in.session_timeout_ms);
}

static void read(Reader& reader, const fb::AgentRegistered& in, core::AgentRegistered& out) {
  out.agent = reader.agent_id(in.agent());
  out.heartbeat_interval_ms = reader.nonzero(in.heartbeat_interval_ms(), "heartbeat_interval_ms");
  out.session_timeout_ms = reader.nonzero(in.session_timeout_ms(), "session_timeout_ms");
}

// --- tasks ---

static Offset<fb::RunTask> put(Builder& builder, const core::RunTask& in) {
  const auto task = put(builder, in.task);
  return fb::CreateRunTask(builder, in.framework.value, task);
}

static void read(Reader& reader, const fb::RunTask& in, core::RunTask& out) {
  out.framework = reader.framework_id(in.framework());
  reader.table(in.task(), "task", out.task, Reader::kRequired);
}

static Offset<fb::KillTask> put(Builder& builder, const core::KillTask& in) {
  const auto task = put_text(builder, in.task);
  return fb::CreateKillTask(builder, in.framework.value, in.agent.value, task, in.grace_ms,
                            in.max_grace_ms);
}

static void read(Reader& reader, const fb::KillTask& in, core::KillTask& out) {
  out.framework = reader.framework_id(in.framework());
  out.agent = core::AgentId{in.agent()};
  out.task = reader.name(in.task(), "task");
  out.grace_ms = reader.duration_or_default(in.grace_ms(), "grace_ms");
  out.max_grace_ms = reader.duration_or_default(in.max_grace_ms(), "max_grace_ms");
}

static Offset<fb::StatusUpdate> put(Builder& builder, const core::TaskStatus& in) {
  const auto task = put_text(builder, in.task);
  const auto message = put_text(builder, in.message);
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateStatusUpdate(
      builder, in.framework.value, in.agent.value, task, static_cast<fb::TaskState>(in.state),
      reason_of(in), static_cast<fb::TaskSource>(in.source), message, exit_code_of(in),
      exit_signal_of(in), in.timestamp_ms, in.has_uuid ? &uuid : nullptr, limit_of(in));
}

static void read(Reader& reader, const fb::StatusUpdate& in, core::TaskStatus& out) {
  out.framework = reader.framework_id(in.framework());
  out.agent = core::AgentId{in.agent()};
  out.task = reader.name(in.task(), "task");
  out.state = reader.enumerated<core::TaskState>(in.state(), core::kTaskStates, "state");
  out.reason = read_reason(reader, in);
  out.source = reader.enumerated<core::TaskSource>(in.source(), core::kTaskSources, "source");
  out.message = reader.text(in.message(), "message");
  read_exit(reader, in, out);
  out.timestamp_ms = reader.since(in.timestamp_ms(), "timestamp_ms");
  out.has_uuid = in.uuid() != nullptr;
  if (out.has_uuid) out.uuid = reader.uuid(in.uuid(), "uuid");
}

static Offset<fb::AcknowledgeUpdate> put(Builder& builder, const core::AcknowledgeUpdate& in) {
  const auto task = put_text(builder, in.task);
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateAcknowledgeUpdate(builder, in.framework.value, in.agent.value, task, &uuid);
}

static void read(Reader& reader, const fb::AcknowledgeUpdate& in, core::AcknowledgeUpdate& out) {
  out.framework = reader.framework_id(in.framework());
  out.agent = reader.agent_id(in.agent());
  out.task = reader.name(in.task(), "task");
  out.uuid = reader.uuid(in.uuid(), "uuid");
}

static Offset<fb::RemoveFramework> put(Builder& builder, const core::RemoveFramework& in) {
  return fb::CreateRemoveFramework(builder, in.framework.value);
}

static void read(Reader& reader, const fb::RemoveFramework& in, core::RemoveFramework& out) {
  out.framework = reader.framework_id(in.framework());
}

// --- operations ---

static Offset<fb::ApplyOperation> put(Builder& builder, const core::ApplyOperation& in) {
  const auto id = put_text(builder, in.id);
  const auto consumed = put(builder, in.consumed);
  const auto converted = put(builder, in.converted);
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateApplyOperation(builder, in.framework.value, id, &uuid,
                                  static_cast<fb::OperationKind>(in.kind), consumed, converted);
}

static void read(Reader& reader, const fb::ApplyOperation& in, core::ApplyOperation& out) {
  out.framework = core::FrameworkId{in.framework()};
  out.id = reader.optional_name(in.id(), "id");
  out.uuid = reader.uuid(in.uuid(), "uuid");
  out.kind = reader.enumerated<core::OperationKind>(in.kind(), core::kOperationKinds, "kind");
  reader.require(out.kind != core::OperationKind::kLaunch, "kind", "LAUNCH is for an ACCEPT");
  reader.table(in.consumed(), "consumed", out.consumed);
  reader.table(in.converted(), "converted", out.converted);
  reader.require(!out.consumed.empty(), "consumed", "is missing or empty");
  reader.require(!out.converted.empty(), "converted", "is missing or empty");
}

static Offset<fb::OperationUpdate> put(Builder& builder, const core::OperationUpdate& in) {
  const auto id = put_text(builder, in.id);
  const auto message = put_text(builder, in.message);
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateOperationUpdate(builder, in.framework.value, in.agent.value, id,
                                   in.uuid == core::UpdateUuid{} ? nullptr : &uuid,
                                   static_cast<fb::OperationState>(in.state), message);
}

static void read(Reader& reader, const fb::OperationUpdate& in, core::OperationUpdate& out) {
  out.framework = core::FrameworkId{in.framework()};
  out.agent = core::AgentId{in.agent()};
  out.id = reader.optional_name(in.id(), "id");
  if (in.uuid() != nullptr) out.uuid = reader.uuid(in.uuid(), "uuid");
  out.state = read_state(reader, in.state());
  out.message = reader.text(in.message(), "message");
}

static Offset<fb::AcknowledgeOperation> put(Builder& builder,
                                            const core::AcknowledgeOperation& in) {
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateAcknowledgeOperation(builder, in.framework.value, in.agent.value, &uuid);
}

static void read(Reader& reader, const fb::AcknowledgeOperation& in,
                 core::AcknowledgeOperation& out) {
  out.framework = core::FrameworkId{in.framework()};
  out.agent = reader.agent_id(in.agent());
  out.uuid = reader.uuid(in.uuid(), "uuid");
}

static Offset<fb::UpdateRevocable> put(Builder& builder, const core::UpdateRevocable& in) {
  const auto resources = put(builder, in.resources);
  return fb::CreateUpdateRevocable(builder, resources);
}

static void read(Reader& reader, const fb::UpdateRevocable& in, core::UpdateRevocable& out) {
  reader.table(in.resources(), "resources", out.resources);
  const core::Resources& lent = out.resources;
  reader.require(lent.lots.empty() && lent.ports.empty() && lent.custom.empty(), "resources",
                 "may only hold cpus, mem, disk and gpus");
}

// --- use ---

static Offset<fb::TaskUse> put(Builder& builder, const core::TaskUseReport& in) {
  const auto task = put_text(builder, in.task);
  return fb::CreateTaskUse(builder, in.framework.value, task, in.use.cpus_milli, in.use.memory_kib);
}

static void read(Reader& reader, const fb::TaskUse& in, core::TaskUseReport& out) {
  out.framework = reader.framework_id(in.framework());
  out.task = reader.name(in.task(), "task");
  out.use.cpus_milli = in.cpus_milli();
  out.use.memory_kib = reader.nonzero(in.memory_kib(), "memory_kib");
}

static Offset<fb::UsageReport> put(Builder& builder, const core::UsageReport& in) {
  const auto machine = put(builder, in.machine);
  const auto tasks = put_each<fb::TaskUse>(builder, in.tasks);
  return fb::CreateUsageReport(builder, machine, tasks);
}

static void read(Reader& reader, const fb::UsageReport& in, core::UsageReport& out) {
  reader.table(in.machine(), "machine", out.machine, Reader::kRequired);
  reader.each(in.tasks(), "tasks", core::kMaxTaskUses, out.tasks);
}

// --- what is stored ---

static Offset<fb::AgentResources> put(Builder& builder, const core::AgentResources& in) {
  const auto resources = put(builder, in.resources);
  const auto operations = put_each<fb::OperationReport>(builder, in.operations);
  return fb::CreateAgentResources(builder, resources, operations);
}

static void read(Reader& reader, const fb::AgentResources& in, core::AgentResources& out) {
  reader.table(in.resources(), "resources", out.resources);
  reader.each(in.operations(), "operations", core::kMaxOperationsPerAgent, out.operations);
}

SHOAL_WIRE_MESSAGE(RegisterAgent)
SHOAL_WIRE_MESSAGE(AgentRegistered)
SHOAL_WIRE_MESSAGE(RunTask)
SHOAL_WIRE_MESSAGE(KillTask)
SHOAL_WIRE_MESSAGE_AS(TaskStatus, StatusUpdate)
SHOAL_WIRE_MESSAGE(AcknowledgeUpdate)
SHOAL_WIRE_MESSAGE(RemoveFramework)
SHOAL_WIRE_MESSAGE(ApplyOperation)
SHOAL_WIRE_MESSAGE(OperationUpdate)
SHOAL_WIRE_MESSAGE(AcknowledgeOperation)
SHOAL_WIRE_MESSAGE(UpdateRevocable)
SHOAL_WIRE_MESSAGE(TaskReports)
SHOAL_WIRE_MESSAGE(UsageReport)
SHOAL_WIRE_MESSAGE(AgentResources)

}  // namespace shoal::wire
