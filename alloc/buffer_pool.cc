#include "alloc/buffer_pool.h"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHOAL_POISON_BUFFERS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SHOAL_POISON_BUFFERS 1
#endif
#if defined(SHOAL_POISON_BUFFERS)
#include <sanitizer/asan_interface.h>
#endif

namespace shoal::alloc {
namespace {

constexpr std::size_t kClasses = BufferPool::kClassBytes.size();
constexpr std::size_t kLargest = BufferPool::kClassBytes.back();

// Classes grow by four from 256 = 2^8, so the class is a matter of bit widths.
constexpr std::size_t class_of(std::size_t bytes) {
  if (bytes <= BufferPool::kClassBytes.front()) return 0;
  return (static_cast<std::size_t>(std::bit_width(bytes - 1)) - 7) / 2;
}
static_assert(class_of(0) == 0 && class_of(256) == 0 && class_of(257) == 1 && class_of(1024) == 1);
static_assert(class_of(1025) == 2 && class_of(kLargest) == kClasses - 1);

void poison([[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t bytes) {
#if defined(SHOAL_POISON_BUFFERS)
  __asan_poison_memory_region(data, bytes);
#endif
}

void unpoison([[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t bytes) {
#if defined(SHOAL_POISON_BUFFERS)
  __asan_unpoison_memory_region(data, bytes);
#endif
}

[[noreturn]] void die(const char* what, std::uint64_t amount) {
  std::fprintf(stderr, "buffer pool: %s (%llu)\n", what, static_cast<unsigned long long>(amount));
  std::abort();
}

std::byte* allocate(std::size_t bytes) {
  void* data = ::operator new(bytes, std::nothrow);
  if (data == nullptr) die("out of memory; bytes asked for", bytes);
  return static_cast<std::byte*>(data);
}

void deallocate(std::byte* data, std::size_t bytes) {
  unpoison(data, bytes);
  ::operator delete(data);
}

}  // namespace

BufferPool::BufferPool(std::size_t max_cached_bytes) : max_cached_bytes_(max_cached_bytes) {}

BufferPool::~BufferPool() {
  trim(0);
  if (in_use_.value() != 0) die("destroyed before its buffers; still out", in_use_.value());
}

Buffer BufferPool::take(std::size_t min_bytes) {
  std::byte* data = nullptr;
  std::size_t capacity = min_bytes;
  if (min_bytes > kLargest) {
    direct_.add();
  } else {
    const std::size_t size_class = class_of(min_bytes);
    capacity = kClassBytes[size_class];
    std::vector<std::byte*>& free = free_[size_class];
    if (!free.empty()) {
      data = free.back();
      free.pop_back();
      unpoison(data, capacity);
      cached_.sub();
      cached_bytes_.sub(capacity);
      hits_.add();
    }
  }
  if (data == nullptr) {
    data = allocate(capacity);
    misses_.add();
  }
  in_use_.add();
  in_use_bytes_.add(capacity);
  high_water_bytes_.raise_to(in_use_bytes_.value());
  return {this, data, capacity};
}

void BufferPool::give_back(std::byte* data, std::size_t capacity) {
  in_use_.sub();
  in_use_bytes_.sub(capacity);
  if (capacity > kLargest || cached_bytes_.value() + capacity > max_cached_bytes_) {
    deallocate(data, capacity);
    return;
  }
  poison(data, capacity);
  free_[class_of(capacity)].push_back(data);
  cached_.add();
  cached_bytes_.add(capacity);
}

void BufferPool::trim(std::size_t keep_bytes) {
  for (std::size_t size_class = kClasses; size_class-- > 0;) {
    std::vector<std::byte*>& free = free_[size_class];
    while (!free.empty() && cached_bytes_.value() > keep_bytes) {
      deallocate(free.back(), kClassBytes[size_class]);
      free.pop_back();
      cached_.sub();
      cached_bytes_.sub(kClassBytes[size_class]);
    }
  }
}

BufferPoolStats BufferPool::stats() const {
  return {.in_use = in_use_.value(),
          .in_use_bytes = in_use_bytes_.value(),
          .high_water_bytes = high_water_bytes_.value(),
          .cached = cached_.value(),
          .cached_bytes = cached_bytes_.value(),
          .hits = hits_.value(),
          .misses = misses_.value(),
          .direct = direct_.value()};
}

}  // namespace shoal::alloc
