// A bounded single-producer, single-consumer ring.
//
// Threads: push() one thread (the producer), pop() one other (the consumer); front_position() and
//   is_empty() the consumer. Construction and destruction while neither runs.
//
// Invariants:
//   1. tail - head is the number of elements, 0 <= tail - head <= capacity (indices only grow; they
//      wrap at 2^64, which nobody lives to see).
//   2. Slot i % capacity is the producer's from the consumer's "head = i + 1" on, and the
//      consumer's from the producer's "tail = i + 1" on. Never both.
//   3. cached_head <= head and cached_tail <= tail: each side's idea of the other is at worst old.
//
// Memory order:
//   - tail: the producer stores with release after the element is built; the consumer loads with
//     acquire before it touches the element. A stale load sees fewer elements: they are found by
//     the next look, which the wake-up behind the push guarantees.
//   - head: the consumer stores with release after the element is destroyed; the producer loads
//   with
//     acquire before it builds a new one there. A stale load sees the ring fuller than it is: the
//     push is refused and tried again.
//   - each side reads its own index relaxed: it is the only one that writes it.
//
// The traits parameter holds the atomics and the cells, so that a model checker can put its own in.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace shoal::net {

struct RealRingTraits {
  template <typename T>
  using Atomic = std::atomic<T>;

  // Raw memory for one element: a ring that is never used touches no pages.
  template <typename T>
  class Cell {
   public:
    void put(T&& value) { ::new (static_cast<void*>(bytes_)) T(std::move(value)); }
    T take() {
      T* held = std::launder(reinterpret_cast<T*>(bytes_));
      T value = std::move(*held);
      held->~T();
      return value;
    }

   private:
    alignas(T) unsigned char bytes_[sizeof(T)];
  };
};

template <typename T, std::size_t kCapacity, typename Traits = RealRingTraits>
class SpscRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0, "indices are masked");

 public:
  SpscRing() : cells_(new Cell[kCapacity]) {}
  ~SpscRing() {
    T dropped;
    while (pop(&dropped)) {
    }
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  // False when full; `value` is then untouched.
  bool push(T&& value) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ == kCapacity) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ == kCapacity) return false;
    }
    cells_[tail & (kCapacity - 1)].put(std::move(value));
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // False when empty.
  bool pop(T* value) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head == cached_tail_) return false;
    }
    *value = cells_[head & (kCapacity - 1)].take();
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  bool is_empty() {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) cached_tail_ = tail_.load(std::memory_order_acquire);
    return head == cached_tail_;
  }

  // How many elements were ever taken.
  std::uint64_t front_position() const { return head_.load(std::memory_order_relaxed); }

 private:
  using Cell = typename Traits::template Cell<T>;
  using Index = typename Traits::template Atomic<std::uint64_t>;
  static constexpr std::size_t kLine = 64;

  // Three lines: the producer's, the consumer's, what neither writes.
  alignas(kLine) Index tail_{0};
  std::uint64_t cached_head_ = 0;
  alignas(kLine) Index head_{0};
  std::uint64_t cached_tail_ = 0;
  alignas(kLine) std::unique_ptr<Cell[]> cells_;
};

}  // namespace shoal::net
