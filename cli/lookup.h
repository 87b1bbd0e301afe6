// What verbs share when they ask a master: whom the user means, and what went wrong.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/cluster_view.h"
#include "sdk/operator_client.h"

namespace shoal::cli {

// Says it on stderr; the exit code.
int report(const absl::Status& status);

// The one agent that `word` means: an id, or a hostname.
// Errors: NOT_FOUND, FAILED_PRECONDITION (several of that name), and the client's own.
absl::StatusOr<core::AgentSummary> find_agent(sdk::OperatorClient& client, const std::string& word);

// The one task that `name` means: an id, or FRAMEWORK/ID. Errors: NOT_FOUND, FAILED_PRECONDITION
// (several frameworks have a task of that id), and the client's own.
absl::StatusOr<core::TaskSummary> find_task(sdk::OperatorClient& client, const std::string& name);

// The id of the one framework that `word` means: an id, or the name of one that has not ended.
// Errors: NOT_FOUND, FAILED_PRECONDITION (several of that name), and the client's own.
absl::StatusOr<core::FrameworkId> find_framework(sdk::OperatorClient& client,
                                                 const std::string& word);

}  // namespace shoal::cli
