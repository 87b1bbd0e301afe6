#include "net/flight_recorder.h"

#include <algorithm>

namespace shoal::net {

std::string_view name_of(FlightKind kind) {
  switch (kind) {
    case FlightKind::kOpened:
      return "opened";
    case FlightKind::kClosed:
      return "closed";
    case FlightKind::kFrameIn:
      return "frame_in";
    case FlightKind::kFrameOut:
      return "frame_out";
    case FlightKind::kMail:
      return "mail";
    case FlightKind::kHttp:
      return "http";
    case FlightKind::kTurn:
      return "turn";
    case FlightKind::kPeer:
      return "peer";
  }
  return "unknown";
}

std::vector<FlightEntry> FlightRecorder::entries() const {
  const std::uint64_t end = written_.load(std::memory_order_acquire);
  const std::uint64_t begin = end - std::min<std::uint64_t>(end, kEntries);
  std::vector<FlightEntry> copied;
  copied.reserve(end - begin);
  for (std::uint64_t index = begin; index < end; ++index) {
    const Slot& slot = slots_[index % kEntries];
    const std::uint64_t packed = slot[3].load(std::memory_order_relaxed);
    FlightEntry entry;
    entry.at = core::TimePoint(core::TimePoint::duration(
        static_cast<std::int64_t>(slot[0].load(std::memory_order_relaxed))));
    entry.peer = slot[1].load(std::memory_order_relaxed);
    entry.amount = slot[2].load(std::memory_order_relaxed);
    entry.kind = static_cast<FlightKind>(packed & 0xff);
    entry.what = static_cast<std::uint16_t>(packed >> 8);
    copied.push_back(entry);
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::uint64_t claimed = claimed_.load(std::memory_order_relaxed);
  const std::uint64_t kept_from = claimed - std::min<std::uint64_t>(claimed, kEntries);
  const std::uint64_t torn = kept_from > begin ? std::min(kept_from - begin, end - begin) : 0;
  copied.erase(copied.begin(), copied.begin() + static_cast<std::ptrdiff_t>(torn));
  return copied;
}

}  // namespace shoal::net
