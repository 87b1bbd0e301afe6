// The hello conversation and the heartbeat.
#include "wire/convert.h"
#include "wire/hello_generated.h"

namespace shoal::wire {

static Offset<fb::Hello> put(Builder& builder, const core::Hello& in) {
  const auto software = put_text(builder, in.software);
  const auto credentials = put_bytes(builder, in.credentials);
  return fb::CreateHello(builder, static_cast<fb::PeerKind>(in.kind), in.protocol_min,
                         in.protocol_max, in.features, in.cluster_id, in.peer_id, software,
                         credentials, in.epoch);
}

static void read(Reader& reader, const fb::Hello& in, core::Hello& out) {
  out.kind = reader.enumerated<core::PeerKind>(in.kind(), core::kPeerKinds, "kind");
  out.protocol_min = in.protocol_min();
  out.protocol_max = in.protocol_max();
  reader.require(out.protocol_min <= out.protocol_max, "protocol_min", "is over protocol_max");
  out.features = in.features();
  out.cluster_id = in.cluster_id();
  out.peer_id = in.peer_id();
  out.software = reader.text(in.software(), "software");
  out.credentials = reader.bytes(in.credentials(), "credentials", core::kMaxHelloBytes);
  out.epoch = in.epoch();
}

static Offset<fb::Welcome> put(Builder& builder, const core::Welcome& in) {
  const auto software = put_text(builder, in.software);
  return fb::CreateWelcome(builder, in.protocol, in.features, in.cluster_id, software, in.epoch);
}

static void read(Reader& reader, const fb::Welcome& in, core::Welcome& out) {
  out.protocol = in.protocol();
  out.features = in.features();
  out.cluster_id = in.cluster_id();
  out.software = reader.text(in.software(), "software");
  out.epoch = in.epoch();
}

static Offset<fb::Refusal> put(Builder& builder, const core::Refusal& in) {
  const auto message = put_text(builder, in.message);
  // Absent rather than empty: without a leader the frame is as it was before there were several.
  const auto leader = in.leader.empty() ? 0 : put_text(builder, in.leader);
  return fb::CreateRefusal(builder, static_cast<fb::RefusalCode>(in.code), message, leader,
                           in.retry_after_ms);
}

static void read(Reader& reader, const fb::Refusal& in, core::Refusal& out) {
  out.code = reader.enumerated<core::RefusalCode>(in.code(), core::kRefusalCodes, "code");
  out.message = reader.text(in.message(), "message");
  out.leader = reader.text(in.leader(), "leader", Reader::kOptional, core::kMaxAddressBytes);
  out.retry_after_ms = in.retry_after_ms();
}

static Offset<fb::Heartbeat> put(Builder& builder, const core::Heartbeat& in) {
  return fb::CreateHeartbeat(builder, in.sequence);
}

static void read(Reader&, const fb::Heartbeat& in, core::Heartbeat& out) {
  out.sequence = in.sequence();
}

SHOAL_WIRE_MESSAGE(Hello)
SHOAL_WIRE_MESSAGE(Welcome)
SHOAL_WIRE_MESSAGE(Refusal)
SHOAL_WIRE_MESSAGE(Heartbeat)

}  // namespace shoal::wire
