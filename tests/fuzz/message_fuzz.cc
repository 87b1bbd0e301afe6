// Every message decoder. Input: two bytes of kind (little endian, as in the frame header), then the
// payload. What decodes must encode, and decode again to the same bytes: a fixed point, so nothing
// is lost or made up on the way through a master.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "wire/message.h"

namespace shoal::wire {
namespace {

void check(bool condition) {
  if (!condition) std::abort();
}

// All frames of `bytes` decoded and encoded again.
template <typename T>
ByteVector through(const ByteVector& bytes) {
  ByteVector out;
  for (Bytes rest = bytes; !rest.empty();) {
    FrameView frame;
    const absl::StatusOr<FrameProgress> progress = next_frame(rest, core::kMaxFrameBytes, &frame);
    check(progress.ok() && *progress == FrameProgress::kFrame);
    const absl::StatusOr<T> message = decode<T>(frame.payload);
    check(message.ok());
    encode(*message, frame.header.correlation, out);
    rest.remove_prefix(frame.total_bytes());
  }
  return out;
}

template <typename T>
void try_as(Bytes payload) {
  const absl::StatusOr<T> message = decode<T>(payload);
  if (!message.ok()) return;
  ByteVector frames;
  encode(*message, 7, frames);
  check(through<T>(frames) == frames);
}

// A switch, so that a kind that is forgotten is a warning.
void try_kind(MessageKind kind, Bytes payload) {
#define SHOAL_TRY(Kind, Message) \
  case MessageKind::k##Kind:     \
    return try_as<core::Message>(payload);
  switch (kind) {
    SHOAL_TRY(Hello, Hello)
    SHOAL_TRY(Welcome, Welcome)
    SHOAL_TRY(Refusal, Refusal)
    SHOAL_TRY(Heartbeat, Heartbeat)
    SHOAL_TRY(RegisterAgent, RegisterAgent)
    SHOAL_TRY(AgentRegistered, AgentRegistered)
    SHOAL_TRY(RunTask, RunTask)
    SHOAL_TRY(KillTask, KillTask)
    SHOAL_TRY(StatusUpdate, TaskStatus)
    SHOAL_TRY(AcknowledgeUpdate, AcknowledgeUpdate)
    SHOAL_TRY(RemoveFramework, RemoveFramework)
    SHOAL_TRY(ApplyOperation, ApplyOperation)
    SHOAL_TRY(OperationUpdate, OperationUpdate)
    SHOAL_TRY(AcknowledgeOperation, AcknowledgeOperation)
    SHOAL_TRY(UpdateRevocable, UpdateRevocable)
    SHOAL_TRY(TaskReports, TaskReports)
    SHOAL_TRY(UsageReport, UsageReport)
    SHOAL_TRY(Subscribe, Subscribe)
    SHOAL_TRY(Subscribed, Subscribed)
    SHOAL_TRY(Offers, Offers)
    SHOAL_TRY(Rescind, Rescind)
    SHOAL_TRY(Accept, Accept)
    SHOAL_TRY(Decline, Decline)
    SHOAL_TRY(Revive, Revive)
    SHOAL_TRY(Suppress, Suppress)
    SHOAL_TRY(Reconcile, Reconcile)
    SHOAL_TRY(Teardown, Teardown)
    SHOAL_TRY(AgentFailure, AgentFailure)
    SHOAL_TRY(Explain, Explain)
    SHOAL_TRY(Explanation, Explanation)
    SHOAL_TRY(Notice, Notice)
    SHOAL_TRY(Query, Query)
    SHOAL_TRY(QueryAnswer, ClusterView)
    SHOAL_TRY(TeardownFramework, TeardownFramework)
    SHOAL_TRY(Done, Done)
    SHOAL_TRY(UpdateQuota, UpdateQuota)
    SHOAL_TRY(UpdateWeights, UpdateWeights)
    SHOAL_TRY(OperateAgent, OperateAgent)
    SHOAL_TRY(ManageAgent, ManageAgent)
    SHOAL_TRY(ReadLog, ReadLog)
    SHOAL_TRY(LogChunk, LogChunk)
    SHOAL_TRY(AgentResources, AgentResources)
  }
#undef SHOAL_TRY
}

}  // namespace
}  // namespace shoal::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto kind = static_cast<shoal::wire::MessageKind>(data[0] | data[1] << 8);
  // Memory of its own, so that the payload is aligned and a read past its end is seen.
  const std::vector<std::uint8_t> payload(data + 2, data + size);
  shoal::wire::try_kind(kind, payload);
  return 0;
}
