// Which malloc this process runs on, and what it holds. Chosen when the build is configured:
// -DALLOCATOR=jemalloc|mimalloc|system. The whole process uses it, libraries included.
//
// Threads: all functions from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shoal::alloc {

// "jemalloc", "mimalloc" or "system". "sanitizer" where a sanitizer's own malloc is in force.
std::string_view malloc_name();

// The version of the library that is loaded, for example "5.3.0".
std::string malloc_version();

struct MallocStats {
  // Bytes in live allocations. When not exact (mimalloc counts pages only): bytes in the pages that
  // hold them.
  std::uint64_t allocated_bytes = 0;
  bool allocated_is_exact = false;
  // Bytes of memory that the heap occupies, its bookkeeping and free space included.
  std::uint64_t resident_bytes = 0;
  // Bytes of address space taken from the system; at least resident_bytes, up to rounding.
  std::uint64_t mapped_bytes = 0;
};

// A fresh reading. Costs microseconds to a few milliseconds with large heaps: for a metrics page or
// a benchmark, not for a turn of a reactor.
MallocStats malloc_stats();

// True when malloc() in this process is the chosen library's, by asking the dynamic linker where
// the symbol comes from. False means that the link went wrong and the figures above are
// meaningless.
bool malloc_is_linked();

}  // namespace shoal::alloc
