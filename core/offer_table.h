// Every outstanding offer of the cluster, one slot each, shared by all shards without a lock.
//
//            publish (agent's shard)
//   FREE ───────────────────────────▶ OPEN ──claim──▶ CLAIMED ──settle──▶ FREE, generation + 1
//                                       ├──decline──▶ DECLINED ─settle─▶     (framework's shard)
//                                       ├──rescind──▶ RESCINDED settle─▶     (agent's shard)
//                                       └──expire───▶ EXPIRED ──settle─▶     (agent's shard)
//
// A slot is one 64-bit word {generation 32, framework index 29, state 3}. Accept, decline, rescind
// and expiry race on it, and every edge out of OPEN is one compare-and-swap: exactly one wins, and
// a late call carries an old generation and loses.
//
// Threads
//   The slots are divided into one block per shard. Only the shard that owns a block publishes,
//   rescinds, expires and settles in it; claim and decline come from the framework's shard.
//
// Invariants
//   1. A generation of a slot is published at most once, so at most one claim of an OfferId wins.
//   2. The payload is written only by the owner, before OPEN is stored; it stays unchanged until
//      settle. Whoever won an edge may read it until the owner settles.
//   3. free + outstanding slots of a block == its allocated slots.
//
// Memory order
//   publish stores OPEN with release, and the winning compare-and-swap loads with acquire: the
//   winner sees the payload. Owner and framework shard then speak by mailbox, which orders the
//   payload's next write after the last read. Failed compare-and-swaps and state() are relaxed
//   reads: a stale OPEN only leads to a compare-and-swap that fails. Chunk pointers are published
//   with release and read with acquire, because an id may be presented by a peer at any time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::core {

enum class OfferState : std::uint8_t {
  kFree = 0,
  kOpen = 1,
  kClaimed = 2,
  kDeclined = 3,
  kRescinded = 4,
  kExpired = 5,
};

struct OfferPayload {
  AgentId agent;
  FrameworkId framework;
  std::uint32_t framework_index = 0;
  Resources resources;
  TimePoint published;
};

// `Atomic` is std::atomic, or a model checker's.
template <template <typename> class Atomic = std::atomic>
class BasicOfferTable {
 public:
  // Ids of an earlier master must lose, so generations start at a number drawn per process.
  BasicOfferTable(std::uint32_t shards, std::uint32_t first_generation)
      : first_generation_(first_generation), blocks_(shards) {}

  // Owner only. nullopt when all kMaxOffersPerShard slots of the block are out.
  std::optional<OfferId> publish(std::uint32_t shard, OfferPayload&& payload) {
    Block& block = blocks_[shard];
    if (block.free.empty() && !grow(block)) return std::nullopt;
    const std::uint32_t index = block.free.back();
    block.free.pop_back();
    Slot& slot = *find_local(block, index);
    const std::uint32_t generation = generation_of(slot.word.load(std::memory_order_relaxed));
    const std::uint32_t framework_index = payload.framework_index;
    slot.payload = std::move(payload);
    slot.word.store(pack(generation, framework_index, OfferState::kOpen),
                    std::memory_order_release);
    ++block.outstanding;
    return OfferId{shard * kMaxOffersPerShard + index, generation};
  }

  // Framework's shard. True for the one call that takes the offer; `framework_index` must be the
  // one it was published to.
  bool claim(OfferId id, std::uint32_t framework_index) {
    return leave_open(id, framework_index, OfferState::kClaimed);
  }
  bool decline(OfferId id, std::uint32_t framework_index) {
    return leave_open(id, framework_index, OfferState::kDeclined);
  }

  // Owner only. True when the offer was still open; the caller then settles it.
  bool rescind(OfferId id) { return withdraw(id, OfferState::kRescinded); }
  bool expire(OfferId id) { return withdraw(id, OfferState::kExpired); }

  // Owner only, after an edge out of OPEN was won: the slot may be used again.
  void settle(OfferId id) {
    Block& block = blocks_[shard_of(id)];
    const std::uint32_t index = id.slot % kMaxOffersPerShard;
    Slot& slot = *find_local(block, index);
    slot.payload = OfferPayload();
    slot.word.store(pack(id.generation + 1, 0, OfferState::kFree), std::memory_order_release);
    block.free.push_back(index);
    --block.outstanding;
  }

  // The payload, for whoever won an edge (until settle) and for the owner (from publish to settle).
  const OfferPayload& payload(OfferId id) const {
    return find_local(blocks_[shard_of(id)], id.slot % kMaxOffersPerShard)->payload;
  }

  // A snapshot that may be old when it is read; kFree for ids of another generation.
  OfferState state(OfferId id) const {
    const Slot* slot = find(id);
    if (slot == nullptr) return OfferState::kFree;
    const std::uint64_t word = slot->word.load(std::memory_order_acquire);
    return generation_of(word) == id.generation ? state_of(word) : OfferState::kFree;
  }

  std::uint32_t shard_of(OfferId id) const { return id.slot / kMaxOffersPerShard; }
  // Owner only.
  std::uint32_t outstanding(std::uint32_t shard) const { return blocks_[shard].outstanding; }

 private:
  static constexpr std::uint32_t kChunkSlots = 1024;
  static constexpr std::uint32_t kChunks = kMaxOffersPerShard / kChunkSlots;
  static constexpr std::uint32_t kStateBits = 3;
  static constexpr std::uint32_t kIndexBits = 29;

  struct Slot {
    Atomic<std::uint64_t> word{0};
    OfferPayload payload;
  };
  using Chunk = std::array<Slot, kChunkSlots>;

  struct alignas(64) Block {
    std::array<Atomic<Chunk*>, kChunks> chunks{};
    std::vector<std::unique_ptr<Chunk>> storage;  // owner only
    std::vector<std::uint32_t> free;              // owner only; last in, first out
    std::uint32_t outstanding = 0;                // owner only
  };

  static std::uint64_t pack(std::uint32_t generation, std::uint32_t index, OfferState state) {
    return std::uint64_t{generation} << (kIndexBits + kStateBits) |
           std::uint64_t{index} << kStateBits | static_cast<std::uint64_t>(state);
  }
  static std::uint32_t generation_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> (kIndexBits + kStateBits));
  }
  static std::uint32_t index_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> kStateBits) & ((1u << kIndexBits) - 1);
  }
  static OfferState state_of(std::uint64_t word) {
    return static_cast<OfferState>(word & ((1u << kStateBits) - 1));
  }

  bool grow(Block& block) {
    const auto chunk = static_cast<std::uint32_t>(block.storage.size());
    if (chunk == kChunks) return false;
    block.storage.push_back(std::make_unique<Chunk>());
    Chunk* slots = block.storage.back().get();
    for (Slot& slot : *slots) {
      slot.word.store(pack(first_generation_, 0, OfferState::kFree), std::memory_order_relaxed);
    }
    block.chunks[chunk].store(slots, std::memory_order_release);
    for (std::uint32_t i = kChunkSlots; i-- > 0;) block.free.push_back(chunk * kChunkSlots + i);
    return true;
  }

  // nullptr when the slot was never allocated: the id is made up.
  static Slot* find_local(const Block& block, std::uint32_t index) {
    Chunk* chunk = block.chunks[index / kChunkSlots].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &(*chunk)[index % kChunkSlots];
  }
  Slot* find(OfferId id) const {
    const std::uint32_t shard = shard_of(id);
    return shard < blocks_.size() ? find_local(blocks_[shard], id.slot % kMaxOffersPerShard)
                                  : nullptr;
  }

  bool leave_open(OfferId id, std::uint32_t framework_index, OfferState to) {
    Slot* slot = find(id);
    if (slot == nullptr) return false;
    std::uint64_t expected = pack(id.generation, framework_index, OfferState::kOpen);
    return slot->word.compare_exchange_strong(expected, pack(id.generation, framework_index, to),
                                              std::memory_order_acquire, std::memory_order_relaxed);
  }

  bool withdraw(OfferId id, OfferState to) {
    Slot* slot = find(id);
    if (slot == nullptr) return false;
    const std::uint64_t word = slot->word.load(std::memory_order_relaxed);
    return leave_open(id, index_of(word), to);
  }

  const std::uint32_t first_generation_;
  std::vector<Block> blocks_;
};

using OfferTable = BasicOfferTable<>;

}  // namespace shoal::core
