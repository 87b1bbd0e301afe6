// Wire views to the owned values of the sdk. Internal.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/messages.h"
#include "sdk/scheduler.h"
#include "wire/message.h"

namespace shoal::sdk {

Offer own(const core::OfferView& view);
TaskStatus own(const core::TaskStatus& view);
OperationStatus own(const core::OperationUpdate& view);

// NOT_FOUND, RESOURCE_EXHAUSTED (overloaded), UNAVAILABLE (shutting down), ABORTED (fenced),
// FAILED_PRECONDITION (version, cluster) or INVALID_ARGUMENT, with the refusal's message.
absl::Status status_of(const core::Refusal& refusal);

// FAILED_PRECONDITION, with both numbers, when the `peer` ("master", "agent") has chosen a protocol
// that was not offered to it.
absl::Status check_protocol(std::string_view peer, const core::Welcome& welcome);

// "OFFERS", or "kind 77" for a number that is none.
std::string describe_kind(wire::MessageKind kind);

}  // namespace shoal::sdk
