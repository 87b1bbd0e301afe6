#include "agent/resource_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/volumes.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/whole_file.h"
#include "wire/frame.h"

namespace shoal::agent {

namespace {

constexpr std::size_t kHeaderBytes = core::kFrameHeaderBytes;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kMaxFileBytes = kHeaderBytes + core::kMaxFrameBytes + kChecksumBytes;
constexpr std::size_t kVersionAt = 2;  // in the frame's header

// FNV-1a (Fowler, Noll, Vo). Every step is one to one, so no change within one byte goes unseen.
std::uint64_t checksum(wire::Bytes bytes) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : bytes) sum = (sum ^ byte) * 0x100000001b3u;
  return sum;
}

std::uint64_t read_word(wire::Bytes bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < kChecksumBytes; ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
  return word;
}

OperationOutcome outcome_of(const core::OperationReport& report) {
  OperationOutcome outcome;
  outcome.framework = report.framework;
  outcome.id = report.id;
  outcome.uuid = report.uuid;
  outcome.state = report.state;
  outcome.message = report.message;
  return outcome;
}

// The header and the size, so that the rest can be read.
absl::Status check_shape(wire::Bytes file) {
  if (file.size() < kHeaderBytes + kChecksumBytes) {
    return core::invalid("it is cut off after {} bytes", file.size());
  }
  if (file[0] != wire::kMagic0 || file[1] != wire::kMagic1) {
    return core::invalid("it is no file of an agent's resources");
  }
  if (file[kVersionAt] > wire::kProtocolVersion) {
    return core::invalid("it was written by a newer version ({}; this one knows {})",
                         file[kVersionAt], wire::kProtocolVersion);
  }
  const auto header = wire::parse_frame_header(file.data(), core::kMaxFrameBytes);
  if (!header.ok()) return core::invalid("it is damaged: {}", core::message_of(header.status()));
  const std::size_t expected = kHeaderBytes + header->length + kChecksumBytes;
  if (file.size() < expected) {
    return core::invalid("it is cut off after {} of {} bytes", file.size(), expected);
  }
  if (file.size() > expected) {
    return core::invalid("it is damaged: {} bytes follow its end", file.size() - expected);
  }
  const wire::Bytes frame = file.first(file.size() - kChecksumBytes);
  if (checksum(frame) != read_word(file.last(kChecksumBytes))) {
    return core::invalid("it is damaged: the checksum does not match");
  }
  if (header->kind != static_cast<std::uint16_t>(wire::MessageKind::kAgentResources)) {
    return core::invalid("it holds a message of kind {}", header->kind);
  }
  return absl::OkStatus();
}

absl::Status refused(const std::string& data_dir, std::string_view what) {
  return absl::FailedPreconditionError(
      fmt::format("{}: {}; restore it from a copy, or move it and {}/volumes away to start without "
                  "reservations and volumes",
                  stored_resources_path(data_dir), what, data_dir));
}

// --- reconcile ---

// What is left of the tags when what was made at run time is undone.
core::LotTagsPtr configured_tags(const core::LotTags& tags) {
  auto base = std::make_shared<core::LotTags>();
  for (const core::Reservation& reservation : tags.reservations) {
    if (!reservation.dynamic) base->reservations.push_back(reservation);
  }
  base->disk_kind = tags.disk_kind;
  base->disk_root = tags.disk_root;
  base->revocable = tags.revocable;
  return base;
}

bool is_made_at_run_time(const core::LotTags& tags) {
  return tags.volume.has_value() ||
         std::any_of(tags.reservations.begin(), tags.reservations.end(),
                     [](const core::Reservation& reservation) { return reservation.dynamic; });
}

absl::Status does_not_fit(const core::Lot& lot, const core::Amounts& left) {
  core::Resources one;
  one.lots.add(lot.tags, lot.amounts);
  return absl::FailedPreconditionError(fmt::format(
      "--resources: {} is reserved or a volume here, but {} is left for it{}: start once with the "
      "former --resources and release it (UNRESERVE, DESTROY), or configure as much",
      core::to_string(one), core::to_string(left),
      lot.tags->disk_kind == core::DiskKind::kMount ? ", and it is held as a whole" : ""));
}

}  // namespace

absl::StatusOr<wire::ByteVector> encode_stored(const core::AgentResources& record) {
  wire::ByteVector file;
  wire::encode(record, 0, file);
  if (file.size() > kHeaderBytes + core::kMaxFrameBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("the agent's reservations and volumes take {} bytes to store, at most {} are "
                    "allowed: use fewer or shorter labels",
                    file.size(), core::kMaxFrameBytes));
  }
  const std::uint64_t sum = checksum(file);
  for (std::size_t i = 0; i < kChecksumBytes; ++i) {
    file.push_back(static_cast<std::uint8_t>(sum >> (8 * i)));
  }
  return file;
}

absl::StatusOr<StoredResources> decode_stored(wire::Bytes file) {
  if (absl::Status shape = check_shape(file); !shape.ok()) return shape;
  std::vector<std::uint64_t> aligned((file.size() + 7) / 8);
  std::memcpy(aligned.data(), file.data(), file.size());
  const wire::Bytes payload(reinterpret_cast<const std::uint8_t*>(aligned.data()) + kHeaderBytes,
                            file.size() - kHeaderBytes - kChecksumBytes);
  const auto record = wire::decode<core::AgentResources>(payload);
  if (!record.ok()) return core::invalid("it is damaged: {}", core::message_of(record.status()));
  StoredResources stored;
  stored.resources = record->resources;
  for (const core::OperationReport& report : record->operations) {
    stored.operations.push_back(outcome_of(report));
  }
  return stored;
}

std::string stored_resources_path(const std::string& data_dir) { return data_dir + "/resources"; }

absl::StatusOr<std::optional<StoredResources>> read_stored(const std::string& data_dir) {
  const auto text = net::read_whole_file(stored_resources_path(data_dir), kMaxFileBytes);
  if (absl::IsNotFound(text.status())) {
    const auto orphaned = has_volumes(data_dir);
    if (!orphaned.ok()) return orphaned.status();
    if (*orphaned) return refused(data_dir, "it is missing, but there are volumes");
    return std::optional<StoredResources>();
  }
  if (!text.ok()) return text.status();
  auto stored =
      decode_stored(wire::Bytes(reinterpret_cast<const std::uint8_t*>(text->data()), text->size()));
  if (!stored.ok()) return refused(data_dir, core::message_of(stored.status()));
  return std::optional<StoredResources>(*std::move(stored));
}

absl::Status write_stored(const std::string& data_dir, wire::Bytes file) {
  return net::write_file_atomically(
      stored_resources_path(data_dir),
      std::string_view(reinterpret_cast<const char*>(file.data()), file.size()));
}

absl::Status write_stored(const std::string& data_dir, const core::AgentResources& record) {
  const auto file = encode_stored(record);
  if (!file.ok()) return file.status();
  return write_stored(data_dir, wire::Bytes(*file));
}

absl::StatusOr<core::Resources> reconcile(const core::Resources& configured,
                                          const core::Resources& stored) {
  core::Resources left = configured;
  core::Resources held;
  for (const core::Lot& lot : stored.lots) {
    if (!is_made_at_run_time(*lot.tags)) continue;
    const core::LotTagsPtr base = configured_tags(*lot.tags);
    core::Resources part;
    part.add(base, lot.amounts);
    if (!left.contains(part)) {
      const core::Amounts* found = base->is_plain() ? &left : left.lots.find(*base);
      return does_not_fit(lot, found == nullptr ? core::Amounts() : *found);
    }
    left -= part;
    held.lots.add(lot.tags, lot.amounts);
  }
  return left + held;
}

}  // namespace shoal::agent
