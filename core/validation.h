// Whether a well-formed call makes sense in the present state. Nothing is changed here; the error
// is the one line that the caller gets.
#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/messages.h"
#include "core/shard.h"

namespace shoal::core {

// The offers of one ACCEPT: at least one, none twice, all held by the framework, all of one agent.
absl::Status check_offer_list(const FrameworkRecord& framework, absl::Span<const OfferId> offers);

// One task of an ACCEPT: an id that is not in use, resources that are neither empty nor more than
// `free`, what is left of the accepted offers.
absl::Status check_launch(const FrameworkRecord& framework, const TaskLaunch& task,
                          const Resources& free);

}  // namespace shoal::core
