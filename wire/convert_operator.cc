// The operator conversation. Its records own their text, so they are read by way of the views.
#include <string>
#include <utility>
#include <vector>

#include "wire/convert.h"
#include "wire/operator_generated.h"

namespace shoal::wire {

// --- calls ---

static Offset<fb::Query> put(Builder& builder, const core::Query& in) {
  const auto id = put_text(builder, in.id);
  return fb::CreateQuery(builder, static_cast<fb::QueryKind>(in.kind), id);
}

static void read(Reader& reader, const fb::Query& in, core::Query& out) {
  out.kind = reader.enumerated<core::QueryKind>(in.kind(), core::kQueryKinds, "kind");
  out.id = reader.text(in.id(), "id", Reader::kOptional, core::kMaxIdBytes);
}

static Offset<fb::TeardownFramework> put(Builder& builder, const core::TeardownFramework& in) {
  return fb::CreateTeardownFramework(builder, in.framework.value);
}

static void read(Reader& reader, const fb::TeardownFramework& in, core::TeardownFramework& out) {
  out.framework = reader.framework_id(in.framework());
}

static Offset<fb::Done> put(Builder& builder, const core::Done&) { return fb::CreateDone(builder); }
static void read(Reader&, const fb::Done&, core::Done&) {}

SHOAL_WIRE_MESSAGE(Query)
SHOAL_WIRE_MESSAGE(TeardownFramework)
SHOAL_WIRE_MESSAGE(Done)

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
  return fb::CreateAgentSummary(builder, in.id.value, hostname, address,
                                static_cast<fb::AgentState>(in.state), total, used, offered,
                                attributes, in.tasks, in.registered_ms);
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
}

static Offset<fb::FrameworkSummary> put(Builder& builder, const core::FrameworkSummary& in) {
  const auto name = put_text(builder, in.name);
  const auto user = put_text(builder, in.user);
  const auto role = put_text(builder, in.role);
  const auto allocated = put(builder, in.allocated);
  return fb::CreateFrameworkSummary(builder, in.id.value, name, user, role,
                                    static_cast<fb::FrameworkState>(in.state), in.suppressed,
                                    in.tasks, in.offers, allocated, in.subscribed_ms);
}

static void read(Reader& reader, const fb::FrameworkSummary& in, core::FrameworkSummary& out) {
  out.id = core::FrameworkId{reader.nonzero(in.id(), "id")};
  out.name = reader.text(in.name(), "name");
  out.user = reader.text(in.user(), "user");
  out.role = reader.text(in.role(), "role");
  out.state = reader.enumerated<core::FrameworkState>(in.state(), core::kFrameworkStates, "state");
  out.suppressed = in.suppressed();
  out.tasks = in.tasks();
  out.offers = in.offers();
  reader.table(in.allocated(), "allocated", out.allocated);
  out.subscribed_ms = reader.since(in.subscribed_ms(), "subscribed_ms");
}

static Offset<fb::TaskSummary> put(Builder& builder, const core::TaskSummary& in) {
  const auto id = put_text(builder, in.id);
  const auto name = put_text(builder, in.name);
  const auto agent_address = put_text(builder, in.agent_address);
  const auto hostname = put_text(builder, in.hostname);
  const auto message = put_text(builder, in.message);
  const auto resources = put(builder, in.resources);
  return fb::CreateTaskSummary(builder, id, name, in.framework.value, in.agent.value, agent_address,
                               hostname, static_cast<fb::TaskState>(in.state),
                               static_cast<fb::TaskReason>(in.reason), message, exit_code_of(in),
                               exit_signal_of(in), resources, in.started_ms, in.ended_ms);
}

static void read(Reader& reader, const fb::TaskSummary& in, core::TaskSummary& out) {
  out.id = reader.name(in.id(), "id");
  out.name = reader.task_name(in.name());
  out.framework = reader.framework_id(in.framework());
  out.agent = core::AgentId{in.agent()};
  out.agent_address = reader.text(in.agent_address(), "agent_address");
  out.hostname = reader.text(in.hostname(), "hostname");
  out.state = reader.enumerated<core::TaskState>(in.state(), core::kTaskStates, "state");
  out.reason = reader.enumerated<core::TaskReason>(in.reason(), core::kTaskReasons, "reason");
  out.message = reader.text(in.message(), "message");
  read_exit(reader, in, out);
  reader.table(in.resources(), "resources", out.resources);
  out.started_ms = reader.since(in.started_ms(), "started_ms");
  out.ended_ms = reader.since(in.ended_ms(), "ended_ms");
}

static Offset<fb::OfferSummary> put(Builder& builder, const core::OfferSummary& in) {
  const auto hostname = put_text(builder, in.hostname);
  const auto resources = put(builder, in.resources);
  return fb::CreateOfferSummary(builder, in.id.packed(), in.agent.value, in.framework.value,
                                hostname, resources, in.age_ms);
}

static void read(Reader& reader, const fb::OfferSummary& in, core::OfferSummary& out) {
  out.id = core::OfferId::unpack(in.id());
  out.agent = reader.agent_id(in.agent());
  out.framework = reader.framework_id(in.framework());
  out.hostname = reader.text(in.hostname(), "hostname");
  reader.table(in.resources(), "resources", out.resources);
  out.age_ms = reader.since(in.age_ms(), "age_ms");
}

// --- the answer, in parts ---

static std::size_t tables_of(const core::AgentSummary& in) { return 4 + in.attributes.size(); }
static std::size_t tables_of(const auto&) { return 2; }

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
    builder.Finish(fb::CreateQueryAnswer(builder, cluster, agents, frameworks, tasks, offers));
    more = agent < message.agents.size() || framework < message.frameworks.size() ||
           task < message.tasks.size() || offer < message.offers.size();
    append_frame(MessageKind::kQueryAnswer, more ? kFlagMore : 0, correlation, builder, out);
  }
}

static void read(Reader& reader, const fb::QueryAnswer& in, core::ClusterView& out) {
  reader.table(in.cluster(), "cluster", out.cluster);
  reader.each(in.agents(), "agents", core::kMaxVectorItems, out.agents);
  reader.each(in.frameworks(), "frameworks", core::kMaxVectorItems, out.frameworks);
  reader.each(in.tasks(), "tasks", core::kMaxVectorItems, out.tasks);
  reader.each(in.offers(), "offers", core::kMaxVectorItems, out.offers);
}

template <>
absl::StatusOr<core::ClusterView> decode(Bytes payload) {
  return decode_as<fb::QueryAnswer, core::ClusterView>(payload, "QueryAnswer");
}

}  // namespace shoal::wire
