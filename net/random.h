// The only place that takes entropy from the system.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal::net {

// 64 bits from getrandom(2); good enough to seed a generator or to make an id. Dies if the kernel
// refuses, which it does only before its pool is ready.
std::uint64_t random_seed();

// Fills `out`; for ids and tokens.
void random_bytes(void* out, std::size_t size);

}  // namespace shoal::net
