// A stream cut into segments: the first 8 bytes say how long the segments are, the rest is the
// stream. However it is cut, the same frames come out, and the same error ends it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "wire/frame.h"

namespace {

using shoal::wire::Bytes;

struct Outcome {
  std::vector<std::uint8_t> frames;  // all of them, put together again
  bool failed = false;
  bool operator==(const Outcome&) const = default;
};

// Takes the frames at the front of `buffer`; false once the stream has failed.
bool drain(std::vector<std::uint8_t>& buffer, Outcome& outcome) {
  std::size_t used = 0;
  while (!outcome.failed) {
    shoal::wire::FrameView frame;
    const auto progress =
        shoal::wire::next_frame(Bytes(buffer).subspan(used), shoal::core::kMaxHelloBytes, &frame);
    outcome.failed = !progress.ok();
    if (outcome.failed || *progress == shoal::wire::FrameProgress::kNeedMore) break;
    const auto begin = buffer.begin() + static_cast<std::ptrdiff_t>(used);
    used += frame.total_bytes();
    if (used > buffer.size()) std::abort();
    outcome.frames.insert(outcome.frames.end(), begin,
                          buffer.begin() + static_cast<std::ptrdiff_t>(used));
  }
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(used));
  return !outcome.failed;
}

Outcome read_in_segments(Bytes stream, Bytes lengths) {
  Outcome outcome;
  std::vector<std::uint8_t> buffer;
  for (std::size_t i = 0; !stream.empty(); ++i) {
    const std::size_t wanted = std::max<std::size_t>(1, lengths[i % lengths.size()]);
    const std::size_t size = std::min(stream.size(), wanted);
    buffer.insert(buffer.end(), stream.begin(), stream.begin() + size);
    stream.remove_prefix(size);
    if (!drain(buffer, outcome)) break;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPattern = 8;
  if (size < kPattern) return 0;
  const Bytes lengths(data, kPattern);
  const Bytes stream(data + kPattern, size - kPattern);
  Outcome whole;
  std::vector<std::uint8_t> buffer(stream.begin(), stream.end());
  drain(buffer, whole);
  if (read_in_segments(stream, lengths) != whole) std::abort();
  return 0;
}
