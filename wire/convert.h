// What the convert_*.cc files share. Each of them holds one conversation as pairs of overloads,
//
//   put(Builder&, const core::X&) -> Offset<fb::X>          a core value into the buffer
//   read(Reader&, const fb::X&, core::X&)                   and back, every field checked
//
// and ends with one SHOAL_WIRE_MESSAGE line per message, which makes encode() and decode() of them.
// They are `static`, not in an anonymous namespace: templates find them by argument-dependent
// lookup.
//
// Internal to wire: included by its .cc files only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/messages.h"
#include "flatbuffers/flatbuffers.h"
#include "wire/common_generated.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/reader.h"

namespace shoal::wire {

namespace fb {
struct Attribute;
struct Limits;
struct MachineUse;
struct Quantities;
struct Resources;
struct TaskLaunch;
}  // namespace fb

// A type of our own, so that the templates below find every put() by argument-dependent lookup.
class Builder : public flatbuffers::FlatBufferBuilder {
 public:
  using flatbuffers::FlatBufferBuilder::FlatBufferBuilder;
};

template <typename T>
using Offset = flatbuffers::Offset<T>;
template <typename T>
using VectorOffset = flatbuffers::Offset<flatbuffers::Vector<T>>;

// --- resources (convert_resources.cc); absent when empty ---

Offset<fb::Resources> put(Builder& builder, const core::Resources& in);
Offset<fb::Quantities> put(Builder& builder, const core::Quantities& in);
Offset<fb::Limits> put_limits(Builder& builder, const core::Quantities& in);
void read(Reader& reader, const fb::Resources& in, core::Resources& out);
// Sums of the master's: not negative. Those of a caller go through Reader::quantities().
void read(Reader& reader, const fb::Quantities& in, core::Quantities& out);
// core::kNoLimit, or 0 to core::kMaxScalarMilli. `out` is kNoLimits beforehand.
void read(Reader& reader, const fb::Limits& in, core::Quantities& out);

// --- common values (convert_common.cc) ---

Offset<fb::Attribute> put(Builder& builder, const core::AttributeView& in);
Offset<fb::TaskLaunch> put(Builder& builder, const core::TaskLaunch& in);
Offset<fb::MachineUse> put(Builder& builder, const core::MachineUse& in);
void read(Reader& reader, const fb::Attribute& in, core::AttributeView& out);
void read(Reader& reader, const fb::TaskLaunch& in, core::TaskLaunch& out);
void read(Reader& reader, const fb::MachineUse& in, core::MachineUse& out);
void read_attributes(Reader& reader, const Reader::TableVector<fb::Attribute>* in,
                     core::AttributeViews& out);

// Empty text, bytes and vectors are left out of the buffer (a null offset).
Offset<flatbuffers::String> put_text(Builder& builder, std::string_view in);
VectorOffset<std::uint8_t> put_bytes(Builder& builder, core::BytesView in);
VectorOffset<std::uint64_t> put_offer_ids(Builder& builder, absl::Span<const core::OfferId> in);

// A vector of what put_one(builder, item) gives. No heap up to 64 items.
template <typename T, typename Items, typename PutOne>
VectorOffset<Offset<T>> put_each(Builder& builder, const Items& items, PutOne&& put_one) {
  if (items.empty()) return 0;
  absl::InlinedVector<Offset<T>, 64> offsets;
  offsets.reserve(items.size());
  for (const auto& item : items) offsets.push_back(put_one(builder, item));
  return builder.CreateVector(offsets.data(), offsets.size());
}
template <typename T, typename Items>
VectorOffset<Offset<T>> put_each(Builder& builder, const Items& items) {
  return put_each<T>(builder, items, [](Builder& b, const auto& item) { return put(b, item); });
}

// A list of texts as one: a repeated table may hold no [string] (schema/common.fbs). No item holds
// the separator, and none is empty. Reader::joined() takes it apart.
template <typename Items>
Offset<flatbuffers::String> put_joined(Builder& builder, const Items& items, char separator) {
  std::string joined;
  for (const std::string_view item : items) {
    if (!joined.empty()) joined += separator;
    joined += item;
  }
  return put_text(builder, joined);
}
inline constexpr char kItemSeparator = '\x1f';  // a control character: no clean text holds it
inline constexpr char kRoleSeparator = ' ';     // no role holds it

// What an operation is, in the tables that hold one: Operation and OperateAgent.
template <typename Table>
void read_spec(Reader& reader, const Table& in, core::OperationSpec& out) {
  using core::OperationKind;
  out.kind = reader.enumerated<OperationKind>(in.kind(), core::kOperationKinds, "kind");
  reader.table(in.resources(), "resources", out.resources);
  reader.table(in.addition(), "addition", out.addition);
  const bool adds = out.kind == OperationKind::kGrow || out.kind == OperationKind::kShrink;
  const bool launches = out.kind == OperationKind::kLaunch;
  reader.require(launches || !out.resources.empty(), "resources", "are missing or empty");
  reader.require(!launches || out.resources.empty(), "resources", "do not belong to a LAUNCH");
  reader.require(!adds || !out.addition.empty(), "addition", "is missing or empty");
  reader.require(adds || out.addition.empty(), "addition", "belongs to GROW and SHRINK only");
}

inline flatbuffers::Optional<std::int32_t> exit_code_of(const auto& in) {
  if (in.has_exit && in.exit_signal == 0) return in.exit_code;
  return flatbuffers::nullopt;
}
inline flatbuffers::Optional<std::int32_t> exit_signal_of(const auto& in) {
  if (in.has_exit && in.exit_signal != 0) return in.exit_signal;
  return flatbuffers::nullopt;
}

// What a task was not let have is CommandFailed with a limit beside it.
inline fb::TaskLimit limit_of(const auto& in) {
  switch (in.reason) {
    case core::TaskReason::kMemoryLimit:
      return fb::TaskLimit::Memory;
    case core::TaskReason::kDiskLimit:
      return fb::TaskLimit::Disk;
    case core::TaskReason::kMaxCompletionTime:
      return fb::TaskLimit::CompletionTime;
    default:
      return fb::TaskLimit::None;
  }
}
inline fb::TaskReason reason_of(const auto& in) {
  if (limit_of(in) != fb::TaskLimit::None) return fb::TaskReason::CommandFailed;
  return static_cast<fb::TaskReason>(in.reason);
}
// A limit that is not known is one of a newer peer.
inline core::TaskReason read_reason(Reader& reader, const auto& in) {
  const bool is_limit = in.reason() == fb::TaskReason::CommandFailed;
  if (is_limit && in.limit() == fb::TaskLimit::Memory) return core::TaskReason::kMemoryLimit;
  if (is_limit && in.limit() == fb::TaskLimit::Disk) return core::TaskReason::kDiskLimit;
  if (is_limit && in.limit() == fb::TaskLimit::CompletionTime) {
    return core::TaskReason::kMaxCompletionTime;
  }
  return reader.enumerated<core::TaskReason>(
      in.reason(), static_cast<std::uint8_t>(core::TaskReason::kMemoryLimit), "reason");
}

// --- whole messages (convert_common.cc) ---

// This thread's builder, cleared. It keeps its memory, so encoding stops allocating once it has
// seen the largest message.
Builder& borrow_builder();

// Appends header, the builder's finished buffer and padding.
void append_frame(MessageKind kind, std::uint8_t flags, std::uint32_t correlation,
                  const Builder& builder, ByteVector& out);

// Alignment, size and the FlatBuffers verifier under our limits. Errors: INVALID_ARGUMENT.
absl::Status check_payload(Bytes payload, std::string_view message,
                           bool (*verify)(flatbuffers::Verifier&));

template <typename T>
bool verify_root(flatbuffers::Verifier& verifier) {
  return verifier.VerifyBuffer<T>(nullptr);
}

template <typename T, typename Out>
absl::Status read_payload(Bytes payload, std::string_view message, Out& out) {
  if (absl::Status s = check_payload(payload, message, &verify_root<T>); !s.ok()) return s;
  Reader reader(message, payload.size());
  read(reader, *flatbuffers::GetRoot<T>(payload.data()), out);
  return reader.status();
}

template <typename T, typename Message>
absl::StatusOr<Message> decode_as(Bytes payload, std::string_view message) {
  absl::StatusOr<Message> out(absl::in_place);
  if (absl::Status s = read_payload<T>(payload, message, *out); !s.ok()) return s;
  return out;
}

// Tells when a message that may be cut has filled its frame. What is added last may pass the mark
// by one record, which fits what is left: three Resources, attributes and a few texts.
class PartGauge {
 public:
  explicit PartGauge(const Builder& builder) : builder_(builder) {}
  bool has_room() const { return builder_.GetSize() < kBytes && tables_ < kTables; }
  void add_tables(std::size_t count) { tables_ += count; }

 private:
  static constexpr std::size_t kBytes = 256 * 1024;
  static constexpr std::size_t kTables = 3072;  // peers of version 0.1 take 4,096 in all
  static_assert(kTables + 3 * core::kMaxResourceTables + core::kMaxAttributes + 8 <
                core::kMaxMessageTables);
  static_assert(kBytes + 3 * core::kMaxResourceBytes + 2 * core::kMaxAttributesBytes +
                    8 * core::kMaxTextBytes <
                core::kMaxFrameBytes);

  const Builder& builder_;
  std::size_t tables_ = 0;
};

#define SHOAL_WIRE_MESSAGE_AS(Core, Name)                                              \
  void encode(const core::Core& message, std::uint32_t correlation, ByteVector& out) { \
    Builder& builder = borrow_builder();                                               \
    builder.Finish(put(builder, message));                                             \
    append_frame(MessageKind::k##Name, 0, correlation, builder, out);                  \
  }                                                                                    \
  template <>                                                                          \
  absl::StatusOr<core::Core> decode(Bytes payload) {                                   \
    return decode_as<fb::Name, core::Core>(payload, #Name);                            \
  }
#define SHOAL_WIRE_MESSAGE(Name) SHOAL_WIRE_MESSAGE_AS(Name, Name)

}  // namespace shoal::wire
