// Encoding and decoding the messages of every turn takes nothing from the heap once warm.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/wire/samples.h"

namespace {
thread_local std::size_t allocations = 0;
}

// A sanitizer brings operators of its own and checks that new and delete match.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SHOAL_COUNTS_ALLOCATIONS 1
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#else
#define SHOAL_COUNTS_ALLOCATIONS 0
#endif

namespace shoal::wire {
namespace {

template <typename T>
std::size_t allocations_of(const T& message) {
  ByteVector out;
  std::size_t before = 0;
  for (int round = 0; round < 2; ++round) {  // the first warms up
    out.clear();
    before = allocations;
    encode(message, 1, out);
    EXPECT_TRUE(decode<T>(payload_of(out)).ok());
  }
  return allocations - before;
}

TEST(Allocation, NoneInSteadyState) {
  if (SHOAL_COUNTS_ALLOCATIONS == 0) GTEST_SKIP() << "a sanitizer owns operator new";
  Samples samples;  // without lots, which have tags of their own
  samples.accept.operations.clear();
  EXPECT_EQ(allocations_of(samples.heartbeat), 0u);
  EXPECT_EQ(allocations_of(samples.status), 0u);
  EXPECT_EQ(allocations_of(samples.acknowledge), 0u);
  EXPECT_EQ(allocations_of(samples.run_task), 0u);
  EXPECT_EQ(allocations_of(samples.kill_task), 0u);
  EXPECT_EQ(allocations_of(samples.accept), 0u);
  EXPECT_EQ(allocations_of(samples.decline), 0u);
  EXPECT_EQ(allocations_of(samples.rescind), 0u);
  EXPECT_EQ(allocations_of(samples.operation_update), 0u);
  EXPECT_EQ(allocations_of(samples.acknowledge_operation), 0u);
  EXPECT_EQ(allocations_of(samples.update_revocable), 0u);
  EXPECT_EQ(allocations_of(samples.revive), 0u);
  EXPECT_EQ(allocations_of(samples.log_chunk), 0u);
}

}  // namespace
}  // namespace shoal::wire
