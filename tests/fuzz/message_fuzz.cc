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

void try_kind(MessageKind kind, Bytes payload) {
  switch (kind) {
    case MessageKind::kHello:
      return try_as<core::Hello>(payload);
    case MessageKind::kWelcome:
      return try_as<core::Welcome>(payload);
    case MessageKind::kRefusal:
      return try_as<core::Refusal>(payload);
    case MessageKind::kHeartbeat:
      return try_as<core::Heartbeat>(payload);
    case MessageKind::kRegisterAgent:
      return try_as<core::RegisterAgent>(payload);
    case MessageKind::kAgentRegistered:
      return try_as<core::AgentRegistered>(payload);
    case MessageKind::kRunTask:
      return try_as<core::RunTask>(payload);
    case MessageKind::kKillTask:
      return try_as<core::KillTask>(payload);
    case MessageKind::kStatusUpdate:
      return try_as<core::TaskStatus>(payload);
    case MessageKind::kAcknowledgeUpdate:
      return try_as<core::AcknowledgeUpdate>(payload);
    case MessageKind::kRemoveFramework:
      return try_as<core::RemoveFramework>(payload);
    case MessageKind::kSubscribe:
      return try_as<core::Subscribe>(payload);
    case MessageKind::kSubscribed:
      return try_as<core::Subscribed>(payload);
    case MessageKind::kOffers:
      return try_as<core::Offers>(payload);
    case MessageKind::kRescind:
      return try_as<core::Rescind>(payload);
    case MessageKind::kAccept:
      return try_as<core::Accept>(payload);
    case MessageKind::kDecline:
      return try_as<core::Decline>(payload);
    case MessageKind::kRevive:
      return try_as<core::Revive>(payload);
    case MessageKind::kSuppress:
      return try_as<core::Suppress>(payload);
    case MessageKind::kReconcile:
      return try_as<core::Reconcile>(payload);
    case MessageKind::kTeardown:
      return try_as<core::Teardown>(payload);
    case MessageKind::kAgentFailure:
      return try_as<core::AgentFailure>(payload);
    case MessageKind::kQuery:
      return try_as<core::Query>(payload);
    case MessageKind::kQueryAnswer:
      return try_as<core::ClusterView>(payload);
    case MessageKind::kTeardownFramework:
      return try_as<core::TeardownFramework>(payload);
    case MessageKind::kDone:
      return try_as<core::Done>(payload);
    case MessageKind::kReadLog:
      return try_as<core::ReadLog>(payload);
    case MessageKind::kLogChunk:
      return try_as<core::LogChunk>(payload);
  }
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
