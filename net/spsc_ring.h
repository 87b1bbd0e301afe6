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

  // Raw memory for elements: a ring that is never used touches no pages.
  template <typename T, std::size_t kCapacity>
  class Cells {
   public:
    void put(std::size_t i, T&& value) {
      ::new (static_cast<void*>(cells_[i].bytes)) T(std::move(value));
    }
    T take(std::size_t i) {
      T* held = std::launder(reinterpret_cast<T*>(cells_[i].bytes));
      T value = std::move(*held);
      held->~T();
      return value;
    }

   private:
    struct Cell {
      alignas(T) unsigned char bytes[sizeof(T)];
    };
    std::unique_ptr<Cell[]> cells_{new Cell[kCapacity]};
  };
};

template <typename T, std::size_t kCapacity, typename Traits = RealRingTraits>
class SpscRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0, "indices are masked");

 public:
  SpscRing() = default;
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
    cells_.put(tail & (kCapacity - 1), std::move(value));
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
    *value = cells_.take(head & (kCapacity - 1));
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  bool is_empty() {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) cached_tail_ = tail_.load(std::memory_order_acquire);
    return head == cached_tail_;
  }

  // How many wait, for the receiver; more may come meanwhile.
  std::size_t size() const {
    return static_cast<std::size_t>(tail_.load(std::memory_order_acquire) -
                                    head_.load(std::memory_order_relaxed));
  }

  // How many elements were ever taken.
  std::uint64_t front_position() const { return head_.load(std::memory_order_relaxed); }

 private:
  using Index = typename Traits::template Atomic<std::uint64_t>;
  static constexpr std::size_t kLine = 64;

  // Three lines: the producer's, the consumer's, what neither writes.
  alignas(kLine) Index tail_{0};
  std::uint64_t cached_head_ = 0;
  alignas(kLine) Index head_{0};
  std::uint64_t cached_tail_ = 0;
  alignas(kLine) typename Traits::template Cells<T, kCapacity> cells_;
};

}  // namespace shoal::net
