// One message of every kind with every field set to a value of its own, and how to compare two.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/cluster_view.h"
#include "core/messages.h"
#include "wire/message.h"
#include "wire/task_description.h"

namespace shoal::wire {

core::Resources sample_resources();  // without tags
core::Resources tagged_resources();  // with a lot of every sort, and custom resources
core::Resources reserved_memory();

struct Samples {
  Samples();

  // f(MessageKind, const Message&), in the order of the kinds.
  template <typename F>
  void each(F&& f) const {
    f(MessageKind::kHello, hello);
    f(MessageKind::kWelcome, welcome);
    f(MessageKind::kRefusal, refusal);
    f(MessageKind::kHeartbeat, heartbeat);
    f(MessageKind::kRegisterAgent, register_agent);
    f(MessageKind::kAgentRegistered, agent_registered);
    f(MessageKind::kRunTask, run_task);
    f(MessageKind::kKillTask, kill_task);
    f(MessageKind::kStatusUpdate, status);
    f(MessageKind::kAcknowledgeUpdate, acknowledge);
    f(MessageKind::kRemoveFramework, remove_framework);
    f(MessageKind::kApplyOperation, apply_operation);
    f(MessageKind::kOperationUpdate, operation_update);
    f(MessageKind::kAcknowledgeOperation, acknowledge_operation);
    f(MessageKind::kUpdateRevocable, update_revocable);
    f(MessageKind::kTaskReports, task_reports);
    f(MessageKind::kUsageReport, usage_report);
    f(MessageKind::kSubscribe, subscribe);
    f(MessageKind::kSubscribed, subscribed);
    f(MessageKind::kOffers, offers);
    f(MessageKind::kRescind, rescind);
    f(MessageKind::kAccept, accept);
    f(MessageKind::kDecline, decline);
    f(MessageKind::kRevive, revive);
    f(MessageKind::kSuppress, suppress);
    f(MessageKind::kReconcile, reconcile);
    f(MessageKind::kTeardown, core::Teardown{});
    f(MessageKind::kAgentFailure, agent_failure);
    f(MessageKind::kExplain, explain);
    f(MessageKind::kExplanation, explanation);
    f(MessageKind::kNotice, notice);
    f(MessageKind::kQuery, query);
    f(MessageKind::kQueryAnswer, view);
    f(MessageKind::kTeardownFramework, teardown_framework);
    f(MessageKind::kDone, core::Done{});
    f(MessageKind::kUpdateQuota, update_quota);
    f(MessageKind::kUpdateWeights, update_weights);
    f(MessageKind::kOperateAgent, operate_agent);
    f(MessageKind::kManageAgent, manage_agent);
    f(MessageKind::kReadLog, read_log);
    f(MessageKind::kLogChunk, log_chunk);
    f(MessageKind::kAgentResources, agent_resources);
  }

  std::vector<std::uint8_t> description;  // what the launches point to
  core::Hello hello;
  core::Welcome welcome;
  core::Refusal refusal;
  core::Heartbeat heartbeat;
  core::RegisterAgent register_agent;
  core::AgentRegistered agent_registered;
  core::RunTask run_task;
  core::KillTask kill_task;
  core::TaskStatus status;
  core::AcknowledgeUpdate acknowledge;
  core::RemoveFramework remove_framework;
  core::ApplyOperation apply_operation;
  core::OperationUpdate operation_update;
  core::AcknowledgeOperation acknowledge_operation;
  core::UpdateRevocable update_revocable;
  core::TaskReports task_reports;
  core::UsageReport usage_report;
  core::Subscribe subscribe;
  core::Subscribed subscribed;
  core::Offers offers;
  core::Rescind rescind;
  core::Accept accept;
  core::Decline decline;
  core::Revive revive;
  core::Suppress suppress;
  core::Reconcile reconcile;
  core::AgentFailure agent_failure;
  core::Explain explain;
  core::Explanation explanation;
  core::Notice notice;
  core::Query query;
  core::ClusterView view;
  core::TeardownFramework teardown_framework;
  core::UpdateQuota update_quota;
  core::UpdateWeights update_weights;
  core::OperateAgent operate_agent;
  core::ManageAgent manage_agent;
  core::ReadLog read_log;
  core::LogChunk log_chunk;
  core::AgentResources agent_resources;

 private:
  void fill_hello();
  void fill_agent(const core::TaskLaunch& launch);
  void fill_framework(const core::TaskLaunch& launch);
  void fill_explain();
  void fill_operator();
};

TaskDescription sample_description();

// --- equality ------------------------------------------------------------------------------------
// fields() takes the struct apart by a structured binding, so a field that is added to a message
// breaks the build here until it is compared (and therefore converted).

#define SHOAL_FIELDS(Type, ...)       \
  inline auto fields(const Type& m) { \
    const auto& [__VA_ARGS__] = m;    \
    return std::tie(__VA_ARGS__);     \
  }

SHOAL_FIELDS(core::Hello, a, b, c, d, e, f, g, h, i)
SHOAL_FIELDS(core::Welcome, a, b, c, d, e)
SHOAL_FIELDS(core::Refusal, a, b, c, d)
SHOAL_FIELDS(core::Heartbeat, a)
SHOAL_FIELDS(core::AttributeView, a, b)
SHOAL_FIELDS(core::TaskLaunch, a, b, c, d, e)
SHOAL_FIELDS(core::TaskStatus, a, b, c, d, e, f, g, h, i, j, k, l, n)
SHOAL_FIELDS(core::TaskReport, a, b, c, d, e, f)
SHOAL_FIELDS(core::RegisterAgent, a, b, c, d, e, f, g, h, i, j)
SHOAL_FIELDS(core::AgentRegistered, a, b, c)
SHOAL_FIELDS(core::RunTask, a, b)
SHOAL_FIELDS(core::KillTask, a, b, c, d, e)
SHOAL_FIELDS(core::AcknowledgeUpdate, a, b, c, d)
SHOAL_FIELDS(core::RemoveFramework, a)
SHOAL_FIELDS(core::OperationReport, a, b, c, d, e)
SHOAL_FIELDS(core::ApplyOperation, a, b, c, d, e, f)
SHOAL_FIELDS(core::OperationUpdate, a, b, c, d, e, f)
SHOAL_FIELDS(core::AcknowledgeOperation, a, b, c)
SHOAL_FIELDS(core::UpdateRevocable, a)
SHOAL_FIELDS(core::TaskReports, a)
SHOAL_FIELDS(core::MachineUse, a, b, c, d, e, f, g, h, i, j)
SHOAL_FIELDS(core::TaskUse, a, b)
SHOAL_FIELDS(core::TaskUseReport, a, b, c)
SHOAL_FIELDS(core::UsageReport, a, b)
SHOAL_FIELDS(core::AgentResources, a, b)
SHOAL_FIELDS(core::RoleMinimum, a, b)
SHOAL_FIELDS(core::OfferConstraintView, a, b, c, d, e, f)
SHOAL_FIELDS(core::Subscribe, a, b, c, d, e, f, g, h)
SHOAL_FIELDS(core::Subscribed, a, b, c)
SHOAL_FIELDS(core::OperationSpec, a, b, c)
SHOAL_FIELDS(core::Operation, a, b, c)
SHOAL_FIELDS(core::Accept, a, b, c, d)
SHOAL_FIELDS(core::Decline, a, b)
SHOAL_FIELDS(core::Revive, a)
SHOAL_FIELDS(core::Suppress, a)
SHOAL_FIELDS(core::Reconcile, a)
SHOAL_FIELDS(core::OfferView, a, b, c, d, e, f, g, h, i)
SHOAL_FIELDS(core::Offers, a)
SHOAL_FIELDS(core::Rescind, a)
SHOAL_FIELDS(core::AgentFailure, a)
SHOAL_FIELDS(core::Explain, a, b, c)
SHOAL_FIELDS(core::Explanation, a, b, c, d, e, f, g, h, i, j, k, l)
SHOAL_FIELDS(core::Notice, a, b)
SHOAL_FIELDS(core::Query, a, b)
SHOAL_FIELDS(core::TeardownFramework, a)
SHOAL_FIELDS(core::QuotaConfig, a, b, c)
SHOAL_FIELDS(core::UpdateQuota, a, b)
SHOAL_FIELDS(core::RoleWeight, a, b)
SHOAL_FIELDS(core::UpdateWeights, a)
SHOAL_FIELDS(core::OperateAgent, a, b, c)
SHOAL_FIELDS(core::ManageAgent, a, b, c, d)
SHOAL_FIELDS(core::Drain, a, b, c, d)
SHOAL_FIELDS(core::ReadLog, a, b, c, d, e)
SHOAL_FIELDS(core::LogChunk, a, b, c)
SHOAL_FIELDS(core::AgentSummary, a, b, c, d, e, f, g, h, i, j, k, l, n, o, p)
SHOAL_FIELDS(core::FrameworkSummary, a, b, c, d, e, f, g, h, i, j, k, l)
SHOAL_FIELDS(core::TaskSummary, a, b, c, d, e, f, g, h, i, j, k, l, n, o, p, q, r)
SHOAL_FIELDS(core::OfferSummary, a, b, c, d, e, f, g)
SHOAL_FIELDS(core::RoleSummary, a, b, c, d, e, f, g, h, i, j, k)
SHOAL_FIELDS(core::ClusterSummary, a, b, c, d, e, f, g, h, i, j, k, l, n, o)
SHOAL_FIELDS(core::ClusterView, a, b, c, d, e, f)
SHOAL_FIELDS(TaskDescription, a, b, c, d, e, f, g, h, i, j)
#undef SHOAL_FIELDS
inline std::tuple<> fields(const core::Teardown&) { return {}; }
inline std::tuple<> fields(const core::Done&) { return {}; }

template <typename T>
concept HasFields = requires(const T& m) {
  fields(m);
};

template <typename T>
bool same(const T& a, const T& b) {
  if constexpr (HasFields<T>) {
    return std::apply(
        [&](const auto&... x) {
          return std::apply([&](const auto&... y) { return (same(x, y) && ...); }, fields(b));
        },
        fields(a));
  } else if constexpr (requires { requires HasFields<typename T::value_type>; }) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!same(a[i], b[i])) return false;
    }
    return true;
  } else {
    return a == b;
  }
}

// --- frames --------------------------------------------------------------------------------------

template <typename T>
ByteVector encoded(const T& message, std::uint32_t correlation = 0) {
  ByteVector out;
  encode(message, correlation, out);
  return out;
}

// The payload of the first frame; std::vector's memory is aligned enough, as is the header's size.
inline Bytes payload_of(const ByteVector& frame) {
  FrameView view;
  const absl::StatusOr<FrameProgress> progress = next_frame(frame, core::kMaxFrameBytes, &view);
  if (!progress.ok() || *progress != FrameProgress::kFrame) return {};
  return view.payload;
}

// Bytes at an 8-byte boundary, or `shift` past one, in memory of exactly their size.
class AlignedBytes {
 public:
  explicit AlignedBytes(Bytes bytes, std::size_t shift = 0)
      : memory_(new std::uint8_t[bytes.size() + shift]), size_(bytes.size()), shift_(shift) {
    if (!bytes.empty()) std::memcpy(memory_ + shift, bytes.data(), bytes.size());
  }
  ~AlignedBytes() { delete[] memory_; }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  Bytes view() const { return {memory_ + shift_, size_}; }
  std::uint8_t& operator[](std::size_t i) { return memory_[shift_ + i]; }

 private:
  std::uint8_t* memory_;
  std::size_t size_;
  std::size_t shift_;
};

}  // namespace shoal::wire
