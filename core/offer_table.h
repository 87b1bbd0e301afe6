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
//   rescinds, expires and settles in it, and walks its age list; claim and decline come from the
//   framework's shard. state() is anybody's.
//
// Invariants
//   1. A generation of a slot is published at most once, so at most one claim of an OfferId wins.
//   2. The payload is written only by the owner, before OPEN is stored; it stays unchanged until
//      settle. Whoever won an edge may read it until the owner settles.
//   3. Every allocated slot of a block is in one of: the free list, the age list, the retired.
//   4. The age list holds what is outstanding, in the order of publish: with one time-out for all
//      offers that is the order of expiry. What is won but not yet settled is still in it.
//
// Generations wrap. A slot that has used all 2^32 is retired: it is never published again, and
// capacity() is one less. So invariant 1 holds for the life of the process, whatever a peer kept
// and for how long. All offers through one slot, a million a second, retire one in 71 minutes; the
// block is used up after 17 years. An id of an earlier master names a generation of this one with
// probability uses / 2^32, and then only an offer that its bearer is free to take.
//
// Memory order
//   publish: OPEN, release; the compare-and-swap of claim and decline: acquire. The winner sees the
//     payload, even when it guessed the id and no mailbox stands between.
//   rescind and expire: relaxed. The owner wrote the payload, and reads nothing of another's.
//   settle: FREE, relaxed. Who sees it touches nothing. The payload's next write comes after the
//     winner's last read because the winner's word reached the owner by mailbox (or the winner is
//     the owner); so does the store of FREE come after the winner's compare-and-swap.
//   failed compare-and-swaps, state(): relaxed. A stale FREE or OPEN is an answer that was true a
//     moment ago; a compare-and-swap always meets the newest word. The owner's own reads of a word
//     see its last store, or an edge out of it: generation and index are the same in both.
//   chunk pointers: stored with release, and read with acquire wherever an id comes in that may be
//     made up: who finds the chunk finds its words initialised. A stale null is a refusal of an id
//     that was not given to the caller. payload() reads relaxed: the caller has won an edge there,
//     so it has already acquired the pointer, which changes once. The owner has pointers of its
//     own.
//
// tests/core/model proves this under relacy, and that each order above relaxed is needed;
// tests/model/offer.pml proves the protocol around it.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "core/resources.h"
#include "core/role_table.h"
#include "core/share_table.h"
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
  SubscriptionIndex subscription = 0;
  RoleIndex role = kRootRole;  // whose share it counts in
  Resources resources;
  TimePoint published;
};

// What the table is made of; a model checker, or a test that wants it small, brings its own.
struct StdOfferTraits {
  template <typename T>
  using Atomic = std::atomic<T>;

  template <typename T>
  class Cell {
   public:
    void put(T&& value) { value_ = std::move(value); }
    const T& get() const { return value_; }
    void reset() {  // in place: nothing is moved
      std::destroy_at(&value_);
      std::construct_at(&value_);
    }

   private:
    T value_;
  };

  static constexpr std::uint32_t kSlots = kMaxOffersPerShard;  // of one block; a power of two
  static constexpr std::uint32_t kChunkSlots = 1024;           // allocated at a time
  static constexpr std::uint32_t kGenerationMask = 0xffffffff;
};

// `Payload` is movable, and its default construction does not throw; the table never looks into it.
template <typename Payload, typename Traits = StdOfferTraits>
class BasicOfferTable {
 public:
  static constexpr std::uint32_t kIndexBits = 29;  // of a framework index

  // Ids of an earlier master must lose, so generations start at a number drawn per process.
  BasicOfferTable(std::uint32_t shards, std::uint32_t first_generation)
      : first_generation_(first_generation & Traits::kGenerationMask), blocks_(shards) {}

  // Owner only. nullopt, and `payload` untouched, when the block is full: capacity(shard) are out.
  std::optional<OfferId> publish(std::uint32_t shard, std::uint32_t framework_index,
                                 Payload&& payload) {
    assert(framework_index < 1u << kIndexBits);
    Block& block = blocks_[shard];
    if (block.free == kNone && !grow(block)) return std::nullopt;
    const std::uint32_t index = block.free;
    block.free = link(block, index).newer;
    append(block, index);
    Slot& slot = own_slot(block, index);
    const std::uint32_t generation = generation_of(slot.word.load(std::memory_order_relaxed));
    slot.payload.put(std::move(payload));
    slot.word.store(pack(generation, framework_index, OfferState::kOpen),
                    std::memory_order_release);
    ++block.outstanding;
    return OfferId{shard * Traits::kSlots + index, generation};
  }

  // Framework's shard. True for the one call that takes the offer; `framework_index` must be the
  // one it was published to. The caller then tells the owner, by mailbox, to settle.
  bool claim(OfferId id, std::uint32_t framework_index) {
    return take(id, framework_index, OfferState::kClaimed);
  }
  bool decline(OfferId id, std::uint32_t framework_index) {
    return take(id, framework_index, OfferState::kDeclined);
  }

  // Owner only, with an id that publish returned. True when the offer was still open; the caller
  // then settles it.
  bool rescind(OfferId id) { return withdraw(id, OfferState::kRescinded); }
  bool expire(OfferId id) { return withdraw(id, OfferState::kExpired); }

  // Owner only, once, after an edge out of OPEN was won: the slot may be used again.
  void settle(OfferId id) {
    Block& block = blocks_[shard_of(id)];
    const std::uint32_t index = index_of(id);
    Slot& slot = own_slot(block, index);
    [[maybe_unused]] const std::uint64_t word = slot.word.load(std::memory_order_relaxed);
    assert(generation_of(word) == id.generation && state_of(word) > OfferState::kOpen);
    const std::uint32_t next = (id.generation + 1) & Traits::kGenerationMask;
    slot.payload.reset();
    slot.word.store(pack(next, 0, OfferState::kFree), std::memory_order_relaxed);
    unlink(block, index);
    --block.outstanding;
    if (next == first_generation_) {
      ++block.retired;
      return;
    }
    link(block, index).newer = block.free;
    block.free = index;
  }

  // The payload, for whoever won an edge (until settle) and for the owner (from publish to settle).
  const Payload& payload(OfferId id) const {
    const std::uint32_t index = index_of(id);
    const Chunk* chunk =
        blocks_[shard_of(id)].chunks[index / kChunkSlots].load(std::memory_order_relaxed);
    return chunk->slots[index % kChunkSlots].payload.get();
  }

  // A snapshot that may be old when it is read; kFree for ids of another generation.
  OfferState state(OfferId id) const {
    const Slot* slot = find(id);
    if (slot == nullptr) return OfferState::kFree;
    const std::uint64_t word = slot->word.load(std::memory_order_relaxed);
    return generation_of(word) == id.generation ? state_of(word) : OfferState::kFree;
  }

  // Owner only: the outstanding offer of the block that was published first, and the one published
  // next after `id`, which is outstanding. To settle `id` while walking, ask for the next one
  // first. Offers that the other side has won stay in the list until they are settled: pass over
  // them.
  std::optional<OfferId> oldest(std::uint32_t shard) const {
    return id_of(shard, blocks_[shard].oldest);
  }
  std::optional<OfferId> next_newer(OfferId id) const {
    const std::uint32_t shard = shard_of(id);
    return id_of(shard, link(blocks_[shard], index_of(id)).newer);
  }

  std::uint32_t shard_of(OfferId id) const { return id.slot / Traits::kSlots; }
  // Owner only: how many offers are out, and how many may be.
  std::uint32_t outstanding(std::uint32_t shard) const { return blocks_[shard].outstanding; }
  std::uint32_t capacity(std::uint32_t shard) const {
    return Traits::kSlots - blocks_[shard].retired;
  }

 private:
  static constexpr std::uint32_t kChunkSlots = Traits::kChunkSlots;
  static constexpr std::uint32_t kChunks = Traits::kSlots / kChunkSlots;
  static constexpr std::uint32_t kStateBits = 3;
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kLine = 64;
  static_assert((Traits::kSlots & (Traits::kSlots - 1)) == 0 &&
                kChunks * kChunkSlots == Traits::kSlots);

  template <typename T>
  using Atomic = typename Traits::template Atomic<T>;

  // Lines of its own: two shards that claim neighbours do not meet.
  struct alignas(kLine) Slot {
    Atomic<std::uint64_t> word{0};
    typename Traits::template Cell<Payload> payload;
  };
  // Owner only, apart from the words: an append or unlink does not pull in a neighbour's line,
  // which another core may have just written.
  struct Link {
    std::uint32_t older = kNone;
    std::uint32_t newer = kNone;  // for a free slot: the next free one
  };
  struct Chunk {
    std::array<Slot, kChunkSlots> slots;
    std::array<Link, kChunkSlots> links;
  };

  struct Block {
    alignas(kLine) std::array<Atomic<Chunk*>, kChunks> chunks{};
    // Owner only.
    alignas(kLine) std::array<std::unique_ptr<Chunk>, kChunks> owned;
    std::uint32_t grown = 0;     // how many of them are there
    std::uint32_t free = kNone;  // last in, first out: the warmest slot
    std::uint32_t oldest = kNone;
    std::uint32_t newest = kNone;
    std::uint32_t outstanding = 0;
    std::uint32_t retired = 0;
  };

  static std::uint64_t pack(std::uint32_t generation, std::uint32_t index, OfferState state) {
    return std::uint64_t{generation} << (kIndexBits + kStateBits) |
           std::uint64_t{index} << kStateBits | static_cast<std::uint64_t>(state);
  }
  static std::uint32_t generation_of(std::uint64_t word) {
    return static_cast<std::uint32_t>(word >> (kIndexBits + kStateBits));
  }
  static std::uint64_t with_state(std::uint64_t word, OfferState state) {
    return (word & ~((std::uint64_t{1} << kStateBits) - 1)) | static_cast<std::uint64_t>(state);
  }
  static OfferState state_of(std::uint64_t word) {
    return static_cast<OfferState>(word & ((1u << kStateBits) - 1));
  }
  static std::uint32_t index_of(OfferId id) { return id.slot % Traits::kSlots; }

  bool grow(Block& block) {
    if (block.grown == kChunks) return false;
    const std::uint32_t chunk = block.grown++;
    block.owned[chunk] = std::make_unique<Chunk>();
    Chunk* fresh = block.owned[chunk].get();
    for (Slot& slot : fresh->slots) {
      slot.word.store(pack(first_generation_, 0, OfferState::kFree), std::memory_order_relaxed);
    }
    block.chunks[chunk].store(fresh, std::memory_order_release);
    for (std::uint32_t i = kChunkSlots; i-- > 0;) {
      fresh->links[i].newer = std::exchange(block.free, chunk * kChunkSlots + i);
    }
    return true;
  }

  void append(Block& block, std::uint32_t index) {
    link(block, index) = {block.newest, kNone};
    (block.newest == kNone ? block.oldest : link(block, block.newest).newer) = index;
    block.newest = index;
  }
  void unlink(Block& block, std::uint32_t index) {
    const Link gone = link(block, index);
    (gone.older == kNone ? block.oldest : link(block, gone.older).newer) = gone.newer;
    (gone.newer == kNone ? block.newest : link(block, gone.newer).older) = gone.older;
  }
  std::optional<OfferId> id_of(std::uint32_t shard, std::uint32_t index) const {
    if (index == kNone) return std::nullopt;
    const Slot& slot = own_slot(blocks_[shard], index);
    return OfferId{shard * Traits::kSlots + index,
                   generation_of(slot.word.load(std::memory_order_relaxed))};
  }

  // For the owner, whose slot it is.
  static Link& link(const Block& block, std::uint32_t index) {
    return block.owned[index / kChunkSlots]->links[index % kChunkSlots];
  }
  static Slot& own_slot(const Block& block, std::uint32_t index) {
    return block.owned[index / kChunkSlots]->slots[index % kChunkSlots];
  }
  // For anybody. nullptr when the slot was never allocated: the id is made up.
  Slot* find(OfferId id) const {
    const std::uint32_t shard = shard_of(id);
    if (shard >= blocks_.size()) return nullptr;
    const std::uint32_t index = index_of(id);
    Chunk* chunk = blocks_[shard].chunks[index / kChunkSlots].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &chunk->slots[index % kChunkSlots];
  }

  bool take(OfferId id, std::uint32_t framework_index, OfferState to) {
    Slot* slot = find(id);
    if (slot == nullptr) return false;
    std::uint64_t expected = pack(id.generation, framework_index, OfferState::kOpen);
    return slot->word.compare_exchange_strong(expected, with_state(expected, to),
                                              std::memory_order_acquire, std::memory_order_relaxed);
  }
  bool withdraw(OfferId id, OfferState to) {
    const Block& block = blocks_[shard_of(id)];
    Slot& slot = own_slot(block, index_of(id));
    std::uint64_t word = slot.word.load(std::memory_order_relaxed);
    if (generation_of(word) != id.generation || state_of(word) != OfferState::kOpen) return false;
    return slot.word.compare_exchange_strong(word, with_state(word, to), std::memory_order_relaxed,
                                             std::memory_order_relaxed);
  }

  const std::uint32_t first_generation_;
  std::vector<Block> blocks_;
};

using OfferTable = BasicOfferTable<OfferPayload>;

static_assert(kMaxReactors * kMaxFrameworksPerShard <= 1u << OfferTable::kIndexBits);
static_assert(kMaxReactors <= 0xffffffff / kMaxOffersPerShard);
// A slot is two cache lines: 120 bytes of payload. More is a third line for every offer.
static_assert(sizeof(OfferPayload) <= 120);

}  // namespace shoal::core
