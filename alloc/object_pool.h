// Objects of one type in slabs, named by handles that go stale when the object is destroyed.
//
// A handle is {slot index, generation}. It may be kept anywhere, for any length of time: after its
// object is gone, get() answers nullptr, also when the slot has a new tenant. That is what makes it
// safe to carry through queues, timers and callbacks of the operating system, where a pointer would
// dangle.
//
// Threads: the owner (one reactor) calls everything; the counters may be read from any thread.
// Invariants:
//   1. An object never moves: its address is the same from create() to destroy().
//   2. A slot's generation is odd while it holds an object and even while it is free; it only
//   grows.
//   3. A slot whose generation is used up is retired, never reused. So no handle ever names two
//   objects.
//   4. size() <= max_objects().
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "alloc/counters.h"

namespace shoal::alloc {

// Names one object of an ObjectPool<T>. The default value names nothing.
template <class T>
struct PoolHandle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // odd in every handle that create() gave out

  explicit operator bool() const { return generation != 0; }
  friend bool operator==(const PoolHandle&, const PoolHandle&) = default;

  // One word, for user-data fields of kernel and library interfaces; never 0 for a real object.
  std::uint64_t pack() const { return std::uint64_t{generation} << 32 | index; }
  static PoolHandle unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
  }
};

template <class T>
class ObjectPool {
 public:
  using Handle = PoolHandle<T>;
  static constexpr std::uint32_t kSlabObjects = 64;  // objects allocated at a time
  static constexpr std::uint32_t kDefaultMaxObjects = 1u << 24;

  explicit ObjectPool(std::uint32_t max_objects = kDefaultMaxObjects) : max_objects_(max_objects) {
    assert(max_objects < kNoSlot);
  }
  ~ObjectPool() {
    for_each([this](Handle handle, T&) { destroy(handle); });
  }
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;

  // Builds a T from the arguments. The empty handle when max_objects() are alive.
  template <class... Args>
  Handle create(Args&&... args) {
    const std::uint32_t index = take_slot();
    if (index == kNoSlot) return {};
    Slot& slot = slot_at(index);
    // Should the constructor throw, the slot stays unused: no object, no handle, nothing dangling.
    std::construct_at(slot.object(), std::forward<Args>(args)...);
    ++slot.generation;
    live_.add();
    high_water_.raise_to(live_.value());
    created_total_.add();
    return {index, slot.generation};
  }

  // The object, or nullptr when it has been destroyed (counted in stale_lookups) or never existed.
  T* get(Handle handle) { return find(handle); }
  const T* get(Handle handle) const { return find(handle); }

  // False when the handle is stale. The object's destructor may use the pool; it no longer finds
  // itself.
  bool destroy(Handle handle) {
    T* object = find(handle);
    if (object == nullptr) return false;
    Slot& slot = slot_at(handle.index);
    ++slot.generation;
    live_.sub();
    std::destroy_at(object);
    if (slot.generation < kLastGeneration) {
      slot.next_free = free_head_;
      free_head_ = handle.index;
    }
    return true;
  }

  // Calls visit(Handle, T&) for every live object, by slot. The visitor may destroy any object, and
  // may create some: those may or may not be visited. Costs O(high_water()).
  template <class Visitor>
  void for_each(Visitor&& visit) {
    for (std::uint32_t index = 0; index < slots_used_; ++index) {
      Slot& slot = slot_at(index);
      if (slot.is_live()) visit(Handle{index, slot.generation}, *slot.object());
    }
  }
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    for (std::uint32_t index = 0; index < slots_used_; ++index) {
      const Slot& slot = slot_at(index);
      if (slot.is_live()) visit(Handle{index, slot.generation}, *slot.object());
    }
  }

  std::uint32_t max_objects() const { return max_objects_; }

  // Counters, from any thread.
  std::uint64_t size() const { return live_.value(); }
  bool empty() const { return size() == 0; }
  std::uint64_t high_water() const { return high_water_.value(); }
  std::uint64_t created_total() const { return created_total_.value(); }
  std::uint64_t stale_lookups() const { return stale_lookups_.value(); }

 private:
  friend struct ObjectPoolTestPeer;
  static constexpr std::uint32_t kNoSlot = 0xffffffff;
  static constexpr std::uint32_t kLastGeneration = 0xfffffffe;  // even: free for good

  struct Slot {
    std::uint32_t generation = 0;
    std::uint32_t next_free = kNoSlot;
    alignas(T) std::byte storage[sizeof(T)];

    bool is_live() const { return (generation & 1) != 0; }
    T* object() { return reinterpret_cast<T*>(storage); }
    const T* object() const { return reinterpret_cast<const T*>(storage); }
  };
  struct Slab {
    Slot slots[kSlabObjects];
  };

  Slot& slot_at(std::uint32_t index) {
    return slabs_[index / kSlabObjects]->slots[index % kSlabObjects];
  }
  const Slot& slot_at(std::uint32_t index) const {
    return slabs_[index / kSlabObjects]->slots[index % kSlabObjects];
  }

  T* find(Handle handle) const {
    if (handle.index < slots_used_) {
      Slot& slot = slabs_[handle.index / kSlabObjects]->slots[handle.index % kSlabObjects];
      if (slot.generation == handle.generation && slot.is_live()) return slot.object();
    }
    stale_lookups_.add();
    return nullptr;
  }

  // A free slot, the one used last first (it is warm in the cache), or kNoSlot at the limit.
  std::uint32_t take_slot() {
    if (live_.value() >= max_objects_) return kNoSlot;
    if (free_head_ != kNoSlot) return std::exchange(free_head_, slot_at(free_head_).next_free);
    if (slots_used_ == kNoSlot) return kNoSlot;
    if (slots_used_ / kSlabObjects == slabs_.size()) slabs_.push_back(std::make_unique<Slab>());
    return slots_used_++;
  }

  const std::uint32_t max_objects_;
  std::uint32_t slots_used_ = 0;  // slots [0, slots_used_) have been handed out at least once
  std::uint32_t free_head_ = kNoSlot;
  std::vector<std::unique_ptr<Slab>> slabs_;
  Counter live_;
  Counter high_water_;
  Counter created_total_;
  mutable Counter stale_lookups_;
};

}  // namespace shoal::alloc

template <class T>
struct std::hash<shoal::alloc::PoolHandle<T>> {
  std::size_t operator()(const shoal::alloc::PoolHandle<T>& handle) const {
    return std::hash<std::uint64_t>{}(handle.pack());
  }
};
