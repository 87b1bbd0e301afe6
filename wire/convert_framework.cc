// The framework conversation.
#include "wire/convert.h"
#include "wire/framework_generated.h"

namespace shoal::wire {

// --- subscription ---

static Offset<fb::Subscribe> put(Builder& builder, const core::Subscribe& in) {
  const auto name = put_text(builder, in.name);
  const auto user = put_text(builder, in.user);
  const auto role = put_text(builder, in.role);
  return fb::CreateSubscribe(builder, name, user, role, in.failover_timeout_ms);
}

static void read(Reader& reader, const fb::Subscribe& in, core::Subscribe& out) {
  out.name = reader.text(in.name(), "name");
  out.user = reader.text(in.user(), "user");
  const bool any_role = in.role() != nullptr && in.role()->string_view() == "*";
  out.role = any_role ? "*" : reader.name(in.role(), "role");
  out.failover_timeout_ms =
      reader.duration_or_default(in.failover_timeout_ms(), "failover_timeout_ms");
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
  return fb::CreateOffer(builder, in.id.packed(), in.agent.value, hostname, address, resources,
                         attributes);
}

static void read(Reader& reader, const fb::Offer& in, core::OfferView& out) {
  out.id = core::OfferId::unpack(in.id());
  out.agent = reader.agent_id(in.agent());
  out.hostname = reader.text(in.hostname(), "hostname");
  out.address = reader.text(in.address(), "address");
  reader.table(in.resources(), "resources", out.resources);
  read_attributes(reader, in.attributes(), out.attributes);
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
      gauge.add_tables(2 + rest.front().attributes.size());
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

static Offset<fb::Accept> put(Builder& builder, const core::Accept& in) {
  const auto offers = put_offer_ids(builder, in.offers);
  const auto tasks = put_each<fb::TaskLaunch>(builder, in.tasks);
  return fb::CreateAccept(builder, offers, tasks, in.refuse_ms);
}

static void read(Reader& reader, const fb::Accept& in, core::Accept& out) {
  reader.offer_ids(in.offers(), out.offers);
  reader.each(in.tasks(), "tasks", core::kMaxTasksPerAccept, out.tasks);
  out.refuse_ms = reader.duration_or_default(in.refuse_ms(), "refuse_ms");
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

static Offset<fb::Revive> put(Builder& builder, const core::Revive&) {
  return fb::CreateRevive(builder);
}
static Offset<fb::Suppress> put(Builder& builder, const core::Suppress&) {
  return fb::CreateSuppress(builder);
}
static Offset<fb::Teardown> put(Builder& builder, const core::Teardown&) {
  return fb::CreateTeardown(builder);
}
static void read(Reader&, const fb::Revive&, core::Revive&) {}
static void read(Reader&, const fb::Suppress&, core::Suppress&) {}
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

}  // namespace shoal::wire
