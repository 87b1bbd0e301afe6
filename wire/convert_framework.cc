// The framework conversation.
#include "core/frame_cost.h"
#include "core/status.h"
#include "wire/convert.h"
#include "wire/framework_generated.h"

namespace shoal::wire {

// --- subscription ---

static VectorOffset<Offset<flatbuffers::String>> put_roles(Builder& builder,
                                                           const core::RoleViews& in) {
  return put_each<flatbuffers::String>(builder, in, put_text);
}

static Offset<fb::RoleMinimum> put(Builder& builder, const core::RoleMinimum& in) {
  const auto role = put_text(builder, in.role);
  const auto quantities = put(builder, in.quantities);
  return fb::CreateRoleMinimum(builder, role, quantities);
}

static void read(Reader& reader, const fb::RoleMinimum& in, core::RoleMinimum& out) {
  out.role = reader.role(in.role(), "role", Reader::kRequired);
  reader.table(in.quantities(), "quantities", out.quantities);
  reader.require(!out.quantities.empty(), "quantities", "are missing or empty");
  reader.quantities(out.quantities, "quantities");
}

static Offset<fb::OfferConstraint> put(Builder& builder, const core::OfferConstraintView& in) {
  const auto role = put_text(builder, in.role);
  const auto name = put_text(builder, in.name);
  const auto value = put_text(builder, in.value);
  return fb::CreateOfferConstraint(builder, role, in.group,
                                   static_cast<fb::ConstraintTarget>(in.target), name,
                                   static_cast<fb::ConstraintTest>(in.test), value);
}

static void read(Reader& reader, const fb::OfferConstraint& in, core::OfferConstraintView& out) {
  using core::ConstraintTest;
  out.role = reader.role(in.role(), "role", Reader::kRequired);
  out.group = in.group();
  out.target =
      reader.enumerated<core::ConstraintTarget>(in.target(), core::kConstraintTargets, "target");
  out.name = reader.optional_name(in.name(), "name");
  const bool has_name = out.target == core::ConstraintTarget::kAttribute;
  reader.require(!has_name || !out.name.empty(), "name", "is missing or empty");
  reader.require(has_name || out.name.empty(), "name", "is for attributes only");
  out.test = reader.enumerated<ConstraintTest>(in.test(), core::kConstraintTests, "test");
  const bool matches =
      out.test == ConstraintTest::kTextMatches || out.test == ConstraintTest::kTextNotMatches;
  const bool exists = out.test == ConstraintTest::kExists || out.test == ConstraintTest::kNotExists;
  out.value = reader.text(in.value(), "value", Reader::kOptional,
                          matches ? core::kMaxRegexBytes : core::kMaxConstraintTextBytes);
  reader.require(!exists || out.value.empty(), "value", "is not for a test of existence");
}

static Offset<fb::Subscribe> put(Builder& builder, const core::Subscribe& in) {
  const auto name = put_text(builder, in.name);
  const auto user = put_text(builder, in.user);
  const auto role = put_text(builder, in.roles.empty() ? core::kDefaultRole : in.roles.front());
  VectorOffset<Offset<flatbuffers::String>> roles = 0;
  if (in.roles.size() > 1) roles = put_roles(builder, in.roles);
  const auto suppressed_roles = put_roles(builder, in.suppressed_roles);
  const auto minimums = put_each<fb::RoleMinimum>(builder, in.minimums);
  const auto constraints = put_each<fb::OfferConstraint>(builder, in.constraints);
  return fb::CreateSubscribe(builder, name, user, role, in.failover_timeout_ms, roles,
                             suppressed_roles, in.capabilities.bits(), minimums, constraints);
}

// `roles` holds all of them when it is there; a peer of version 0.1 has `role` alone.
static void read_subscribed_roles(Reader& reader, const fb::Subscribe& in, core::RoleViews& out) {
  reader.roles(in.roles(), "roles", out);
  if (!out.empty()) return;
  const std::string_view role = reader.role(in.role(), "role");
  out.push_back(role.empty() ? core::kDefaultRole : role);
}

static void read(Reader& reader, const fb::Subscribe& in, core::Subscribe& out) {
  out.name = reader.text(in.name(), "name");
  out.user = reader.text(in.user(), "user");
  read_subscribed_roles(reader, in, out.roles);
  const auto require_subscribed = [&](std::string_view role, std::string_view list, std::size_t i) {
    if (std::find(out.roles.begin(), out.roles.end(), role) != out.roles.end()) return;
    reader.fail(fmt::format("{}[{}]", list, i), "names a role that is not subscribed to");
  };
  reader.roles(in.suppressed_roles(), "suppressed_roles", out.suppressed_roles);
  for (std::size_t i = 0; i < out.suppressed_roles.size(); ++i) {
    require_subscribed(out.suppressed_roles[i], "suppressed_roles", i);
  }
  out.failover_timeout_ms =
      reader.duration_or_default(in.failover_timeout_ms(), "failover_timeout_ms");
  out.capabilities = core::Capabilities(in.capabilities());
  reader.each(in.minimums(), "minimums", core::kMaxMinimums, out.minimums);
  for (std::size_t i = 0; i < out.minimums.size(); ++i) {
    require_subscribed(out.minimums[i].role, "minimums", i);
  }
  reader.each(in.constraints(), "constraints", core::kMaxOfferConstraints, out.constraints);
  for (std::size_t i = 0; i < out.constraints.size(); ++i) {
    require_subscribed(out.constraints[i].role, "constraints", i);
  }
}

static Offset<fb::Subscribed> put(Builder& builder, const core::Subscribed& in) {
  return fb::CreateSubscribed(builder, in.framework.value, in.heartbeat_interval_ms,
                              in.session_timeout_ms);
}

static void read(Reader& reader, const fb::Subscribed& in, core::Subscribed& out) {
  out.framework = reader.framework_id(in.framework());
  out.heartbeat_interval_ms = reader.nonzero(in.heartbeat_interval_ms(), "heartbeat_interval_ms");
  out.session_timeout_ms = reader.nonzero(in.session_timeout_ms(), "session_timeout_ms");
}

// --- offers ---

static Offset<fb::Offer> put(Builder& builder, const core::OfferView& in) {
  const auto hostname = put_text(builder, in.hostname);
  const auto address = put_text(builder, in.address);
  const auto resources = put(builder, in.resources);
  const auto attributes = put_each<fb::Attribute>(builder, in.attributes);
  const auto role = put_text(builder, in.role);
  const auto region = put_text(builder, in.region);
  const auto zone = put_text(builder, in.zone);
  return fb::CreateOffer(builder, in.id.packed(), in.agent.value, hostname, address, resources,
                         attributes, role, region, zone);
}

static void read(Reader& reader, const fb::Offer& in, core::OfferView& out) {
  out.id = core::OfferId::unpack(in.id());
  out.agent = reader.agent_id(in.agent());
  out.hostname = reader.text(in.hostname(), "hostname");
  out.address = reader.text(in.address(), "address");
  reader.table(in.resources(), "resources", out.resources);
  read_attributes(reader, in.attributes(), out.attributes);
  out.role = reader.role(in.role(), "role");
  reader.region_and_zone(in, out);
}

static void read(Reader& reader, const fb::Offers& in, core::Offers& out) {
  reader.each(in.offers(), "offers", core::kMaxVectorItems, out.offers);
}

// One frame, unless the offers outgrow it: they do not belong together, so they may travel apart.
void encode(const core::Offers& message, std::uint32_t correlation, ByteVector& out) {
  absl::Span<const core::OfferView> rest = message.offers;
  do {
    Builder& builder = borrow_builder();
    absl::InlinedVector<Offset<fb::Offer>, 64> part;
    for (PartGauge gauge(builder); !rest.empty() && gauge.has_room(); rest.remove_prefix(1)) {
      part.push_back(put(builder, rest.front()));
      gauge.add_tables(1 + core::frame_cost(rest.front().resources).tables +
                       rest.front().attributes.size());
    }
    builder.Finish(fb::CreateOffers(builder, builder.CreateVector(part.data(), part.size())));
    append_frame(MessageKind::kOffers, 0, correlation, builder, out);
  } while (!rest.empty());
}

template <>
absl::StatusOr<core::Offers> decode(Bytes payload) {
  return decode_as<fb::Offers, core::Offers>(payload, "Offers");
}

static Offset<fb::Rescind> put(Builder& builder, const core::Rescind& in) {
  const auto offers = put_offer_ids(builder, in.offers);
  return fb::CreateRescind(builder, offers);
}

static void read(Reader& reader, const fb::Rescind& in, core::Rescind& out) {
  reader.offer_ids(in.offers(), out.offers);
}

static Offset<fb::Operation> put(Builder& builder, const core::Operation& in) {
  const auto id = put_text(builder, in.id);
  const auto resources = put(builder, in.spec.resources);
  const auto addition = put(builder, in.spec.addition);
  return fb::CreateOperation(builder, id, static_cast<fb::OperationKind>(in.spec.kind), resources,
                             addition, in.launches);
}

static void read(Reader& reader, const fb::Operation& in, core::Operation& out) {
  out.id = reader.optional_name(in.id(), "id");
  read_spec(reader, in, out.spec);
  out.launches = in.launches();
  reader.require(out.spec.kind == core::OperationKind::kLaunch || out.launches == 0, "launches",
                 "are for a LAUNCH only");
}

static Offset<fb::Accept> put(Builder& builder, const core::Accept& in) {
  const auto offers = put_offer_ids(builder, in.offers);
  const auto tasks = put_each<fb::TaskLaunch>(builder, in.tasks);
  const auto operations = put_each<fb::Operation>(builder, in.operations);
  return fb::CreateAccept(builder, offers, tasks, in.refuse_ms, operations);
}

static void read(Reader& reader, const fb::Accept& in, core::Accept& out) {
  reader.offer_ids(in.offers(), out.offers);
  reader.each(in.tasks(), "tasks", core::kMaxTasksPerAccept, out.tasks);
  out.refuse_ms = reader.duration_or_default(in.refuse_ms(), "refuse_ms");
  reader.each(in.operations(), "operations", core::kMaxOperationsPerAccept, out.operations);
}

static Offset<fb::Decline> put(Builder& builder, const core::Decline& in) {
  const auto offers = put_offer_ids(builder, in.offers);
  return fb::CreateDecline(builder, offers, in.refuse_ms);
}

static void read(Reader& reader, const fb::Decline& in, core::Decline& out) {
  reader.offer_ids(in.offers(), out.offers);
  out.refuse_ms = reader.duration_or_default(in.refuse_ms(), "refuse_ms");
}

// --- the rest ---

static Offset<fb::Revive> put(Builder& builder, const core::Revive& in) {
  const auto roles = put_roles(builder, in.roles);
  return fb::CreateRevive(builder, roles);
}
static void read(Reader& reader, const fb::Revive& in, core::Revive& out) {
  reader.roles(in.roles(), "roles", out.roles);
}

static Offset<fb::Suppress> put(Builder& builder, const core::Suppress& in) {
  const auto roles = put_roles(builder, in.roles);
  return fb::CreateSuppress(builder, roles);
}
static void read(Reader& reader, const fb::Suppress& in, core::Suppress& out) {
  reader.roles(in.roles(), "roles", out.roles);
}

static Offset<fb::Teardown> put(Builder& builder, const core::Teardown&) {
  return fb::CreateTeardown(builder);
}
static void read(Reader&, const fb::Teardown&, core::Teardown&) {}

static Offset<fb::Reconcile> put(Builder& builder, const core::Reconcile& in) {
  const auto tasks = put_each<flatbuffers::String>(builder, in.tasks, put_text);
  return fb::CreateReconcile(builder, tasks);
}

static void read(Reader& reader, const fb::Reconcile& in, core::Reconcile& out) {
  reader.values(in.tasks(), "tasks", core::kMaxVectorItems, out.tasks,
                [&](const flatbuffers::String* task) { return reader.name(task, {}); });
}

static Offset<fb::AgentFailure> put(Builder& builder, const core::AgentFailure& in) {
  return fb::CreateAgentFailure(builder, in.agent.value);
}

static void read(Reader& reader, const fb::AgentFailure& in, core::AgentFailure& out) {
  out.agent = reader.agent_id(in.agent());
}

// --- why there is no offer ---

static Offset<fb::Explain> put(Builder& builder, const core::Explain& in) {
  const auto role = put_text(builder, in.role);
  const auto resources = put(builder, in.resources);
  return fb::CreateExplain(builder, in.framework.value, role, resources);
}

static void read(Reader& reader, const fb::Explain& in, core::Explain& out) {
  out.framework = core::FrameworkId{in.framework()};
  out.role = reader.role(in.role(), "role");
  reader.table(in.resources(), "resources", out.resources);
}

static constexpr std::size_t kMaxCauses = 256;

static Offset<fb::Explanation> put(Builder& builder, const core::Explanation& in) {
  const auto name = put_text(builder, in.name);
  const auto role = put_text(builder, in.role);
  const auto wanted = put(builder, in.wanted);
  const auto counts = builder.CreateVector(in.counts.data(), in.counts.size());
  const auto largest_total = put(builder, in.largest_total);
  const auto largest_free = put(builder, in.largest_free);
  const auto verdict = put_text(builder, in.verdict);
  return fb::CreateExplanation(builder, in.framework.value, name, role, wanted, in.known,
                               in.connected, in.suppressed, in.agents, counts, largest_total,
                               largest_free, verdict);
}

static void read(Reader& reader, const fb::Explanation& in, core::Explanation& out) {
  out.framework = core::FrameworkId{in.framework()};
  out.name = reader.text(in.name(), "name");
  out.role = reader.role(in.role(), "role");
  reader.table(in.wanted(), "wanted", out.wanted);
  out.known = in.known();
  out.connected = in.connected();
  out.suppressed = in.suppressed();
  out.agents = in.agents();
  // A newer master may know more causes.
  absl::InlinedVector<std::uint32_t, core::kExplainCauses> counts;
  reader.values(in.counts(), "counts", kMaxCauses, counts,
                [](std::uint32_t count) { return count; });
  std::copy_n(counts.begin(), std::min(counts.size(), out.counts.size()), out.counts.begin());
  reader.table(in.largest_total(), "largest_total", out.largest_total);
  reader.table(in.largest_free(), "largest_free", out.largest_free);
  out.verdict = reader.text(in.verdict(), "verdict");
}

static Offset<fb::Notice> put(Builder& builder, const core::Notice& in) {
  const auto message = put_text(builder, in.message);
  return fb::CreateNotice(builder, static_cast<fb::NoticeCode>(in.code), message);
}

static void read(Reader& reader, const fb::Notice& in, core::Notice& out) {
  out.code = reader.enumerated<core::NoticeCode>(in.code(), core::kNoticeCodes, "code");
  out.message = reader.text(in.message(), "message");
}

SHOAL_WIRE_MESSAGE(Subscribe)
SHOAL_WIRE_MESSAGE(Subscribed)
SHOAL_WIRE_MESSAGE(Rescind)
SHOAL_WIRE_MESSAGE(Accept)
SHOAL_WIRE_MESSAGE(Decline)
SHOAL_WIRE_MESSAGE(Revive)
SHOAL_WIRE_MESSAGE(Suppress)
SHOAL_WIRE_MESSAGE(Teardown)
SHOAL_WIRE_MESSAGE(Reconcile)
SHOAL_WIRE_MESSAGE(AgentFailure)
SHOAL_WIRE_MESSAGE(Explain)
SHOAL_WIRE_MESSAGE(Explanation)
SHOAL_WIRE_MESSAGE(Notice)

}  // namespace shoal::wire
