// The identities of the cluster, and which shard is the home of each.
//
//   agent      a-<16 hex>     drawn by the master at first registration
//   framework  f-<16 hex>     drawn by the master at first subscription
//   offer      o-<8 hex>-<8 hex>   slot and generation in the offer table
//   task       text, chosen by the framework, unique within it: [A-Za-z0-9._-]{1,128}
//
// The home shard of an agent or framework is a pure function of its id, so no directory is needed.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/random.h"

namespace shoal::core {

struct AgentId {
  std::uint64_t value = 0;  // 0: none
  bool valid() const { return value != 0; }
  auto operator<=>(const AgentId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, AgentId id) {
    return H::combine(std::move(h), id.value);
  }
};

struct FrameworkId {
  std::uint64_t value = 0;  // 0: none
  bool valid() const { return value != 0; }
  auto operator<=>(const FrameworkId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, FrameworkId id) {
    return H::combine(std::move(h), id.value);
  }
};

struct OfferId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint64_t packed() const { return std::uint64_t{slot} << 32 | generation; }
  static OfferId unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  auto operator<=>(const OfferId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, OfferId id) {
    return H::combine(std::move(h), id.packed());
  }
};

// A connection as the state machine sees it: an opaque, generation-checked handle of its reactor.
struct SessionId {
  std::uint64_t value = 0;  // 0: not connected
  bool valid() const { return value != 0; }
  auto operator<=>(const SessionId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, SessionId id) {
    return H::combine(std::move(h), id.value);
  }
};

// 128 random bits that name one status update, so that a repeated delivery is recognised.
using UpdateUuid = std::array<std::uint8_t, 16>;

std::string to_string(AgentId id);
std::string to_string(FrameworkId id);
std::string to_string(OfferId id);
std::string to_string(const UpdateUuid& uuid);

// Errors: INVALID_ARGUMENT, naming the text and the form that is expected.
absl::StatusOr<AgentId> parse_agent_id(std::string_view text);
absl::StatusOr<FrameworkId> parse_framework_id(std::string_view text);
absl::StatusOr<OfferId> parse_offer_id(std::string_view text);

// Whether `text` may be a task id, or any other name that becomes a file name: 1 to 128 bytes of
// [A-Za-z0-9._-], not "." or "..". The error names `what` and the first thing wrong.
absl::Status check_name(std::string_view text, std::string_view what);

// Which of `shards` shards owns `id`. The ids are random, but a peer may present any number: the
// multiplication spreads chosen ids too.
inline std::uint32_t home_shard(std::uint64_t id, std::uint32_t shards) {
  return static_cast<std::uint32_t>(((id * 0x9e3779b97f4a7c15u) >> 32) % shards);
}

// Draws a new id whose home is `shard`. Expected draws: `shards`.
inline std::uint64_t draw_id(Random& random, std::uint32_t shard, std::uint32_t shards) {
  while (true) {
    const std::uint64_t id = random.next();
    if (id != 0 && home_shard(id, shards) == shard) return id;
  }
}

UpdateUuid draw_uuid(Random& random);

}  // namespace shoal::core
