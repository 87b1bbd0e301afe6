// Whether a well-formed call makes sense in the present state. Nothing is changed here; the error
// is the one line that the caller gets.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/messages.h"
#include "core/shard.h"

namespace shoal::core {

// The offers of one ACCEPT: at least one, none twice, all held by the framework, all of one agent
// and to one role.
absl::Status check_offer_list(const FrameworkRecord& framework, absl::Span<const OfferId> offers);

// One task of an ACCEPT: an id that is not in use, and some resources. Whether they fit is decided
// at the agent's shard.
absl::Status check_launch(const FrameworkRecord& framework, const TaskLaunch& task);

}  // namespace shoal::core
