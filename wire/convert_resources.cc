// Resources with their lots, and plain sums.
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/frame_cost.h"
#include "core/status.h"
#include "wire/common_generated.h"
#include "wire/convert.h"

namespace shoal::wire {

// --- custom resources ---

static Offset<fb::CustomResource> put(Builder& builder, const core::CustomResource& in) {
  const auto name = put_text(builder, in.name);
  core::Milli scalar = 0;
  VectorOffset<const fb::CustomRange*> ranges = 0;
  Offset<flatbuffers::String> items = 0;
  if (const auto* value = std::get_if<core::Milli>(&in.value)) {
    scalar = *value;
  } else if (const auto* values = std::get_if<std::vector<core::CustomRange>>(&in.value)) {
    std::vector<fb::CustomRange> pairs;
    pairs.reserve(values->size());
    for (const core::CustomRange& range : *values) pairs.emplace_back(range.begin, range.end);
    ranges = builder.CreateVectorOfStructs(pairs.data(), pairs.size());
  } else {
    items = put_joined(builder, std::get<std::vector<std::string>>(in.value), kItemSeparator);
  }
  return fb::CreateCustomResource(builder, name, scalar, ranges, items);
}

static std::vector<std::string> read_items(Reader& reader, const flatbuffers::String* in) {
  constexpr std::size_t kMost = core::kMaxCustomItems * (core::kMaxIdBytes + 1);
  std::vector<std::string> items;
  reader.joined(in, "items", kItemSeparator, kMost, [&](std::string_view item) {
    items.emplace_back(item);
    reader.require(items.size() <= core::kMaxCustomItems, "items", "are too many");
  });
  return items;
}

static void read(Reader& reader, const fb::CustomResource& in, core::CustomResource& out) {
  out.name = reader.name(in.name(), "name");
  std::vector<core::CustomRange> ranges;
  reader.values(in.ranges(), "ranges", core::kMaxCustomItems, ranges,
                [](const fb::CustomRange* range) {
                  return core::CustomRange{range->begin(), range->end()};
                });
  std::vector<std::string> items = read_items(reader, in.items());
  const int values =
      (in.scalar() != 0 ? 1 : 0) + (ranges.empty() ? 0 : 1) + (items.empty() ? 0 : 1);
  reader.require(values == 1, {}, "must have one of scalar, ranges and items");
  if (!ranges.empty()) {
    out.value = std::move(ranges);
  } else if (!items.empty()) {
    out.value = std::move(items);
  } else {
    out.value = in.scalar();
  }
}

// --- amounts ---

static VectorOffset<const fb::PortRange*> put_ports(Builder& builder, const core::PortSet& in) {
  if (in.empty()) return 0;
  absl::InlinedVector<fb::PortRange, 16> ranges;
  for (const core::PortRange& range : in.ranges()) ranges.emplace_back(range.begin, range.end);
  return builder.CreateVectorOfStructs(ranges.data(), ranges.size());
}

static Offset<fb::Resources> put_amounts(Builder& builder, const core::Amounts& in,
                                         VectorOffset<Offset<fb::Lot>> lots) {
  const auto ports = put_ports(builder, in.ports);
  const auto custom = put_each<fb::CustomResource>(builder, in.custom.items());
  return fb::CreateResources(builder, in.cpus, in.mem, in.disk, in.gpus, ports, custom, lots);
}

static void read_amounts(Reader& reader, const fb::Resources& in, core::Amounts& out) {
  out.cpus = in.cpus();
  out.mem = in.mem();
  out.disk = in.disk();
  out.gpus = in.gpus();
  core::PortSet::Ranges ranges;
  reader.values(in.ports(), "ports", core::kMaxPortRanges, ranges, [](const fb::PortRange* range) {
    return core::PortRange{range->begin(), range->end()};
  });
  absl::StatusOr<core::PortSet> ports = core::PortSet::from_ranges(std::move(ranges));
  if (!ports.ok()) return reader.fail({}, core::message_of(ports.status()));
  out.ports = *std::move(ports);
  if (in.custom() == nullptr) return;
  std::vector<core::CustomResource> custom;
  reader.each(in.custom(), "custom", core::kMaxCustomResources, custom);
  if (!reader.ok()) return;
  if (absl::Status s = core::CustomResources::make(std::move(custom), &out.custom); !s.ok()) {
    reader.fail({}, core::message_of(s));
  }
}

// --- lots ---

static Offset<fb::Attribute> put_label(Builder& builder,
                                       const std::pair<std::string, std::string>& in) {
  return put(builder, core::AttributeView{in.first, in.second});
}

static void read(Reader& reader, const fb::Attribute& in,
                 std::pair<std::string, std::string>& out) {
  out.first = reader.text(in.name(), "name", Reader::kRequired);
  out.second = reader.text(in.value(), "value");
}

static Offset<fb::Reservation> put(Builder& builder, const core::Reservation& in) {
  const auto role = put_text(builder, in.role);
  const auto principal = put_text(builder, in.principal);
  const auto labels = put_each<fb::Attribute>(builder, in.labels, put_label);
  return fb::CreateReservation(builder, role, in.dynamic, principal, labels);
}

static void read(Reader& reader, const fb::Reservation& in, core::Reservation& out) {
  out.role = reader.role(in.role(), "role", Reader::kRequired);
  out.dynamic = in.dynamic();
  out.principal = reader.text(in.principal(), "principal");
  reader.each(in.labels(), "labels", core::kMaxReservationLabels, out.labels);
}

static Offset<fb::Volume> put(Builder& builder, const core::Volume& in) {
  const auto id = put_text(builder, in.id);
  const auto container_path = put_text(builder, in.container_path);
  const auto principal = put_text(builder, in.principal);
  return fb::CreateVolume(builder, id, container_path, principal, in.shared);
}

static void read(Reader& reader, const fb::Volume& in, core::Volume& out) {
  out.id = reader.name(in.id(), "id");
  out.container_path = reader.text(in.container_path(), "container_path");
  out.principal = reader.text(in.principal(), "principal");
  out.shared = in.shared();
}

static Offset<fb::Lot> put(Builder& builder, const core::Lot& in) {
  const core::LotTags& tags = *in.tags;
  const auto reservations = put_each<fb::Reservation>(builder, tags.reservations);
  Offset<fb::Volume> volume = 0;
  if (tags.volume.has_value()) volume = put(builder, *tags.volume);
  const auto disk_root = put_text(builder, tags.disk_root);
  const auto amounts = put_amounts(builder, in.amounts, 0);
  return fb::CreateLot(builder, reservations, volume, static_cast<fb::DiskKind>(tags.disk_kind),
                       disk_root, tags.revocable, amounts);
}

// Resources that may not hold lots: those of a lot.
static void read(Reader& reader, const fb::Resources& in, core::Amounts& out) {
  reader.require(in.lots() == nullptr, "lots", "stand inside a lot");
  if (!reader.ok()) return;
  read_amounts(reader, in, out);
  core::Resources scalars;
  scalars.cpus = out.cpus;
  scalars.mem = out.mem;
  scalars.disk = out.disk;
  scalars.gpus = out.gpus;
  if (absl::Status s = core::check_resources(scalars); !s.ok()) {
    reader.fail({}, core::message_of(s));
  }
}

struct ReadLot {
  core::LotTags tags;
  core::Amounts amounts;
};

static void read(Reader& reader, const fb::Lot& in, ReadLot& out) {
  core::LotTags& tags = out.tags;
  reader.each(in.reservations(), "reservations", core::kMaxReservationDepth, tags.reservations);
  if (in.volume() != nullptr) reader.table(in.volume(), "volume", tags.volume.emplace());
  tags.disk_kind = reader.enumerated<core::DiskKind>(in.disk_kind(), core::kDiskKinds, "disk_kind");
  tags.disk_root = reader.text(in.disk_root(), "disk_root");
  tags.revocable = in.revocable();
  reader.table(in.amounts(), "amounts", out.amounts, Reader::kRequired);
  reader.require(!out.amounts.empty(), "amounts", "are empty");
}

// A lot that the sum holds already would be added to it, or vanish in it.
static void read_lots(Reader& reader, const fb::Resources& in, core::LotList& out) {
  if (in.lots() == nullptr) return;
  std::vector<ReadLot> lots;
  reader.each(in.lots(), "lots", core::kMaxLots, lots);
  for (std::size_t i = 0; i < lots.size() && reader.ok(); ++i) {
    if (out.find(lots[i].tags) != nullptr) {
      return reader.fail(fmt::format("lots[{}]", i), "has the tags of an earlier one");
    }
    out.add(std::make_shared<const core::LotTags>(std::move(lots[i].tags)), lots[i].amounts);
  }
}

// --- resources ---

Offset<fb::Resources> put(Builder& builder, const core::Resources& in) {
  if (in.empty()) return 0;
  VectorOffset<Offset<fb::Lot>> lots = 0;
  if (!in.lots.empty()) lots = put_each<fb::Lot>(builder, in.lots);
  return put_amounts(builder, in, lots);
}

void read(Reader& reader, const fb::Resources& in, core::Resources& out) {
  read_amounts(reader, in, out);
  read_lots(reader, in, out.lots);
  reader.require(core::frame_cost(out).within(core::kMaxResourceCost), {},
                 "have too many tags and parts for one message");
  if (!reader.ok()) return;
  if (absl::Status s = core::check_resources(out); !s.ok()) {
    reader.fail({}, core::message_of(s));
  }
}

// --- sums ---

Offset<fb::Quantities> put(Builder& builder, const core::Quantities& in) {
  if (in.empty()) return 0;
  return fb::CreateQuantities(builder, in[0], in[1], in[2], in[3]);
}

Offset<fb::Limits> put_limits(Builder& builder, const core::Quantities& in) {
  if (in == core::kNoLimits) return 0;
  return fb::CreateLimits(builder, in[0], in[1], in[2], in[3]);
}

void read(Reader& reader, const fb::Quantities& in, core::Quantities& out) {
  out = {{in.cpus(), in.mem(), in.disk(), in.gpus()}};
  for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
    reader.require(out[kind] >= 0, core::kResourceNames[kind], "is negative");
  }
}

void read(Reader& reader, const fb::Limits& in, core::Quantities& out) {
  out = {{in.cpus(), in.mem(), in.disk(), in.gpus()}};
  for (std::size_t kind = 0; kind < core::kResourceKinds; ++kind) {
    reader.require(out[kind] >= core::kNoLimit && out[kind] <= core::kMaxScalarMilli,
                   core::kResourceNames[kind], "is neither -1 (no limit) nor within 0 to 2^50");
  }
}

}  // namespace shoal::wire
