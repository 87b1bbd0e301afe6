// Bytes on their way out: a chain of fixed chunks borrowed from the reactor's pool. Empty, it holds
// no memory, so idle connections cost nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

struct iovec;

namespace shoal::net {

inline constexpr std::size_t kChunkBytes = 16 * 1024 - 32;

struct Chunk {
  Chunk* next = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint8_t bytes[kChunkBytes];

  std::size_t size() const { return end - begin; }
};

// Keeps up to `kMaxFree` chunks for the next taker; one per reactor.
class ChunkPool {
 public:
  static constexpr std::size_t kMaxFree = 256;

  ChunkPool() = default;
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  Chunk* take();
  void give_back(Chunk* chunk);

 private:
  Chunk* free_ = nullptr;
  std::size_t free_count_ = 0;
};

class OutputBuffer {
 public:
  explicit OutputBuffer(ChunkPool& pool) : pool_(pool) {}
  ~OutputBuffer() { clear(); }
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void append(absl::Span<const std::uint8_t> bytes);
  // Points `parts` at the front; returns how many of `count` were filled.
  int front(iovec* parts, int count) const;
  void consume(std::size_t bytes);
  void clear() { consume(size_); }

 private:
  ChunkPool& pool_;
  Chunk* head_ = nullptr;
  Chunk* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace shoal::net
