#include "sdk/convert.h"

#include "core/status.h"
#include "core/text.h"

namespace shoal::sdk {

Offer own(const core::OfferView& view) {
  Offer offer;
  offer.id = view.id;
  offer.agent = view.agent;
  offer.hostname = std::string(view.hostname);
  offer.address = std::string(view.address);
  offer.resources = view.resources;
  offer.attributes.reserve(view.attributes.size());
  for (const core::AttributeView& attribute : view.attributes) {
    offer.attributes.emplace_back(std::string(attribute.name), std::string(attribute.value));
  }
  offer.role = std::string(view.role);
  offer.region = std::string(view.region);
  offer.zone = std::string(view.zone);
  return offer;
}

TaskStatus own(const core::TaskStatus& view) {
  TaskStatus status;
  status.task = std::string(view.task);
  status.agent = view.agent;
  status.state = view.state;
  status.reason = view.reason;
  status.source = view.source;
  status.message = std::string(view.message);
  if (view.has_exit && view.exit_signal > 0) {
    status.exit_signal = view.exit_signal;
  } else if (view.has_exit) {
    status.exit_code = view.exit_code;
  }
  status.timestamp_ms = view.timestamp_ms;
  if (view.has_uuid) status.uuid = view.uuid;
  return status;
}

OperationStatus own(const core::OperationUpdate& view) {
  OperationStatus status;
  status.id = std::string(view.id);
  status.agent = view.agent;
  status.state = view.state;
  status.message = std::string(view.message);
  if (view.uuid != core::UpdateUuid{}) status.uuid = view.uuid;
  return status;
}

absl::Status status_of(const core::Refusal& refusal) {
  std::string text = refusal.message.empty() ? std::string(core::name_of(refusal.code))
                                             : core::printable(refusal.message, 400);
  switch (refusal.code) {
    case core::RefusalCode::kNotFound:
      return absl::NotFoundError(text);
    case core::RefusalCode::kOverloaded:
      return absl::ResourceExhaustedError(text);
    case core::RefusalCode::kShuttingDown:
    case core::RefusalCode::kNotLeader:
      return absl::UnavailableError(text);
    case core::RefusalCode::kFenced:
      return absl::AbortedError(text);
    case core::RefusalCode::kUnsupportedVersion:
    case core::RefusalCode::kWrongCluster:
    case core::RefusalCode::kGone:
      return absl::FailedPreconditionError(text);
    case core::RefusalCode::kBadMessage:
    case core::RefusalCode::kNotExpected:
    case core::RefusalCode::kInvalid:
    case core::RefusalCode::kInvalidOffer:
      return absl::InvalidArgumentError(text);
  }
  return absl::InternalError(text);
}

absl::Status check_protocol(std::string_view peer, const core::Welcome& welcome) {
  if (welcome.protocol == wire::kProtocolVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format("the {} chose protocol {}; this side speaks {}",
                                                   peer, welcome.protocol, wire::kProtocolVersion));
}

std::string describe_kind(wire::MessageKind kind) {
  const std::string_view name = wire::name_of(kind);
  if (!name.empty()) return std::string(name);
  return fmt::format("kind {}", static_cast<unsigned>(kind));
}

}  // namespace shoal::sdk
