// The 16-byte frame around every message. Byte format, little endian:
//
//   offset  size  field
//        0     2  magic        'S' 'H'
//        2     1  version      kProtocolVersion of the sender's frame layout
//        3     1  flags        FrameFlags; unknown bits are refused
//        4     2  kind         MessageKind (wire/message.h)
//        6     2  reserved     0
//        8     4  length       payload bytes; a multiple of 8, zero padded by the sender
//       12     4  correlation  chosen by the asker, repeated by the answer; 0: none
//       16     …  payload      one FlatBuffer, at an 8-byte boundary
//
// Because header and payload lengths are multiples of 8, every frame of a stream that is read into
// an 8-byte aligned buffer starts aligned: no copy is needed before a FlatBuffer is looked at.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/limits.h"

namespace shoal::wire {

using Bytes = absl::Span<const std::uint8_t>;

inline constexpr std::uint8_t kMagic0 = 'S';
inline constexpr std::uint8_t kMagic1 = 'H';
inline constexpr std::uint8_t kProtocolVersion = 1;

// The peer sends more frames with this correlation (used by answers in parts).
inline constexpr std::uint8_t kFlagMore = 0x01;
inline constexpr std::uint8_t kKnownFlags = kFlagMore;

struct FrameHeader {
  std::uint16_t kind = 0;
  std::uint8_t flags = 0;
  std::uint32_t length = 0;  // payload bytes
  std::uint32_t correlation = 0;
};

// One complete frame inside a receive buffer; `payload` stays valid until the buffer is consumed.
struct FrameView {
  FrameHeader header;
  Bytes payload;

  std::size_t total_bytes() const { return core::kFrameHeaderBytes + payload.size(); }
};

// Writes the 16 header bytes at `out`.
void write_frame_header(const FrameHeader& header, std::uint8_t* out);

// Parses 16 header bytes; `max_payload` is kMaxHelloBytes before authentication, kMaxFrameBytes
// after. Errors: INVALID_ARGUMENT with one line that says what was wrong (bad magic, unsupported
// version, unknown flag, reserved not zero, length not a multiple of 8, length over the limit).
absl::StatusOr<FrameHeader> parse_frame_header(const std::uint8_t* in, std::size_t max_payload);

// Of a frame that was made here; 0 for less than a header.
inline std::uint16_t kind_of_frame(Bytes frame) {
  if (frame.size() < core::kFrameHeaderBytes) return 0;
  return static_cast<std::uint16_t>(frame[4] | frame[5] << 8);
}

// What lies at the front of a receive buffer.
enum class FrameProgress { kNeedMore, kFrame };

// Looks at the front of `input` (8-byte aligned). kFrame: `*frame` is filled; the caller consumes
// frame->total_bytes(). kNeedMore: fewer bytes than one frame. The length is checked before any
// byte of the payload is waited for. Errors as parse_frame_header.
absl::StatusOr<FrameProgress> next_frame(Bytes input, std::size_t max_payload, FrameView* frame);

}  // namespace shoal::wire
