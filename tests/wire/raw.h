// Builds FlatBuffers field by field, past the rules that the encoders keep: for hostile messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"
#include "flatbuffers/flatbuffers.h"
#include "tests/wire/samples.h"

namespace shoal::wire {

using RawOffset = flatbuffers::Offset<void>;

class Raw {
 public:
  RawOffset text(std::string_view in) { return builder_.CreateString(in.data(), in.size()).o; }
  RawOffset tables(const std::vector<RawOffset>& in) { return builder_.CreateVector(in).o; }
  // A vector of `count` offsets to one thing.
  RawOffset repeat(std::size_t count, RawOffset thing) {
    return tables(std::vector<RawOffset>(count, thing));
  }
  template <typename T>
  RawOffset numbers(const std::vector<T>& in) {
    return builder_.CreateVector(in.data(), in.size()).o;
  }
  // Pairs of 32-bit numbers: PortRange.
  RawOffset pairs(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& in) {
    builder_.StartVector(in.size() * 2, sizeof(std::uint32_t));
    for (std::size_t i = in.size(); i-- > 0;) {
      builder_.PushElement(in[i].second);
      builder_.PushElement(in[i].first);
    }
    return builder_.EndVector(in.size());
  }

  // table(field(0, std::uint64_t{1}), field(2, offset), …); fields are numbered as in the schema.
  template <typename T>
  struct Field {
    std::uint16_t index;
    T value;
  };
  template <typename... T>
  RawOffset table(const Field<T>&... fields) {
    const flatbuffers::uoffset_t start = builder_.StartTable();
    (add(fields), ...);
    return builder_.EndTable(start);
  }

  ByteVector finish(RawOffset root) {
    builder_.Finish(root);
    const std::uint8_t* data = builder_.GetBufferPointer();
    ByteVector out(data, data + builder_.GetSize());
    out.resize((out.size() + 7) / 8 * 8);
    return out;
  }

 private:
  template <typename T>
  void add(const Field<T>& field) {
    const auto slot = static_cast<flatbuffers::voffset_t>(4 + 2 * field.index);
    if constexpr (std::is_same_v<T, RawOffset>) {
      builder_.AddOffset(slot, field.value);
    } else {
      builder_.AddElement<T>(slot, field.value);
    }
  }

  flatbuffers::FlatBufferBuilder builder_;
};

template <typename T>
Raw::Field<T> field(std::uint16_t index, T value) {
  return {index, value};
}

// A frame of any kind around what finish() gave.
inline ByteVector framed(std::uint16_t kind, const ByteVector& payload,
                         std::uint32_t correlation = 0) {
  ByteVector frame(core::kFrameHeaderBytes);
  const auto length = static_cast<std::uint32_t>(payload.size());
  write_frame_header({kind, 0, length, correlation}, frame.data());
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}
inline ByteVector framed(MessageKind kind, const ByteVector& payload,
                         std::uint32_t correlation = 0) {
  return framed(static_cast<std::uint16_t>(kind), payload, correlation);
}

// The one line that decode() gives; "" when it is satisfied.
template <typename T>
std::string error_of(Bytes payload) {
  const auto message = decode<T>(payload);
  return message.ok() ? "" : std::string(core::message_of(message.status()));
}

// The error of a sample after `change`.
template <typename T, typename Change>
std::string refused(T message, Change&& change) {
  change(message);
  return error_of<T>(payload_of(encoded(message)));
}

// The error of a root table with these fields only.
template <typename T, typename... Fields>
std::string refused_raw(const Fields&... fields) {
  Raw raw;
  return error_of<T>(raw.finish(raw.table(fields...)));
}

}  // namespace shoal::wire
