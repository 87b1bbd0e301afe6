// Which task a word on the command line means.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/cluster_view.h"
#include "sdk/operator_client.h"

namespace shoal::cli {

// The one task that `name` means: an id, or FRAMEWORK/ID. Errors: NOT_FOUND, FAILED_PRECONDITION
// when several frameworks have a task of that id, and the client's.
absl::StatusOr<core::TaskSummary> find_task(sdk::OperatorClient& client, const std::string& name);

}  // namespace shoal::cli
