// The operator conversation. Its records own their text, so they are read by way of the views.
#include <string>
#include <utility>
#include <vector>

#include "core/frame_cost.h"
#include "wire/convert.h"
#include "wire/operator_generated.h"

namespace shoal::wire {

// --- calls ---

// A task id, the text of another id, or a role.
static constexpr std::size_t kMaxQueryIdBytes = std::max(core::kMaxIdBytes, core::kMaxRoleBytes);

static Offset<fb::Query> put(Builder& builder, const core::Query& in) {
  const auto id = put_text(builder, in.id);
  return fb::CreateQuery(builder, static_cast<fb::QueryKind>(in.kind), id);
}

static void read(Reader& reader, const fb::Query& in, core::Query& out) {
  out.kind = reader.enumerated<core::QueryKind>(in.kind(), core::kQueryKinds, "kind");
  out.id = reader.text(in.id(), "id", Reader::kOptional, kMaxQueryIdBytes);
}

static Offset<fb::TeardownFramework> put(Builder& builder, const core::TeardownFramework& in) {
  return fb::CreateTeardownFramework(builder, in.framework.value);
}

static void read(Reader& reader, const fb::TeardownFramework& in, core::TeardownFramework& out) {
  out.framework = reader.framework_id(in.framework());
}

static Offset<fb::Done> put(Builder& builder, const core::Done&) { return fb::CreateDone(builder); }
static void read(Reader&, const fb::Done&, core::Done&) {}

static Offset<fb::QuotaConfig> put(Builder& builder, const core::QuotaConfig& in) {
  const auto role = put_text(builder, in.role);
  const auto limits = put_limits(builder, in.limits);
  const auto guarantees = put(builder, in.guarantees);
  return fb::CreateQuotaConfig(builder, role, limits, guarantees);
}

static void read(Reader& reader, const fb::QuotaConfig& in, core::QuotaConfig& out) {
  out.role = reader.role(in.role(), "role", Reader::kRequired);
  reader.table(in.limits(), "limits", out.limits);
  reader.table(in.guarantees(), "guarantees", out.guarantees);
  reader.quantities(out.guarantees, "guarantees");
}

static Offset<fb::UpdateQuota> put(Builder& builder, const core::UpdateQuota& in) {
  const auto configs = put_each<fb::QuotaConfig>(builder, in.configs);
  return fb::CreateUpdateQuota(builder, configs, in.force);
}

static void read(Reader& reader, const fb::UpdateQuota& in, core::UpdateQuota& out) {
  reader.each(in.configs(), "configs", core::kMaxQuotaConfigs, out.configs);
  reader.distinct(out.configs, "configs", [](const auto& config) { return config.role; });
  out.force = in.force();
}

static core::Milli read_weight(Reader& reader, core::Milli in) {
  reader.require(in >= 1 && in <= core::kMaxWeightMilli, "weight",
                 "is not within 0.001 to 1000000");
  return in;
}

static Offset<fb::RoleWeight> put(Builder& builder, const core::RoleWeight& in) {
  const auto role = put_text(builder, in.role);
  return fb::CreateRoleWeight(builder, role, in.weight);
}

static void read(Reader& reader, const fb::RoleWeight& in, core::RoleWeight& out) {
  out.role = reader.role(in.role(), "role", Reader::kRequired);
  out.weight = read_weight(reader, in.weight());
}

static Offset<fb::UpdateWeights> put(Builder& builder, const core::UpdateWeights& in) {
  const auto weights = put_each<fb::RoleWeight>(builder, in.weights);
  return fb::CreateUpdateWeights(builder, weights);
}

static void read(Reader& reader, const fb::UpdateWeights& in, core::UpdateWeights& out) {
  reader.each(in.weights(), "weights", core::kMaxQuotaConfigs, out.weights);
  reader.distinct(out.weights, "weights", [](const auto& weight) { return weight.role; });
}

static Offset<fb::OperateAgent> put(Builder& builder, const core::OperateAgent& in) {
  const auto resources = put(builder, in.spec.resources);
  const auto addition = put(builder, in.spec.addition);
  const auto principal = put_text(builder, in.principal);
  return fb::CreateOperateAgent(builder, in.agent.value,
                                static_cast<fb::OperationKind>(in.spec.kind), resources, addition,
                                principal);
}

static void read(Reader& reader, const fb::OperateAgent& in, core::OperateAgent& out) {
  out.agent = reader.agent_id(in.agent());
  read_spec(reader, in, out.spec);
  reader.require(out.spec.kind != core::OperationKind::kLaunch, "kind", "LAUNCH is for an ACCEPT");
  out.principal = reader.text(in.principal(), "principal");
}

static Offset<fb::ManageAgent> put(Builder& builder, const core::ManageAgent& in) {
  return fb::CreateManageAgent(builder, in.agent.value, static_cast<fb::AgentAction>(in.action),
                               in.max_grace_ms, in.mark_gone);
}

static void read(Reader& reader, const fb::ManageAgent& in, core::ManageAgent& out) {
  out.agent = reader.agent_id(in.agent());
  out.action = reader.enumerated<core::AgentAction>(in.action(), core::kAgentActions, "action");
  out.max_grace_ms = reader.duration_or_default(in.max_grace_ms(), "max_grace_ms");
  out.mark_gone = in.mark_gone();
}

SHOAL_WIRE_MESSAGE(Query)
SHOAL_WIRE_MESSAGE(TeardownFramework)
SHOAL_WIRE_MESSAGE(Done)
SHOAL_WIRE_MESSAGE(UpdateQuota)
SHOAL_WIRE_MESSAGE(UpdateWeights)
SHOAL_WIRE_MESSAGE(OperateAgent)
SHOAL_WIRE_MESSAGE(ManageAgent)

// --- records ---

static Offset<fb::ClusterSummary> put(Builder& builder, const core::ClusterSummary& in) {
  const auto version = put_text(builder, in.version);
  const auto total = put(builder, in.total);
  const auto used = put(builder, in.used);
  const auto offered = put(builder, in.offered);
  return fb::CreateClusterSummary(builder, in.cluster_id, version, in.reactors, in.agents_active,
                                  in.agents_disconnected, in.agents_unreachable,
                                  in.frameworks_active, in.frameworks_disconnected, in.tasks_active,
                                  in.tasks_completed, in.offers, total, used, offered);
}

static void read(Reader& reader, const fb::ClusterSummary& in, core::ClusterSummary& out) {
  out.cluster_id = in.cluster_id();
  out.version = reader.text(in.version(), "version");
  out.reactors = in.reactors();
  out.agents_active = in.agents_active();
  out.agents_disconnected = in.agents_disconnected();
  out.agents_unreachable = in.agents_unreachable();
  out.frameworks_active = in.frameworks_active();
  out.frameworks_disconnected = in.frameworks_disconnected();
  out.tasks_active = in.tasks_active();
  out.tasks_completed = in.tasks_completed();
  out.offers = in.offers();
  reader.table(in.total(), "total", out.total);
  reader.table(in.used(), "used", out.used);
  reader.table(in.offered(), "offered", out.offered);
}

static Offset<fb::Drain> put(Builder& builder, const core::Drain& in) {
  return fb::CreateDrain(builder, in.max_grace_ms, in.mark_gone, in.started_ms, in.ended_ms);
}

static void read(Reader& reader, const fb::Drain& in, core::Drain& out) {
  out.max_grace_ms = reader.duration_or_default(in.max_grace_ms(), "max_grace_ms");
  out.mark_gone = in.mark_gone();
  out.started_ms = reader.since(in.started_ms(), "started_ms");
  out.ended_ms = reader.since(in.ended_ms(), "ended_ms");
}

static bool has_drain(const core::AgentSummary& agent) {
  return agent.mode == core::AgentMode::kDraining || agent.mode == core::AgentMode::kDrained;
}

static Offset<fb::AgentSummary> put(Builder& builder, const core::AgentSummary& in) {
  const auto hostname = put_text(builder, in.hostname);
  const auto address = put_text(builder, in.address);
  const auto total = put(builder, in.total);
  const auto used = put(builder, in.used);
  const auto offered = put(builder, in.offered);
  const auto attributes =
      put_each<fb::Attribute>(builder, in.attributes, [](Builder& b, const auto& attribute) {
        return put(b, core::AttributeView{attribute.first, attribute.second});
      });
  const auto region = put_text(builder, in.region);
  const auto zone = put_text(builder, in.zone);
  Offset<fb::Drain> drain = 0;
  if (has_drain(in)) drain = put(builder, in.drain);
  Offset<fb::MachineUse> machine = 0;
  if (in.machine.is_known()) machine = put(builder, in.machine);
  return fb::CreateAgentSummary(builder, in.id.value, hostname, address,
                                static_cast<fb::AgentState>(in.state), total, used, offered,
                                attributes, in.tasks, in.registered_ms, region, zone,
                                static_cast<fb::AgentMode>(in.mode), drain, machine);
}

static void read(Reader& reader, const fb::AgentSummary& in, core::AgentSummary& out) {
  out.id = core::AgentId{reader.nonzero(in.id(), "id")};
  out.hostname = reader.text(in.hostname(), "hostname");
  out.address = reader.text(in.address(), "address");
  out.state = reader.enumerated<core::AgentState>(in.state(), core::kAgentStates, "state");
  reader.table(in.total(), "total", out.total);
  reader.table(in.used(), "used", out.used);
  reader.table(in.offered(), "offered", out.offered);
  core::AttributeViews attributes;
  read_attributes(reader, in.attributes(), attributes);
  for (const auto& attribute : attributes) {
    out.attributes.emplace_back(attribute.name, attribute.value);
  }
  out.tasks = in.tasks();
  out.registered_ms = reader.since(in.registered_ms(), "registered_ms");
  reader.region_and_zone(in, out);
  out.mode = reader.enumerated<core::AgentMode>(in.mode(), core::kAgentModes, "mode");
  if (has_drain(out)) reader.table(in.drain(), "drain", out.drain);
  reader.table(in.machine(), "machine", out.machine);
  const bool is_complete = in.machine() == nullptr || out.machine.is_known();
  reader.require(is_complete, "machine", "does not say when it was reported");
}

static void read_roles(Reader& reader, const flatbuffers::String* in, std::string_view field,
                       std::vector<std::string>& out) {
  constexpr std::size_t kMost = core::kMaxRolesPerFramework * (core::kMaxRoleBytes + 1);
  reader.joined(in, field, kRoleSeparator, kMost, [&](std::string_view role) {
    out.emplace_back(reader.role(role, field));
    reader.require(out.size() <= core::kMaxRolesPerFramework, field, "are too many");
  });
}

static Offset<fb::FrameworkSummary> put(Builder& builder, const core::FrameworkSummary& in) {
  const auto name = put_text(builder, in.name);
  const auto user = put_text(builder, in.user);
  const auto role = put_text(builder, in.roles.empty() ? std::string_view() : in.roles.front());
  const auto allocated = put(builder, in.allocated);
  Offset<flatbuffers::String> roles = 0;
  if (in.roles.size() > 1) roles = put_joined(builder, in.roles, kRoleSeparator);
  const auto suppressed_roles = put_joined(builder, in.suppressed_roles, kRoleSeparator);
  return fb::CreateFrameworkSummary(builder, in.id.value, name, user, role,
                                    static_cast<fb::FrameworkState>(in.state), in.suppressed,
                                    in.tasks, in.offers, allocated, in.subscribed_ms, roles,
                                    suppressed_roles, in.capabilities);
}

static void read(Reader& reader, const fb::FrameworkSummary& in, core::FrameworkSummary& out) {
  out.id = core::FrameworkId{reader.nonzero(in.id(), "id")};
  out.name = reader.text(in.name(), "name");
  out.user = reader.text(in.user(), "user");
  read_roles(reader, in.roles(), "roles", out.roles);
  if (out.roles.empty()) read_roles(reader, in.role(), "role", out.roles);
  out.state = reader.enumerated<core::FrameworkState>(in.state(), core::kFrameworkStates, "state");
  out.suppressed = in.suppressed();
  out.tasks = in.tasks();
  out.offers = in.offers();
  reader.table(in.allocated(), "allocated", out.allocated);
  out.subscribed_ms = reader.since(in.subscribed_ms(), "subscribed_ms");
  read_roles(reader, in.suppressed_roles(), "suppressed_roles", out.suppressed_roles);
  out.capabilities = in.capabilities();
}

static Offset<fb::TaskSummary> put(Builder& builder, const core::TaskSummary& in) {
  const auto id = put_text(builder, in.id);
  const auto name = put_text(builder, in.name);
  const auto agent_address = put_text(builder, in.agent_address);
  const auto hostname = put_text(builder, in.hostname);
  const auto message = put_text(builder, in.message);
  const auto resources = put(builder, in.resources);
  const auto role = put_text(builder, in.role);
  return fb::CreateTaskSummary(builder, id, name, in.framework.value, in.agent.value, agent_address,
                               hostname, static_cast<fb::TaskState>(in.state), reason_of(in),
                               message, exit_code_of(in), exit_signal_of(in), resources,
                               in.started_ms, in.ended_ms, role, limit_of(in), in.use.cpus_milli,
                               in.use.memory_kib);
}

static void read(Reader& reader, const fb::TaskSummary& in, core::TaskSummary& out) {
  out.id = reader.name(in.id(), "id");
  out.name = reader.task_name(in.name());
  out.framework = reader.framework_id(in.framework());
  out.agent = core::AgentId{in.agent()};
  out.agent_address = reader.text(in.agent_address(), "agent_address");
  out.hostname = reader.text(in.hostname(), "hostname");
  out.state = reader.enumerated<core::TaskState>(in.state(), core::kTaskStates, "state");
  out.reason = read_reason(reader, in);
  out.message = reader.text(in.message(), "message");
  read_exit(reader, in, out);
  reader.table(in.resources(), "resources", out.resources);
  out.started_ms = reader.since(in.started_ms(), "started_ms");
  out.ended_ms = reader.since(in.ended_ms(), "ended_ms");
  out.role = reader.role(in.role(), "role");
  out.use = {in.cpus_used_milli(), in.memory_used_kib()};
}

static Offset<fb::OfferSummary> put(Builder& builder, const core::OfferSummary& in) {
  const auto hostname = put_text(builder, in.hostname);
  const auto resources = put(builder, in.resources);
  const auto role = put_text(builder, in.role);
  return fb::CreateOfferSummary(builder, in.id.packed(), in.agent.value, in.framework.value,
                                hostname, resources, in.age_ms, role);
}

static void read(Reader& reader, const fb::OfferSummary& in, core::OfferSummary& out) {
  out.id = core::OfferId::unpack(in.id());
  out.agent = reader.agent_id(in.agent());
  out.framework = reader.framework_id(in.framework());
  out.hostname = reader.text(in.hostname(), "hostname");
  reader.table(in.resources(), "resources", out.resources);
  out.age_ms = reader.since(in.age_ms(), "age_ms");
  out.role = reader.role(in.role(), "role");
}

static Offset<fb::RoleSummary> put(Builder& builder, const core::RoleSummary& in) {
  const auto name = put_text(builder, in.name);
  const auto allocated = put(builder, in.allocated);
  const auto offered = put(builder, in.offered);
  const auto reserved = put(builder, in.reserved);
  const auto consumed = put(builder, in.consumed);
  const auto limits = put_limits(builder, in.limits);
  const auto guarantees = put(builder, in.guarantees);
  return fb::CreateRoleSummary(builder, name, in.weight, in.frameworks, allocated, offered,
                               reserved, consumed, limits, guarantees, in.dominant_share_ppm,
                               static_cast<fb::ResourceKind>(in.dominant));
}

static void read(Reader& reader, const fb::RoleSummary& in, core::RoleSummary& out) {
  out.name = reader.role(in.name(), "name", Reader::kRequired);
  out.weight = read_weight(reader, in.weight());
  out.frameworks = in.frameworks();
  reader.table(in.allocated(), "allocated", out.allocated);
  reader.table(in.offered(), "offered", out.offered);
  reader.table(in.reserved(), "reserved", out.reserved);
  reader.table(in.consumed(), "consumed", out.consumed);
  reader.table(in.limits(), "limits", out.limits);
  reader.table(in.guarantees(), "guarantees", out.guarantees);
  out.dominant_share_ppm = in.dominant_share_ppm();
  out.dominant =
      reader.enumerated<core::ResourceKind>(in.dominant(), core::kResourceKinds, "dominant");
}

// --- the answer, in parts ---

static std::size_t tables_of(const core::AgentSummary& in) {
  core::FrameCost cost = core::frame_cost(in.total);
  cost += core::frame_cost(in.used);
  cost += core::frame_cost(in.offered);
  return 1 + cost.tables + in.attributes.size() + (has_drain(in) ? 1 : 0) +
         (in.machine.is_known() ? 1 : 0);
}
static std::size_t tables_of(const core::FrameworkSummary& in) {
  return 1 + core::frame_cost(in.allocated).tables;
}
static std::size_t tables_of(const core::RoleSummary&) { return 7; }
static std::size_t tables_of(const auto& task_or_offer) {
  return 1 + core::frame_cost(task_or_offer.resources).tables;
}

// As many of `records`, from `*next` on, as the frame has room for.
template <typename T, typename Records>
static VectorOffset<Offset<T>> put_part(Builder& builder, PartGauge& gauge, const Records& records,
                                        std::size_t* next) {
  std::vector<Offset<T>> offsets;
  for (; *next < records.size() && gauge.has_room(); ++*next) {
    offsets.push_back(put(builder, records[*next]));
    gauge.add_tables(tables_of(records[*next]));
  }
  if (offsets.empty()) return 0;
  return builder.CreateVector(offsets.data(), offsets.size());
}

void encode(const core::ClusterView& message, std::uint32_t correlation, ByteVector& out) {
  std::size_t agent = 0;
  std::size_t framework = 0;
  std::size_t task = 0;
  std::size_t offer = 0;
  std::size_t role = 0;
  for (bool first = true, more = true; more; first = false) {
    Builder& builder = borrow_builder();
    PartGauge gauge(builder);
    Offset<fb::ClusterSummary> cluster = 0;
    if (first) cluster = put(builder, message.cluster);
    const auto agents = put_part<fb::AgentSummary>(builder, gauge, message.agents, &agent);
    const auto frameworks =
        put_part<fb::FrameworkSummary>(builder, gauge, message.frameworks, &framework);
    const auto tasks = put_part<fb::TaskSummary>(builder, gauge, message.tasks, &task);
    const auto offers = put_part<fb::OfferSummary>(builder, gauge, message.offers, &offer);
    const auto roles = put_part<fb::RoleSummary>(builder, gauge, message.roles, &role);
    builder.Finish(
        fb::CreateQueryAnswer(builder, cluster, agents, frameworks, tasks, offers, roles));
    more = agent < message.agents.size() || framework < message.frameworks.size() ||
           task < message.tasks.size() || offer < message.offers.size() ||
           role < message.roles.size();
    append_frame(MessageKind::kQueryAnswer, more ? kFlagMore : 0, correlation, builder, out);
  }
}

static void read(Reader& reader, const fb::QueryAnswer& in, core::ClusterView& out) {
  reader.table(in.cluster(), "cluster", out.cluster);
  reader.each(in.agents(), "agents", core::kMaxVectorItems, out.agents);
  reader.each(in.frameworks(), "frameworks", core::kMaxVectorItems, out.frameworks);
  reader.each(in.tasks(), "tasks", core::kMaxVectorItems, out.tasks);
  reader.each(in.offers(), "offers", core::kMaxVectorItems, out.offers);
  reader.each(in.roles(), "roles", core::kMaxVectorItems, out.roles);
}

template <>
absl::StatusOr<core::ClusterView> decode(Bytes payload) {
  return decode_as<fb::QueryAnswer, core::ClusterView>(payload, "QueryAnswer");
}

}  // namespace shoal::wire
