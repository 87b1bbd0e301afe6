#include <array>

#include "core/status.h"
#include "wire/common_generated.h"
#include "wire/convert.h"

namespace shoal::wire {

// --- parts ---

Offset<flatbuffers::String> put_text(Builder& builder, std::string_view in) {
  if (in.empty()) return 0;
  return builder.CreateString(in.data(), in.size());
}

// Aligned to 8, so that a FlatBuffer inside can be read where it lies.
VectorOffset<std::uint8_t> put_bytes(Builder& builder, core::BytesView in) {
  if (in.empty()) return 0;
  builder.ForceVectorAlignment(in.size(), 1, core::kFrameAlignment);
  return builder.CreateVector(in.data(), in.size());
}

VectorOffset<std::uint64_t> put_offer_ids(Builder& builder, absl::Span<const core::OfferId> in) {
  if (in.empty()) return 0;
  absl::InlinedVector<std::uint64_t, 64> ids;
  ids.reserve(in.size());
  for (const core::OfferId id : in) ids.push_back(id.packed());
  return builder.CreateVector(ids.data(), ids.size());
}

// --- attributes, launches ---

Offset<fb::Attribute> put(Builder& builder, const core::AttributeView& in) {
  const auto name = put_text(builder, in.name);
  const auto value = put_text(builder, in.value);
  return fb::CreateAttribute(builder, name, value);
}

void read(Reader& reader, const fb::Attribute& in, core::AttributeView& out) {
  out.name = reader.name(in.name(), "name");
  out.value = reader.text(in.value(), "value");
}

void read_attributes(Reader& reader, const Reader::TableVector<fb::Attribute>* in,
                     core::AttributeViews& out) {
  reader.each(in, "attributes", core::kMaxAttributes, out);
  std::size_t bytes = 0;
  for (const core::AttributeView& attribute : out) {
    bytes += attribute.name.size() + attribute.value.size();
  }
  reader.require(bytes <= core::kMaxAttributesBytes, "attributes", "hold more than 64 KiB");
}

Offset<fb::TaskLaunch> put(Builder& builder, const core::TaskLaunch& in) {
  const auto id = put_text(builder, in.id);
  const auto name = put_text(builder, in.name);
  const auto resources = put(builder, in.resources);
  const auto description = put_bytes(builder, in.description);
  const auto role = put_text(builder, in.role);
  return fb::CreateTaskLaunch(builder, id, name, resources, description, role);
}

void read(Reader& reader, const fb::TaskLaunch& in, core::TaskLaunch& out) {
  out.id = reader.name(in.id(), "id");
  out.name = reader.task_name(in.name());
  reader.table(in.resources(), "resources", out.resources);
  out.description = reader.bytes(in.description(), "description", core::kMaxTaskDescriptionBytes);
  out.role = reader.role(in.role(), "role");
}

Offset<fb::MachineUse> put(Builder& builder, const core::MachineUse& in) {
  return fb::CreateMachineUse(builder, in.cpus_milli, in.load1_milli, in.memory_bytes,
                              in.memory_used_bytes, in.disk_bytes, in.disk_used_bytes,
                              in.cpu_pressure, in.memory_pressure, in.io_pressure, in.reported_ms);
}

void read(Reader& reader, const fb::MachineUse& in, core::MachineUse& out) {
  out.cpus_milli = in.cpus_milli();
  out.load1_milli = in.load1_milli();
  out.memory_bytes = in.memory_bytes();
  out.memory_used_bytes = in.memory_used_bytes();
  out.disk_bytes = in.disk_bytes();
  out.disk_used_bytes = in.disk_used_bytes();
  const auto part = [&reader](std::uint64_t used, std::uint64_t all, std::string_view field) {
    reader.require(all <= core::kMaxMachineBytes, field, "is absurd");
    reader.require(used <= all, field, "is less than what is used of it");
  };
  part(out.memory_used_bytes, out.memory_bytes, "memory_bytes");
  part(out.disk_used_bytes, out.disk_bytes, "disk_bytes");
  const auto pressure = [&reader](std::int32_t given, std::string_view field) {
    reader.require(given >= core::kNoPressure && given <= 100 * 100, field, "is no percentage");
    return given;
  };
  out.cpu_pressure = pressure(in.cpu_pressure(), "cpu_pressure");
  out.memory_pressure = pressure(in.memory_pressure(), "memory_pressure");
  out.io_pressure = pressure(in.io_pressure(), "io_pressure");
  out.reported_ms = reader.since(in.reported_ms(), "reported_ms");
}

// --- whole messages ---

Builder& borrow_builder() {
  thread_local Builder builder(4096);
  builder.Clear();
  return builder;
}

void append_frame(MessageKind kind, std::uint8_t flags, std::uint32_t correlation,
                  const Builder& builder, ByteVector& out) {
  static constexpr std::size_t kAlign = core::kFrameAlignment;
  const std::size_t size = builder.GetSize();
  const std::size_t padded = (size + kAlign - 1) / kAlign * kAlign;
  std::array<std::uint8_t, core::kFrameHeaderBytes> header;
  write_frame_header(
      {static_cast<std::uint16_t>(kind), flags, static_cast<std::uint32_t>(padded), correlation},
      header.data());
  const std::uint8_t* payload = builder.GetBufferPointer();
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), payload, payload + size);
  out.insert(out.end(), padded - size, 0);
}

absl::Status check_payload(Bytes payload, std::string_view message,
                           bool (*verify)(flatbuffers::Verifier&)) {
  if (payload.size() < core::kFrameAlignment || payload.size() > core::kMaxFrameBytes) {
    return core::invalid("{}: a payload of {} bytes is out of bounds", message, payload.size());
  }
  if (reinterpret_cast<std::uintptr_t>(payload.data()) % core::kFrameAlignment != 0) {
    return core::invalid("{}: the payload is not at an 8-byte boundary", message);
  }
  // Tables may be shared, so a small message can make the verifier walk far: no further than an
  // honest one of its size needs.
  const auto tables = static_cast<flatbuffers::uoffset_t>(
      std::min<std::size_t>(core::kMaxMessageTables, payload.size() / core::kMinTableBytes));
  flatbuffers::Verifier verifier(payload.data(), payload.size(), core::kMaxMessageDepth, tables,
                                 /*_check_alignment=*/true);
  if (!verify(verifier)) return core::invalid("{}: not a well-formed FlatBuffer", message);
  return absl::OkStatus();
}

}  // namespace shoal::wire
