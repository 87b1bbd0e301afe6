#include "wire/frame.h"

#include <cstring>

#include "core/status.h"

namespace shoal::wire {
namespace {

// Byte by byte, so that the format does not depend on the machine; compilers make one store of it.
template <typename T>
void store_little(T value, std::uint8_t* out) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <typename T>
T load_little(const std::uint8_t* in) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(T{in[i]} << (8 * i)));
  }
  return value;
}

absl::Status refuse_magic(const std::uint8_t* in) {
  if (in[0] == 0x16 && in[1] == 0x03) {
    return core::invalid("TLS ClientHello on a plain-text port");
  }
  return core::invalid("not a Shoal frame: bad magic");
}

}  // namespace

void write_frame_header(const FrameHeader& header, std::uint8_t* out) {
  out[0] = kMagic0;
  out[1] = kMagic1;
  out[2] = kProtocolVersion;
  out[3] = header.flags;
  store_little<std::uint16_t>(header.kind, out + 4);
  store_little<std::uint16_t>(0, out + 6);
  store_little<std::uint32_t>(header.length, out + 8);
  store_little<std::uint32_t>(header.correlation, out + 12);
}

absl::StatusOr<FrameHeader> parse_frame_header(const std::uint8_t* in, std::size_t max_payload) {
  if (in[0] != kMagic0 || in[1] != kMagic1) return refuse_magic(in);
  if (in[2] != kProtocolVersion) {
    return core::invalid("frame version {} is not supported; this side speaks {}", in[2],
                         kProtocolVersion);
  }
  FrameHeader header;
  header.flags = in[3];
  header.kind = load_little<std::uint16_t>(in + 4);
  header.length = load_little<std::uint32_t>(in + 8);
  header.correlation = load_little<std::uint32_t>(in + 12);
  if ((header.flags & ~kKnownFlags) != 0) {
    return core::invalid("unknown frame flags {}", header.flags);
  }
  if (load_little<std::uint16_t>(in + 6) != 0) {
    return core::invalid("reserved frame field is not zero");
  }
  if (header.length > max_payload) {
    return core::invalid("frame of {} bytes is over the limit of {}", header.length, max_payload);
  }
  if (header.length == 0 || header.length % core::kFrameAlignment != 0) {
    return core::invalid("frame length {} is not a positive multiple of 8", header.length);
  }
  return header;
}

absl::StatusOr<FrameProgress> next_frame(Bytes input, std::size_t max_payload, FrameView* frame) {
  if (input.size() < core::kFrameHeaderBytes) {
    // Two wrong bytes are enough to know: a peer that will never send 16 is refused at once.
    if (input.size() >= 2 && (input[0] != kMagic0 || input[1] != kMagic1)) {
      return refuse_magic(input.data());
    }
    return FrameProgress::kNeedMore;
  }
  absl::StatusOr<FrameHeader> header = parse_frame_header(input.data(), max_payload);
  if (!header.ok()) return header.status();
  if (input.size() - core::kFrameHeaderBytes < header->length) return FrameProgress::kNeedMore;
  frame->header = *header;
  frame->payload = input.subspan(core::kFrameHeaderBytes, header->length);
  return FrameProgress::kFrame;
}

}  // namespace shoal::wire
