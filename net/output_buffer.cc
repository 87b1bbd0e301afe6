#include "net/output_buffer.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace shoal::net {

ChunkPool::~ChunkPool() {
  while (free_ != nullptr) {
    Chunk* chunk = free_;
    free_ = chunk->next;
    delete chunk;
  }
}

Chunk* ChunkPool::take() {
  if (free_ == nullptr) return new Chunk;  // bytes stay uninitialised
  Chunk* chunk = free_;
  free_ = chunk->next;
  --free_count_;
  chunk->next = nullptr;
  chunk->begin = chunk->end = 0;
  return chunk;
}

void ChunkPool::give_back(Chunk* chunk) {
  if (free_count_ == kMaxFree) {
    delete chunk;
    return;
  }
  chunk->next = free_;
  free_ = chunk;
  ++free_count_;
}

void OutputBuffer::append(absl::Span<const std::uint8_t> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->end == kChunkBytes) {
      Chunk* chunk = pool_.take();
      (tail_ == nullptr ? head_ : tail_->next) = chunk;
      tail_ = chunk;
    }
    const std::size_t fits = std::min(bytes.size(), kChunkBytes - tail_->end);
    std::memcpy(tail_->bytes + tail_->end, bytes.data(), fits);
    tail_->end += static_cast<std::uint32_t>(fits);
    bytes.remove_prefix(fits);
  }
}

int OutputBuffer::front(iovec* parts, int count) const {
  int filled = 0;
  for (Chunk* chunk = head_; chunk != nullptr && filled < count; chunk = chunk->next) {
    parts[filled].iov_base = chunk->bytes + chunk->begin;
    parts[filled].iov_len = chunk->size();
    ++filled;
  }
  return filled;
}

void OutputBuffer::consume(std::size_t bytes) {
  size_ -= bytes;
  while (bytes > 0) {
    const std::size_t taken = std::min(bytes, head_->size());
    head_->begin += static_cast<std::uint32_t>(taken);
    bytes -= taken;
    if (head_->size() > 0) return;
    Chunk* done = head_;
    head_ = done->next;
    if (head_ == nullptr) tail_ = nullptr;
    pool_.give_back(done);
  }
}

}  // namespace shoal::net
