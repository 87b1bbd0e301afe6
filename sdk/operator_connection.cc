#include "sdk/operator_connection.h"

#include <iterator>
#include <utility>
#include <vector>

#include "core/status.h"
#include "sdk/convert.h"

namespace shoal::sdk {
namespace {

template <typename T>
void append(std::vector<T>&& from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void merge(core::ClusterView&& part, core::ClusterView& whole) {
  if (part.cluster.cluster_id != 0) whole.cluster = std::move(part.cluster);
  append(std::move(part.agents), whole.agents);
  append(std::move(part.frameworks), whole.frameworks);
  append(std::move(part.tasks), whole.tasks);
  append(std::move(part.offers), whole.offers);
  append(std::move(part.roles), whole.roles);
}

}  // namespace

OperatorConnection::OperatorConnection(net::Reactor& reactor, const net::MasterList& masters,
                                       LinkOptions link_options)
    : link_(reactor, masters, core::PeerKind::kOperator, "master", this, link_options) {}

std::uint32_t OperatorConnection::add_call(Call call) {
  const std::uint32_t correlation = next_call_;
  if (++next_call_ == 0) next_call_ = 1;
  calls_.insert_or_assign(correlation, std::move(call));
  return correlation;
}

void OperatorConnection::query(core::QueryKind kind, std::string_view id, QueryCallback callback) {
  if (link_.has_failed()) return callback(failure_);
  Call call;
  call.on_view = std::move(callback);
  link_.send(core::Query{kind, id}, add_call(std::move(call)));
}

void OperatorConnection::explain(const core::Explain& question, ExplainCallback callback) {
  if (link_.has_failed()) return callback(failure_);
  Call call;
  call.on_explanation = std::move(callback);
  link_.send(question, add_call(std::move(call)));
}

template <typename Message>
void OperatorConnection::command(const Message& message, DoneCallback callback) {
  if (link_.has_failed()) return callback(failure_);
  Call call;
  call.on_done = std::move(callback);
  link_.send(message, add_call(std::move(call)));
}

void OperatorConnection::kill(core::FrameworkId framework, std::string_view task,
                              std::int64_t grace_ms, DoneCallback callback) {
  core::KillTask kill;
  kill.framework = framework;
  kill.task = task;
  kill.grace_ms = grace_ms;
  command(kill, std::move(callback));
}

void OperatorConnection::teardown(core::FrameworkId framework, DoneCallback callback) {
  command(core::TeardownFramework{framework}, std::move(callback));
}

void OperatorConnection::update_quota(const core::UpdateQuota& change, DoneCallback callback) {
  command(change, std::move(callback));
}

void OperatorConnection::update_weights(const core::UpdateWeights& change, DoneCallback callback) {
  command(change, std::move(callback));
}

void OperatorConnection::operate_agent(const core::OperateAgent& operation, DoneCallback callback) {
  command(operation, std::move(callback));
}

void OperatorConnection::manage_agent(const core::ManageAgent& wanted, DoneCallback callback) {
  command(wanted, std::move(callback));
}

absl::Status OperatorConnection::on_link_frame(const wire::FrameView& frame) {
  const auto kind = static_cast<wire::MessageKind>(frame.header.kind);
  if (kind == wire::MessageKind::kHeartbeat) return absl::OkStatus();
  if (kind == wire::MessageKind::kQueryAnswer) return on_part(frame.header.correlation, frame);
  if (kind == wire::MessageKind::kExplanation) return on_explanation(frame);
  if (kind != wire::MessageKind::kDone && kind != wire::MessageKind::kRefusal) {
    return core::invalid("the master sent {} to an operator", describe_kind(kind));
  }
  absl::Status status;
  if (kind == wire::MessageKind::kRefusal) {
    const auto refusal = wire::decode<core::Refusal>(frame.payload);
    status = refusal.ok() ? status_of(*refusal) : refusal.status();
  }
  const auto found = calls_.find(frame.header.correlation);
  if (found == calls_.end()) return status;  // not about a call: about the connection
  Call call = std::move(found->second);
  calls_.erase(found);
  finish(call, status);
  return absl::OkStatus();
}

absl::Status OperatorConnection::on_part(std::uint32_t correlation, const wire::FrameView& frame) {
  const auto found = calls_.find(correlation);
  if (found == calls_.end() || found->second.on_view == nullptr) {
    return core::invalid("the master sent an answer that was not asked for");
  }
  auto part = wire::decode<core::ClusterView>(frame.payload);
  if (!part.ok()) return part.status();
  merge(*std::move(part), found->second.gathered);
  if ((frame.header.flags & wire::kFlagMore) != 0) return absl::OkStatus();
  Call call = std::move(found->second);
  calls_.erase(found);
  call.on_view(std::move(call.gathered));
  return absl::OkStatus();
}

absl::Status OperatorConnection::on_explanation(const wire::FrameView& frame) {
  const auto found = calls_.find(frame.header.correlation);
  if (found == calls_.end() || found->second.on_explanation == nullptr) {
    return core::invalid("the master sent an explanation that was not asked for");
  }
  auto explanation = wire::decode<core::Explanation>(frame.payload);
  if (!explanation.ok()) return explanation.status();
  const Call call = std::move(found->second);
  calls_.erase(found);
  call.on_explanation(*std::move(explanation));
  return absl::OkStatus();
}

void OperatorConnection::on_link_failed(const absl::Status& why) {
  failure_ = why;
  auto calls = std::exchange(calls_, {});
  for (const auto& [correlation, call] : calls) finish(call, why);
}

void OperatorConnection::finish(const Call& call, const absl::Status& status) {
  if (call.on_done != nullptr) return call.on_done(status);
  const absl::Status why = status.ok() ? absl::InternalError("the master sent no answer") : status;
  if (call.on_view != nullptr) return call.on_view(why);
  call.on_explanation(why);
}

}  // namespace shoal::sdk
