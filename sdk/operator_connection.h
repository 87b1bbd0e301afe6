// Asks a master as an operator, without blocking: answers come by callback.
//
// Threads: the reactor's only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/cluster_view.h"
#include "core/messages.h"
#include "sdk/client_link.h"

namespace shoal::sdk {

class OperatorConnection final : private ClientLinkOwner {
 public:
  using QueryCallback = std::function<void(absl::StatusOr<core::ClusterView>)>;
  using DoneCallback = std::function<void(absl::Status)>;
  using ExplainCallback = std::function<void(absl::StatusOr<core::Explanation>)>;

  OperatorConnection(net::Reactor& reactor, const net::MasterList& masters,
                     LinkOptions link_options = {});

  // Each callback is called once: with the answer, with the master's refusal, or with UNAVAILABLE
  // when the connection failed (then from inside the call, if it has failed already). Not when the
  // connection is destroyed.
  void query(core::QueryKind kind, std::string_view id, QueryCallback callback);
  void kill(core::FrameworkId framework, std::string_view task, std::int64_t grace_ms,
            DoneCallback callback);
  void teardown(core::FrameworkId framework, DoneCallback callback);
  // Views in the messages are needed only during the call.
  void explain(const core::Explain& question, ExplainCallback callback);
  void update_quota(const core::UpdateQuota& change, DoneCallback callback);
  void update_weights(const core::UpdateWeights& change, DoneCallback callback);
  void operate_agent(const core::OperateAgent& operation, DoneCallback callback);
  void manage_agent(const core::ManageAgent& wanted, DoneCallback callback);

  bool has_failed() const { return link_.has_failed(); }

 private:
  struct Call {
    QueryCallback on_view;  // exactly one of the three
    DoneCallback on_done;
    ExplainCallback on_explanation;
    core::ClusterView gathered;
  };

  template <typename Message>
  void command(const Message& message, DoneCallback callback);

  std::uint32_t add_call(Call call);
  absl::Status on_link_frame(const wire::FrameView& frame) override;
  void on_link_failed(const absl::Status& why) override;
  absl::Status on_part(std::uint32_t correlation, const wire::FrameView& frame);
  absl::Status on_explanation(const wire::FrameView& frame);
  static void finish(const Call& call, const absl::Status& status);

  absl::Status failure_;
  std::uint32_t next_call_ = 1;
  absl::flat_hash_map<std::uint32_t, Call> calls_;  // by correlation
  ClientLink link_;
};

}  // namespace shoal::sdk
