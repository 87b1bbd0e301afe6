// The 16-byte frame header and the walk over a stream.
#include "wire/frame.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/status.h"
#include "tests/wire/samples.h"

namespace shoal::wire {
namespace {

using Header = std::array<std::uint8_t, core::kFrameHeaderBytes>;

Header header_of(std::uint32_t length) {
  Header bytes;
  write_frame_header({0x1234, kFlagMore, length, 0xa1b2c3d4}, bytes.data());
  return bytes;
}

std::string error_of(const Header& bytes, std::size_t limit = core::kMaxFrameBytes) {
  const auto header = parse_frame_header(bytes.data(), limit);
  return header.ok() ? "" : std::string(core::message_of(header.status()));
}

TEST(Frame, LayoutIsLittleEndian) {
  const Header expected = {'S',  'H',  1,    1, 0x34, 0x12, 0,    0,
                           0x78, 0x56, 0x04, 0, 0xd4, 0xc3, 0xb2, 0xa1};
  EXPECT_EQ(header_of(0x045678), expected);
  const auto header = parse_frame_header(expected.data(), core::kMaxFrameBytes);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->kind, 0x1234);
  EXPECT_EQ(header->flags, kFlagMore);
  EXPECT_EQ(header->length, 0x045678u);
  EXPECT_EQ(header->correlation, 0xa1b2c3d4u);
}

TEST(Frame, LengthsOutOfBoundsAreRefusedBeforeAnyPayload) {
  for (const std::uint32_t length : {0u, 3u, 7u, 9u, 0x7fffffffu, 0xffffffffu, 0xfffffff8u,
                                     std::uint32_t{core::kMaxFrameBytes} + 8}) {
    SCOPED_TRACE(length);
    const Header bytes = header_of(length);
    EXPECT_NE(error_of(bytes), "");
    FrameView frame;
    EXPECT_FALSE(next_frame(bytes, core::kMaxFrameBytes, &frame).ok());
  }
  EXPECT_EQ(error_of(header_of(8)), "");
  EXPECT_EQ(error_of(header_of(core::kMaxFrameBytes)), "");
  EXPECT_EQ(error_of(header_of(core::kMaxHelloBytes), core::kMaxHelloBytes), "");
  EXPECT_EQ(error_of(header_of(core::kMaxHelloBytes + 8), core::kMaxHelloBytes),
            "frame of 4104 bytes is over the limit of 4096");
}

TEST(Frame, WrongHeadersNameWhatIsWrong) {
  const auto changed = [](std::size_t at, std::uint8_t value) {
    Header bytes = header_of(8);
    bytes[at] = value;
    return error_of(bytes);
  };
  EXPECT_EQ(changed(0, 'X'), "not a Shoal frame: bad magic");
  EXPECT_EQ(changed(1, 'S'), "not a Shoal frame: bad magic");
  EXPECT_EQ(changed(2, 0), "frame version 0 is not supported; this side speaks 1");
  EXPECT_EQ(changed(2, 2), "frame version 2 is not supported; this side speaks 1");
  EXPECT_EQ(changed(3, 0x80), "unknown frame flags 128");
  EXPECT_EQ(changed(6, 1), "reserved frame field is not zero");
  EXPECT_EQ(changed(7, 1), "reserved frame field is not zero");
  // A header in the other byte order has its length in the wrong place.
  Header big = header_of(8);
  std::swap(big[8], big[11]);
  EXPECT_NE(error_of(big), "");
}

TEST(Frame, OtherProtocolsAreRefusedByTheirFirstBytes) {
  const std::uint8_t tls[] = {0x16, 0x03, 0x01, 0x02};
  const std::uint8_t http[] = {'G', 'E', 'T', ' ', '/'};
  FrameView frame;
  EXPECT_EQ(core::message_of(next_frame(tls, core::kMaxHelloBytes, &frame).status()),
            "TLS ClientHello on a plain-text port");
  EXPECT_EQ(core::message_of(next_frame(http, core::kMaxHelloBytes, &frame).status()),
            "not a Shoal frame: bad magic");
  EXPECT_EQ(*next_frame(Bytes(http, 1), core::kMaxHelloBytes, &frame), FrameProgress::kNeedMore);
}

TEST(Frame, AFrameThatArrivesByteByByteIsWaitedFor) {
  const ByteVector bytes = encoded(Samples().heartbeat);
  FrameView frame;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const AlignedBytes part(Bytes(bytes).first(size));
    EXPECT_EQ(*next_frame(part.view(), core::kMaxFrameBytes, &frame), FrameProgress::kNeedMore);
  }
  EXPECT_EQ(*next_frame(bytes, core::kMaxFrameBytes, &frame), FrameProgress::kFrame);
}

TEST(Frame, AThousandFramesInOneSegment) {
  ByteVector bytes;
  for (std::uint32_t i = 0; i < 1000; ++i) encode(core::Heartbeat{i}, i, bytes);
  std::uint32_t count = 0;
  for (Bytes rest = bytes; !rest.empty(); ++count) {
    FrameView frame;
    ASSERT_EQ(*next_frame(rest, core::kMaxFrameBytes, &frame), FrameProgress::kFrame);
    EXPECT_EQ(frame.header.correlation, count);
    EXPECT_EQ(decode<core::Heartbeat>(frame.payload)->sequence, count);
    rest.remove_prefix(frame.total_bytes());
  }
  EXPECT_EQ(count, 1000u);
}

}  // namespace
}  // namespace shoal::wire
