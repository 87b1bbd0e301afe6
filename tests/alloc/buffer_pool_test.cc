#include "alloc/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "alloc/object_pool.h"

namespace shoal::alloc {
namespace {

TEST(BufferPool, ServesTheSmallestClassThatFits) {
  BufferPool pool;
  EXPECT_EQ(pool.take(0).capacity(), 256u);
  std::size_t below = 0;
  for (const std::size_t bytes : BufferPool::kClassBytes) {
    EXPECT_EQ(pool.take(below + 1).capacity(), bytes);
    EXPECT_EQ(pool.take(bytes).capacity(), bytes);
    below = bytes;
  }
  EXPECT_EQ(pool.stats().direct, 0u);
  EXPECT_EQ(pool.take(below + 1).capacity(), below + 1);
  EXPECT_EQ(pool.stats().direct, 1u);
}

TEST(BufferPool, GivesTheSameBytesOutAgain) {
  BufferPool pool;
  Buffer first = pool.take(1000);
  const std::byte* data = first.data();
  first.reset();
  EXPECT_FALSE(first);
  EXPECT_EQ(first.capacity(), 0u);
  const Buffer second = pool.take(1024);
  EXPECT_EQ(second.data(), data);
  const BufferPoolStats stats = pool.stats();
  EXPECT_EQ(stats.hits, 1u);
  EXPECT_EQ(stats.misses, 1u);
}

TEST(BufferPool, AlignsToSixteen) {
  BufferPool pool;
  for (const std::size_t bytes :
       std::initializer_list<std::size_t>{1, 300, 5000, 70'000, 2'000'001}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pool.take(bytes).data()) % 16, 0u);
  }
}

TEST(BufferPool, MovingABufferMovesItsBytes) {
  BufferPool pool;
  Buffer a = pool.take(10);
  const std::byte* data = a.data();
  Buffer b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): moved-from is defined to be empty
  EXPECT_EQ(b.data(), data);
  Buffer c = pool.take(20);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(pool.stats().in_use, 1u);
  Buffer& alias = c;
  c = std::move(alias);
  EXPECT_EQ(c.data(), data);
}

TEST(BufferPool, CountsWhatIsOutAndWhatIsKept) {
  BufferPool pool;
  {
    const Buffer a = pool.take(256);
    const Buffer b = pool.take(4096);
    EXPECT_EQ(pool.stats().in_use, 2u);
    EXPECT_EQ(pool.stats().in_use_bytes, 256u + 4096u);
    EXPECT_EQ(pool.stats().cached, 0u);
  }
  const BufferPoolStats stats = pool.stats();
  EXPECT_EQ(stats.in_use, 0u);
  EXPECT_EQ(stats.in_use_bytes, 0u);
  EXPECT_EQ(stats.high_water_bytes, 256u + 4096u);
  EXPECT_EQ(stats.cached, 2u);
  EXPECT_EQ(stats.cached_bytes, 256u + 4096u);
}

TEST(BufferPool, KeepsNoMoreThanItsCap) {
  BufferPool pool(3 * 1024);
  std::vector<Buffer> buffers;
  for (int i = 0; i < 8; ++i) buffers.push_back(pool.take(1024));
  buffers.clear();
  EXPECT_EQ(pool.stats().cached, 3u);
  EXPECT_EQ(pool.stats().cached_bytes, 3u * 1024);
  pool.take(4096).reset();
  EXPECT_EQ(pool.stats().cached, 3u) << "a buffer that does not fit under the cap is freed";
}

TEST(BufferPool, DoesNotKeepDirectBuffers) {
  BufferPool pool;
  pool.take(2 * 1024 * 1024).reset();
  EXPECT_EQ(pool.stats().cached, 0u);
  EXPECT_EQ(pool.stats().in_use_bytes, 0u);
}

TEST(BufferPool, TrimsTheLargestFirst) {
  BufferPool pool;
  {
    const Buffer small = pool.take(256);
    const Buffer large = pool.take(1024 * 1024);
  }
  pool.trim(1024);
  EXPECT_EQ(pool.stats().cached, 1u);
  EXPECT_EQ(pool.stats().cached_bytes, 256u);
  pool.trim();
  EXPECT_EQ(pool.stats().cached, 0u);
}

TEST(BufferPool, BuffersInAnObjectPoolHaveHandlesThatGoStale) {
  BufferPool pool;
  ObjectPool<Buffer> table;
  const ObjectPool<Buffer>::Handle handle = table.create(pool.take(100));
  ASSERT_NE(table.get(handle), nullptr);
  EXPECT_EQ(table.get(handle)->capacity(), 256u);
  table.destroy(handle);
  EXPECT_EQ(table.get(handle), nullptr);
  EXPECT_EQ(pool.stats().in_use, 0u);
}

TEST(BufferPoolDeathTest, DiesWhenABufferOutlivesIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto pool = std::make_unique<BufferPool>();
        Buffer buffer = pool->take(1);
        pool.reset();
      },
      "destroyed before its buffers");
}

#if defined(__SANITIZE_ADDRESS__)
TEST(BufferPoolDeathTest, ReportsTheUseOfAReleasedBuffer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        BufferPool pool;
        Buffer buffer = pool.take(100);
        volatile std::byte* data = buffer.data();
        buffer.reset();
        data[0] = std::byte{1};
      },
      "use-after-poison");
}
#endif

// No two live buffers overlap, whatever the order: each is filled with its own mark and checked at
// the end of its life.
TEST(BufferPool, BuffersNeverOverlap) {
  std::mt19937 random(7);
  BufferPool pool(256 * 1024);
  std::vector<std::pair<Buffer, int>> live;
  for (int step = 0; step < 4000; ++step) {
    if (live.size() < 20 && random() % 2 == 0) {
      Buffer buffer = pool.take(random() % 80'000);
      std::memset(buffer.data(), step & 0xff, buffer.capacity());
      live.emplace_back(std::move(buffer), step & 0xff);
    } else if (!live.empty()) {
      const std::size_t victim = random() % live.size();
      auto& [buffer, mark] = live[victim];
      for (const std::size_t at : {std::size_t{0}, buffer.capacity() / 2, buffer.capacity() - 1}) {
        ASSERT_EQ(buffer.data()[at], static_cast<std::byte>(mark));
      }
      std::swap(live[victim], live.back());
      live.pop_back();
    }
  }
  const BufferPoolStats stats = pool.stats();
  EXPECT_EQ(stats.in_use, live.size());
  EXPECT_LE(stats.cached_bytes, 256u * 1024);
}

}  // namespace
}  // namespace shoal::alloc
