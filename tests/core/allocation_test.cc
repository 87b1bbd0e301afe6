// The arithmetic of plain resources, which runs for every offer, takes nothing from the heap.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "core/resources.h"

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

namespace shoal::core {
namespace {

Resources make(std::string_view text) { return parse_resources(text).value(); }

TEST(Allocation, NoneForPlainResources) {
  if (SHOAL_COUNTS_ALLOCATIONS == 0) GTEST_SKIP() << "a sanitizer owns operator new";
  const Resources all = make("cpus:4;mem:100;disk:9;gpus:1;ports:[1-100,200-300]");
  const Resources left = make("cpus:1;mem:10;ports:[1-10,21-30]");
  const Resources middle = make("ports:[11-20,40-40]");
  const Resources one_cpu = make("cpus:1");
  const std::size_t before = allocations;
  Resources sum = left;
  sum += middle;  // three ranges are joined on the way
  EXPECT_TRUE(all.contains(sum));
  EXPECT_TRUE(sum.intersects(middle));
  sum -= middle;
  EXPECT_TRUE(sum == left);
  Resources rest = all;
  rest -= one_cpu;
  EXPECT_TRUE(resolve(left, all).ok());
  EXPECT_TRUE(check_resources(rest).ok());
  EXPECT_EQ(common(all, left).ports.count(), 20u);
  EXPECT_EQ(rest.all_quantities()[ResourceKind::kCpus], 3000);
  const std::size_t after = allocations;
  EXPECT_EQ(after - before, 0u);
}

}  // namespace
}  // namespace shoal::core
