// Byte buffers of a few sizes, kept for reuse: what a reactor reads into and writes from.
//
// take() answers with a buffer of the smallest class that holds the request; a request above the
// largest class goes straight to malloc. A Buffer gives itself back when it dies. For a buffer that
// must be named across a callback, keep it in an ObjectPool<Buffer>: its handle goes stale with it.
//
// Threads: a pool and all its buffers belong to one thread; stats() may be read from any thread.
// Invariants:
//   1. cached_bytes <= max_cached_bytes, after every call.
//   2. A pool outlives its buffers (checked when it dies).
//   3. Under AddressSanitizer a cached buffer is poisoned: touching it after its release is
//   reported.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "alloc/counters.h"

namespace shoal::alloc {

class BufferPool;

// Owns bytes of a pool, uninitialised when fresh, aligned to at least 16. Empty when moved from.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }  // bytes; at least what was asked for
  std::span<std::byte> bytes() { return {data_, capacity_}; }
  std::span<const std::byte> bytes() const { return {data_, capacity_}; }
  explicit operator bool() const { return data_ != nullptr; }

  // Gives the bytes back to the pool now.
  inline void reset();

 private:
  friend class BufferPool;
  Buffer(BufferPool* pool, std::byte* data, std::size_t capacity)
      : pool_(pool), data_(data), capacity_(capacity) {}

  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
};

struct BufferPoolStats {
  std::uint64_t in_use = 0;            // buffers out
  std::uint64_t in_use_bytes = 0;      // their capacity
  std::uint64_t high_water_bytes = 0;  // the most in_use_bytes has been
  std::uint64_t cached = 0;            // buffers kept for reuse
  std::uint64_t cached_bytes = 0;
  std::uint64_t hits = 0;    // take() served from the cache
  std::uint64_t misses = 0;  // take() served by malloc, direct ones included
  std::uint64_t direct = 0;  // requests above the largest class
};

class BufferPool {
 public:
  static constexpr std::array<std::size_t, 7> kClassBytes = {
      256, 1024, 4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024};
  static constexpr std::size_t kDefaultMaxCachedBytes = 16 * 1024 * 1024;

  explicit BufferPool(std::size_t max_cached_bytes = kDefaultMaxCachedBytes);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A buffer of at least min_bytes (0 gives the smallest class). Dies when the machine is out of
  // memory.
  Buffer take(std::size_t min_bytes);

  // Frees cached buffers, the largest first, until at most keep_bytes are cached.
  void trim(std::size_t keep_bytes = 0);

  BufferPoolStats stats() const;

 private:
  friend class Buffer;
  void give_back(std::byte* data, std::size_t capacity);

  const std::size_t max_cached_bytes_;
  std::array<std::vector<std::byte*>, kClassBytes.size()> free_;
  Counter in_use_;
  Counter in_use_bytes_;
  Counter high_water_bytes_;
  Counter cached_;
  Counter cached_bytes_;
  Counter hits_;
  Counter misses_;
  Counter direct_;
};

inline void Buffer::reset() {
  if (data_ == nullptr) return;
  std::exchange(pool_, nullptr)
      ->give_back(std::exchange(data_, nullptr), std::exchange(capacity_, 0));
}

}  // namespace shoal::alloc
