#include "alloc/malloc_choice.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace shoal::alloc {
namespace {

constexpr std::size_t kBlock = 64 * 1024;
constexpr std::size_t kBlocks = 512;  // 32 MiB in all

using Blocks = std::vector<std::unique_ptr<char[]>>;

Blocks touched_blocks() {
  Blocks blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique<char[]>(kBlock));
    std::memset(blocks.back().get(), static_cast<int>(i), kBlock);
  }
  return blocks;
}

TEST(MallocChoice, NamesTheLinkedLibrary) {
  EXPECT_TRUE(malloc_name() == "jemalloc" || malloc_name() == "mimalloc" ||
              malloc_name() == "system" || malloc_name() == "sanitizer");
  EXPECT_FALSE(malloc_version().empty());
  EXPECT_TRUE(malloc_is_linked()) << "malloc is not " << malloc_name() << "'s";
}

TEST(MallocChoice, StatsGrowWithAllocations) {
  const MallocStats before = malloc_stats();
  const Blocks blocks = touched_blocks();
  const MallocStats during = malloc_stats();
  EXPECT_GE(during.allocated_bytes, before.allocated_bytes + kBlocks * kBlock / 2);
  EXPECT_GE(during.resident_bytes, kBlocks * kBlock / 2);
  EXPECT_GE(during.mapped_bytes, kBlocks * kBlock / 2);
}

TEST(MallocChoice, ExactStatsShrinkWhenMemoryIsFreed) {
  if (!malloc_stats().allocated_is_exact) GTEST_SKIP() << malloc_name() << " counts pages only";
  Blocks blocks = touched_blocks();
  const MallocStats during = malloc_stats();
  blocks.clear();
  const MallocStats after = malloc_stats();
  EXPECT_LE(after.allocated_bytes + kBlocks * kBlock / 2, during.allocated_bytes);
}

}  // namespace
}  // namespace shoal::alloc
