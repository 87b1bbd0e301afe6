#include "alloc/object_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace shoal::alloc {

// Reaches the last generations of a slot without 2^31 reuses.
struct ObjectPoolTestPeer {
  template <class T>
  static void set_generation(ObjectPool<T>& pool, std::uint32_t index, std::uint32_t generation) {
    pool.slot_at(index).generation = generation;
  }
};

namespace {

struct Tracked {
  Tracked(int* counter, int number) : alive(counter), id(number) { ++*alive; }
  ~Tracked() { --*alive; }
  Tracked(const Tracked&) = delete;
  Tracked& operator=(const Tracked&) = delete;
  int* alive;
  int id;
};

using Pool = ObjectPool<Tracked>;

TEST(ObjectPool, FindsWhatItCreatedAndForgetsWhatItDestroyed) {
  int alive = 0;
  Pool pool;
  const Pool::Handle handle = pool.create(&alive, 7);
  ASSERT_TRUE(handle);
  ASSERT_NE(pool.get(handle), nullptr);
  EXPECT_EQ(pool.get(handle)->id, 7);
  EXPECT_EQ(alive, 1);
  EXPECT_TRUE(pool.destroy(handle));
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(pool.get(handle), nullptr);
  EXPECT_FALSE(pool.destroy(handle));
  EXPECT_EQ(pool.stale_lookups(), 2u);
}

TEST(ObjectPool, AnOldHandleDoesNotFindTheNewTenantOfItsSlot) {
  int alive = 0;
  Pool pool;
  const Pool::Handle old_handle = pool.create(&alive, 1);
  pool.destroy(old_handle);
  const Pool::Handle new_handle = pool.create(&alive, 2);
  ASSERT_EQ(new_handle.index, old_handle.index);
  EXPECT_EQ(pool.get(old_handle), nullptr);
  EXPECT_EQ(pool.get(new_handle)->id, 2);
}

TEST(ObjectPool, ForgedHandlesFindNothing) {
  int alive = 0;
  Pool pool;
  const Pool::Handle handle = pool.create(&alive, 1);
  pool.destroy(pool.create(&alive, 2));
  EXPECT_EQ(pool.get({}), nullptr);
  EXPECT_EQ(pool.get({handle.index, handle.generation + 1}), nullptr);
  EXPECT_EQ(pool.get({1, 2}), nullptr) << "a free slot's own generation";
  EXPECT_EQ(pool.get({1u << 31, 1}), nullptr);
  EXPECT_EQ(pool.get({std::numeric_limits<std::uint32_t>::max(), 1}), nullptr);
  EXPECT_EQ(pool.stale_lookups(), 5u);
}

TEST(ObjectPool, HandlesPackIntoOneWord) {
  const Pool::Handle handle{0x12345678, 0x9abcdef1};
  EXPECT_EQ(handle.pack(), 0x9abcdef112345678u);
  EXPECT_EQ(Pool::Handle::unpack(handle.pack()), handle);
  EXPECT_EQ(Pool::Handle{}.pack(), 0u);
  EXPECT_FALSE(Pool::Handle::unpack(0));
  std::unordered_set<Pool::Handle> set{handle};
  EXPECT_TRUE(set.contains(handle));
}

TEST(ObjectPool, ObjectsNeverMove) {
  int alive = 0;
  Pool pool;
  std::vector<std::pair<Pool::Handle, Tracked*>> all;
  for (int i = 0; i < 10'000; ++i) {
    const Pool::Handle handle = pool.create(&alive, i);
    all.emplace_back(handle, pool.get(handle));
  }
  for (const auto& [handle, address] : all) ASSERT_EQ(pool.get(handle), address);
}

TEST(ObjectPool, RefusesToGrowBeyondItsLimit) {
  int alive = 0;
  Pool pool(100);
  std::vector<Pool::Handle> handles;
  for (int i = 0; i < 100; ++i) handles.push_back(pool.create(&alive, i));
  EXPECT_TRUE(handles.back());
  EXPECT_FALSE(pool.create(&alive, 100));
  EXPECT_EQ(alive, 100);
  pool.destroy(handles[50]);
  EXPECT_TRUE(pool.create(&alive, 101));
  EXPECT_EQ(pool.size(), 100u);
}

TEST(ObjectPool, RetiresASlotWhoseGenerationsAreUsedUp) {
  int alive = 0;
  Pool pool;
  const Pool::Handle first = pool.create(&alive, 1);
  pool.destroy(first);
  ObjectPoolTestPeer::set_generation(pool, first.index, 0xfffffffc);
  const Pool::Handle last = pool.create(&alive, 2);
  ASSERT_EQ(last.index, first.index);
  EXPECT_EQ(last.generation, 0xfffffffdu);
  EXPECT_EQ(pool.get(last)->id, 2);
  pool.destroy(last);
  const Pool::Handle next = pool.create(&alive, 3);
  EXPECT_NE(next.index, first.index) << "a used-up slot came back: its oldest handles would match";
  EXPECT_EQ(pool.get(last), nullptr);
}

TEST(ObjectPool, CountsLiveHighWaterAndCreated) {
  int alive = 0;
  Pool pool;
  std::vector<Pool::Handle> handles;
  for (int i = 0; i < 10; ++i) handles.push_back(pool.create(&alive, i));
  for (int i = 0; i < 6; ++i) pool.destroy(handles[static_cast<std::size_t>(i)]);
  pool.create(&alive, 10);
  EXPECT_EQ(pool.size(), 5u);
  EXPECT_EQ(pool.high_water(), 10u);
  EXPECT_EQ(pool.created_total(), 11u);
}

TEST(ObjectPool, WalksLiveObjectsAndMayDestroyThemOnTheWay) {
  int alive = 0;
  Pool pool;
  for (int i = 0; i < 200; ++i) pool.create(&alive, i);
  pool.for_each([&](Pool::Handle handle, Tracked& object) {
    if (object.id % 2 == 0) pool.destroy(handle);
  });
  EXPECT_EQ(alive, 100);
  int visited = 0;
  std::as_const(pool).for_each([&](Pool::Handle handle, const Tracked& object) {
    EXPECT_EQ(pool.get(handle), &object);
    EXPECT_EQ(object.id % 2, 1);
    ++visited;
  });
  EXPECT_EQ(visited, 100);
}

TEST(ObjectPool, DestroysWhatIsLeft) {
  int alive = 0;
  {
    Pool pool;
    for (int i = 0; i < 150; ++i) pool.create(&alive, i);
    EXPECT_EQ(alive, 150);
  }
  EXPECT_EQ(alive, 0);
}

struct Callback {
  explicit Callback(std::function<void()> function) : at_end(std::move(function)) {}
  ~Callback() { at_end(); }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  std::function<void()> at_end;
};

TEST(ObjectPool, ADestructorMayUseThePoolAndDoesNotFindItself) {
  ObjectPool<Callback> pool(2);
  ObjectPool<Callback>::Handle handle;
  ObjectPool<Callback>::Handle created_meanwhile;
  bool found_itself = true;
  handle = pool.create([&] {
    found_itself = pool.get(handle) != nullptr || pool.destroy(handle);
    created_meanwhile = pool.create([] {});
  });
  pool.destroy(handle);
  EXPECT_FALSE(found_itself);
  ASSERT_TRUE(created_meanwhile);
  EXPECT_NE(created_meanwhile.index, handle.index) << "the slot was given out while still in use";
  EXPECT_EQ(pool.size(), 1u);
}

struct alignas(64) Aligned {
  char bytes[64];
};

TEST(ObjectPool, KeepsTheAlignmentOfItsType) {
  ObjectPool<Aligned> pool;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pool.get(pool.create())) % 64, 0u);
  }
}

// A random walk against a model: a vector of what should be alive.
TEST(ObjectPool, AgreesWithAModelUnderRandomUse) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    int alive = 0;
    Pool pool(500);
    std::vector<std::pair<Pool::Handle, int>> live;
    std::vector<Pool::Handle> dead;
    for (int step = 0; step < 5000; ++step) {
      if (random() % 2 == 0) {
        const Pool::Handle handle = pool.create(&alive, step);
        ASSERT_EQ(static_cast<bool>(handle), live.size() < 500) << "seed " << seed;
        if (handle) live.emplace_back(handle, step);
      } else if (!live.empty()) {
        const std::size_t victim = random() % live.size();
        ASSERT_TRUE(pool.destroy(live[victim].first));
        dead.push_back(live[victim].first);
        live[victim] = live.back();
        live.pop_back();
      }
    }
    ASSERT_EQ(pool.size(), live.size());
    ASSERT_EQ(static_cast<std::size_t>(alive), live.size());
    for (const auto& [handle, id] : live) ASSERT_EQ(pool.get(handle)->id, id) << "seed " << seed;
    for (const Pool::Handle& handle : dead) ASSERT_EQ(pool.get(handle), nullptr) << "seed " << seed;
  }
}

// Under ThreadSanitizer this shows that counters may be read while the owner works.
TEST(ObjectPool, CountersAreReadableFromAnotherThread) {
  int alive = 0;
  Pool pool;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (!done.load(std::memory_order_relaxed)) {
      const std::uint64_t created = pool.created_total();
      EXPECT_GE(created, last);
      last = created;
      EXPECT_LE(pool.size(), 1u);
    }
  });
  for (int i = 0; i < 20'000; ++i) pool.destroy(pool.create(&alive, i));
  done.store(true, std::memory_order_relaxed);
  reader.join();
  EXPECT_EQ(pool.created_total(), 20'000u);
}

}  // namespace
}  // namespace shoal::alloc
