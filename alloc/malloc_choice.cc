// The only file that names a malloc library.
#include "alloc/malloc_choice.h"

#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHOAL_MALLOC_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHOAL_MALLOC_SANITIZER 1
#endif

#if defined(SHOAL_MALLOC_SANITIZER)
// Part of every sanitizer's runtime; gcc ships no header for them.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
extern "C" std::size_t __sanitizer_get_heap_size();
#elif defined(SHOAL_MALLOC_JEMALLOC)
#include <jemalloc/jemalloc.h>
#elif defined(SHOAL_MALLOC_MIMALLOC)
#include <mimalloc.h>
#elif defined(SHOAL_MALLOC_SYSTEM)
#include <gnu/libc-version.h>
#include <malloc.h>
#else
#error "cmake defines one of SHOAL_MALLOC_JEMALLOC, _MIMALLOC and _SYSTEM"
#endif

namespace shoal::alloc {
namespace {

#if defined(SHOAL_MALLOC_SANITIZER)

constexpr std::string_view kName = "sanitizer";
constexpr std::string_view kObject = "";  // built into the program by gcc or clang
std::string read_version() { return "of the compiler"; }

MallocStats read_stats() {
  return {.allocated_bytes = __sanitizer_get_current_allocated_bytes(),
          .allocated_is_exact = true,
          .resident_bytes = __sanitizer_get_heap_size(),
          .mapped_bytes = __sanitizer_get_heap_size()};
}

#elif defined(SHOAL_MALLOC_JEMALLOC)

constexpr std::string_view kName = "jemalloc";
constexpr std::string_view kObject = "libjemalloc";

std::string read_version() {
  const char* version = "";
  std::size_t size = sizeof(version);
  if (mallctl("version", &version, &size, nullptr, 0) != 0) return "unknown";
  const std::string_view text = version;  // "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c"
  return std::string(text.substr(0, text.find('-')));
}

std::uint64_t read_number(const char* name) {
  std::size_t value = 0;
  std::size_t size = sizeof(value);
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

MallocStats read_stats() {
  // jemalloc caches its statistics until its epoch is advanced.
  std::uint64_t epoch = 1;
  std::size_t size = sizeof(epoch);
  mallctl("epoch", &epoch, &size, &epoch, size);
  return {.allocated_bytes = read_number("stats.allocated"),
          .allocated_is_exact = true,
          .resident_bytes = read_number("stats.resident"),
          .mapped_bytes = read_number("stats.mapped")};
}

#elif defined(SHOAL_MALLOC_MIMALLOC)

constexpr std::string_view kName = "mimalloc";
constexpr std::string_view kObject = "libmimalloc";

std::string read_version() {
  const int version = mi_version();  // 209 is 2.0.9
  return std::to_string(version / 100) + "." + std::to_string(version / 10 % 10) + "." +
         std::to_string(version % 10);
}

MallocStats read_stats() {
  std::size_t elapsed = 0;
  std::size_t user = 0;
  std::size_t system = 0;
  std::size_t resident = 0;
  std::size_t peak_resident = 0;
  std::size_t committed = 0;
  std::size_t peak_committed = 0;
  std::size_t faults = 0;
  mi_process_info(&elapsed, &user, &system, &resident, &peak_resident, &committed, &peak_committed,
                  &faults);
  return {.allocated_bytes = committed,
          .allocated_is_exact = false,
          .resident_bytes = resident,
          .mapped_bytes = committed > resident ? committed : resident};
}

#else

constexpr std::string_view kName = "system";
constexpr std::string_view kObject = "libc.so";
std::string read_version() { return gnu_get_libc_version(); }

MallocStats read_stats() {
  const struct mallinfo2 info = mallinfo2();
  return {.allocated_bytes = info.uordblks + info.hblkhd,
          .allocated_is_exact = true,
          .resident_bytes = info.arena - info.keepcost + info.hblkhd,
          .mapped_bytes = info.arena + info.hblkhd};
}

#endif

}  // namespace

std::string_view malloc_name() { return kName; }
std::string malloc_version() { return read_version(); }
MallocStats malloc_stats() { return read_stats(); }

bool malloc_is_linked() {
  if (kObject.empty()) return true;
  Dl_info info{};
  void* address = dlsym(RTLD_DEFAULT, "malloc");
  if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return false;
  return std::string_view(info.dli_fname).find(kObject) != std::string_view::npos;
}

}  // namespace shoal::alloc
