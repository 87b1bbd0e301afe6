// Numbers that one thread counts and any thread may read.
//
// Threads: one writer, the thread that owns the object the counter belongs to; value() from any
// thread. Invariants: 1. only the owner calls add, sub, set and raise_to. Memory order: all
// relaxed. A counter publishes nothing but itself, so a reader that sees an older
//   value only reports an older count. With a single writer a plain load and store replace the
//   locked read-modify-write, which costs some 20 times as much.
#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::alloc {

class Counter {
 public:
  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void add(std::uint64_t amount = 1) { set(value() + amount); }
  void sub(std::uint64_t amount = 1) { set(value() - amount); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  // Keeps the larger of the two: a high-water mark.
  void raise_to(std::uint64_t candidate) {
    if (candidate > value()) set(candidate);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace shoal::alloc
