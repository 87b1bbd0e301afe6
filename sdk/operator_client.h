// Asks a master as an operator, blocking: for tools and tests. One call at a time.
//
// Threads: one, the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/cluster_view.h"
#include "core/limits.h"
#include "core/messages.h"
#include "core/time.h"
#include "net/master_list.h"
#include "net/reactor.h"
#include "sdk/operator_connection.h"

namespace shoal::sdk {

class OperatorClient {
 public:
  // `masters`: HOST:PORT[,…] or etcd://… (net/master_list.h). The first call connects; a call after
  // a failure connects again. While none of the masters leads a call waits for one, up to
  // kElectionPatience. Errors: INVALID_ARGUMENT (the addresses).
  static absl::StatusOr<std::unique_ptr<OperatorClient>> create(
      std::string_view masters, core::Duration timeout = core::kClientTimeout);

  // Errors of all calls: UNAVAILABLE (no master there, or it went away), DEADLINE_EXCEEDED,
  // NOT_FOUND, and the master's other refusals (sdk/convert.h).
  absl::StatusOr<core::ClusterView> query(core::QueryKind kind, std::string_view id = {});
  // grace_ms < 0: the task's own.
  absl::Status kill(core::FrameworkId framework, std::string_view task, std::int64_t grace_ms = -1);
  absl::Status teardown(core::FrameworkId framework);
  // Why has a framework no offer that holds some resources? `known` of the answer tells whether
  // there is such a framework.
  absl::StatusOr<core::Explanation> explain(const core::Explain& question);
  // All of the call or nothing. The roles need not exist yet.
  absl::Status update_quota(const core::UpdateQuota& change);
  absl::Status update_weights(const core::UpdateWeights& change);
  // Reserves, unreserves, or changes volumes on an agent (sdk/operations.h makes the spec).
  absl::Status operate_agent(const core::OperateAgent& operation);
  // Deactivates, reactivates, drains an agent, or marks it gone. A drain goes on after the call:
  // query() shows its mode.
  absl::Status manage_agent(const core::ManageAgent& wanted);

 private:
  OperatorClient() = default;
  // A connection that has not failed, so that no callback comes from inside a call.
  OperatorConnection& connection();
  absl::Status wait(const bool& done);
  // `ask` starts one call with the callback it is given; then the reactor turns until it came.
  template <typename Answer, typename Ask>
  absl::StatusOr<Answer> ask(Ask ask);
  template <typename Ask>
  absl::Status command(Ask ask);

  net::MasterList masters_;
  std::uint64_t epoch_ = 0;  // the highest of a master that was seen
  core::Duration timeout_{};
  std::unique_ptr<net::Reactor> reactor_;
  std::unique_ptr<OperatorConnection> connection_;
};

}  // namespace shoal::sdk
