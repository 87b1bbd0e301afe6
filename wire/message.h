// Frames <-> messages. Encoding appends one whole frame to a byte vector; decoding verifies the
// FlatBuffer (bounds of core/limits.h), checks every field's meaning, and gives a core message
// whose views point into the payload. This header and its .cc files are the only place where the
// FlatBuffers schemas of wire/schema meet the vocabulary of core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/cluster_view.h"
#include "core/messages.h"
#include "wire/frame.h"

namespace shoal::wire {

// One kind per message; numbers never change and are never used again.
enum class MessageKind : std::uint16_t {
  kHello = 1,
  kWelcome = 2,
  kRefusal = 3,
  kHeartbeat = 4,

  kRegisterAgent = 16,
  kAgentRegistered = 17,
  kRunTask = 18,
  kKillTask = 19,
  kStatusUpdate = 20,       // agent -> master, and master -> framework
  kAcknowledgeUpdate = 21,  // framework -> master, and master -> agent
  kRemoveFramework = 22,
  kApplyOperation = 23,
  kOperationUpdate = 24,       // agent -> master, and master -> framework
  kAcknowledgeOperation = 25,  // framework -> master, and master -> agent
  kUpdateRevocable = 26,
  kTaskReports = 27,
  kUsageReport = 28,

  kSubscribe = 32,
  kSubscribed = 33,
  kOffers = 34,
  kRescind = 35,
  kAccept = 36,
  kDecline = 37,
  kRevive = 38,
  kSuppress = 39,
  kReconcile = 40,
  kTeardown = 41,
  kAgentFailure = 42,
  kExplain = 43,  // also from an operator
  kExplanation = 44,
  kNotice = 45,

  kQuery = 64,
  kQueryAnswer = 65,
  kTeardownFramework = 66,
  kDone = 67,
  kUpdateQuota = 68,
  kUpdateWeights = 69,
  kOperateAgent = 70,
  kManageAgent = 71,

  kReadLog = 80,
  kLogChunk = 81,

  kAgentResources = 96,  // in a file of the agent; no peer may send it
};

// "HELLO"; "" for a number that is no kind.
std::string_view name_of(MessageKind kind);

using ByteVector = std::vector<std::uint8_t>;

// encode(): appends one frame (header, payload, padding) to `out`. Never fails for messages within
// the limits; the caller has checked what came from outside.
void encode(const core::Hello& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Welcome& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Refusal& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Heartbeat& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::RegisterAgent& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::AgentRegistered& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::RunTask& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::KillTask& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::TaskStatus& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::AcknowledgeUpdate& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::RemoveFramework& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::ApplyOperation& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::OperationUpdate& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::AcknowledgeOperation& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::UpdateRevocable& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::TaskReports& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::UsageReport& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Subscribe& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Subscribed& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Offers& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Rescind& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Accept& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Decline& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Revive& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Suppress& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Reconcile& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Teardown& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::AgentFailure& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Explain& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Explanation& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Notice& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Query& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::TeardownFramework& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::Done& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::UpdateQuota& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::UpdateWeights& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::OperateAgent& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::ManageAgent& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::ReadLog& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::LogChunk& message, std::uint32_t correlation, ByteVector& out);
void encode(const core::AgentResources& message, std::uint32_t correlation, ByteVector& out);

// An answer is cut into as many frames (kFlagMore on all but the last) as the frame limit asks for.
void encode(const core::ClusterView& message, std::uint32_t correlation, ByteVector& out);

// decode<T>(): `payload` is 8-byte aligned (checked) and holds the FlatBuffer of T. Errors:
// INVALID_ARGUMENT with one line that names the message, the field and what was wrong.
template <typename T>
absl::StatusOr<T> decode(Bytes payload);

template <>
absl::StatusOr<core::Hello> decode(Bytes payload);
template <>
absl::StatusOr<core::Welcome> decode(Bytes payload);
template <>
absl::StatusOr<core::Refusal> decode(Bytes payload);
template <>
absl::StatusOr<core::Heartbeat> decode(Bytes payload);
template <>
absl::StatusOr<core::RegisterAgent> decode(Bytes payload);
template <>
absl::StatusOr<core::AgentRegistered> decode(Bytes payload);
template <>
absl::StatusOr<core::RunTask> decode(Bytes payload);
template <>
absl::StatusOr<core::KillTask> decode(Bytes payload);
template <>
absl::StatusOr<core::TaskStatus> decode(Bytes payload);
template <>
absl::StatusOr<core::AcknowledgeUpdate> decode(Bytes payload);
template <>
absl::StatusOr<core::RemoveFramework> decode(Bytes payload);
template <>
absl::StatusOr<core::ApplyOperation> decode(Bytes payload);
template <>
absl::StatusOr<core::OperationUpdate> decode(Bytes payload);
template <>
absl::StatusOr<core::AcknowledgeOperation> decode(Bytes payload);
template <>
absl::StatusOr<core::UpdateRevocable> decode(Bytes payload);
template <>
absl::StatusOr<core::TaskReports> decode(Bytes payload);
template <>
absl::StatusOr<core::UsageReport> decode(Bytes payload);
template <>
absl::StatusOr<core::Subscribe> decode(Bytes payload);
template <>
absl::StatusOr<core::Subscribed> decode(Bytes payload);
template <>
absl::StatusOr<core::Offers> decode(Bytes payload);
template <>
absl::StatusOr<core::Rescind> decode(Bytes payload);
template <>
absl::StatusOr<core::Accept> decode(Bytes payload);
template <>
absl::StatusOr<core::Decline> decode(Bytes payload);
template <>
absl::StatusOr<core::Revive> decode(Bytes payload);
template <>
absl::StatusOr<core::Suppress> decode(Bytes payload);
template <>
absl::StatusOr<core::Reconcile> decode(Bytes payload);
template <>
absl::StatusOr<core::Teardown> decode(Bytes payload);
template <>
absl::StatusOr<core::AgentFailure> decode(Bytes payload);
template <>
absl::StatusOr<core::Explain> decode(Bytes payload);
template <>
absl::StatusOr<core::Explanation> decode(Bytes payload);
template <>
absl::StatusOr<core::Notice> decode(Bytes payload);
template <>
absl::StatusOr<core::Query> decode(Bytes payload);
template <>
absl::StatusOr<core::TeardownFramework> decode(Bytes payload);
template <>
absl::StatusOr<core::Done> decode(Bytes payload);
template <>
absl::StatusOr<core::UpdateQuota> decode(Bytes payload);
template <>
absl::StatusOr<core::UpdateWeights> decode(Bytes payload);
template <>
absl::StatusOr<core::OperateAgent> decode(Bytes payload);
template <>
absl::StatusOr<core::ManageAgent> decode(Bytes payload);
template <>
absl::StatusOr<core::ReadLog> decode(Bytes payload);
template <>
absl::StatusOr<core::LogChunk> decode(Bytes payload);
template <>
absl::StatusOr<core::AgentResources> decode(Bytes payload);
template <>
absl::StatusOr<core::ClusterView> decode(Bytes payload);

}  // namespace shoal::wire
