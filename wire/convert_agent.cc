// The agent conversation, and what frameworks and operators share with it.
#include "wire/agent_generated.h"
#include "wire/convert.h"

namespace shoal::wire {

// --- registration ---

static Offset<fb::TaskReport> put(Builder& builder, const core::TaskReport& in) {
  const auto id = put_text(builder, in.id);
  const auto name = put_text(builder, in.name);
  const auto resources = put(builder, in.resources);
  return fb::CreateTaskReport(builder, in.framework.value, id, name, resources,
                              static_cast<fb::TaskState>(in.state));
}

static void read(Reader& reader, const fb::TaskReport& in, core::TaskReport& out) {
  out.framework = reader.framework_id(in.framework());
  out.id = reader.name(in.id(), "id");
  out.name = reader.task_name(in.name());
  reader.table(in.resources(), "resources", out.resources);
  out.state = reader.enumerated<core::TaskState>(in.state(), core::kTaskStates, "state");
}

static Offset<fb::RegisterAgent> put(Builder& builder, const core::RegisterAgent& in) {
  const auto hostname = put_text(builder, in.hostname);
  const auto address = put_text(builder, in.address);
  const auto resources = put(builder, in.resources);
  const auto attributes = put_each<fb::Attribute>(builder, in.attributes);
  const auto tasks = put_each<fb::TaskReport>(builder, in.tasks);
  return fb::CreateRegisterAgent(builder, in.incarnation, hostname, address, resources, attributes,
                                 tasks);
}

static void read(Reader& reader, const fb::RegisterAgent& in, core::RegisterAgent& out) {
  out.incarnation = reader.nonzero(in.incarnation(), "incarnation");
  out.hostname = reader.text(in.hostname(), "hostname", Reader::kRequired);
  out.address = reader.text(in.address(), "address");
  reader.table(in.resources(), "resources", out.resources);
  read_attributes(reader, in.attributes(), out.attributes);
  reader.each(in.tasks(), "tasks", core::kMaxTasksPerAgent, out.tasks);
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
  return fb::CreateKillTask(builder, in.framework.value, in.agent.value, task, in.grace_ms);
}

static void read(Reader& reader, const fb::KillTask& in, core::KillTask& out) {
  out.framework = reader.framework_id(in.framework());
  out.agent = core::AgentId{in.agent()};
  out.task = reader.name(in.task(), "task");
  out.grace_ms = reader.duration_or_default(in.grace_ms(), "grace_ms");
}

static fb::Uuid to_struct(const core::UpdateUuid& uuid) {
  return fb::Uuid(flatbuffers::span<const std::uint8_t, 16>(uuid));
}

static Offset<fb::StatusUpdate> put(Builder& builder, const core::TaskStatus& in) {
  const auto task = put_text(builder, in.task);
  const auto message = put_text(builder, in.message);
  const fb::Uuid uuid = to_struct(in.uuid);
  return fb::CreateStatusUpdate(
      builder, in.framework.value, in.agent.value, task, static_cast<fb::TaskState>(in.state),
      static_cast<fb::TaskReason>(in.reason), static_cast<fb::TaskSource>(in.source), message,
      exit_code_of(in), exit_signal_of(in), in.timestamp_ms, in.has_uuid ? &uuid : nullptr);
}

static void read(Reader& reader, const fb::StatusUpdate& in, core::TaskStatus& out) {
  out.framework = reader.framework_id(in.framework());
  out.agent = core::AgentId{in.agent()};
  out.task = reader.name(in.task(), "task");
  out.state = reader.enumerated<core::TaskState>(in.state(), core::kTaskStates, "state");
  out.reason = reader.enumerated<core::TaskReason>(in.reason(), core::kTaskReasons, "reason");
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

SHOAL_WIRE_MESSAGE(RegisterAgent)
SHOAL_WIRE_MESSAGE(AgentRegistered)
SHOAL_WIRE_MESSAGE(RunTask)
SHOAL_WIRE_MESSAGE(KillTask)
SHOAL_WIRE_MESSAGE_AS(TaskStatus, StatusUpdate)
SHOAL_WIRE_MESSAGE(AcknowledgeUpdate)
SHOAL_WIRE_MESSAGE(RemoveFramework)

}  // namespace shoal::wire
