// How many descriptors one table may hold. The limit (RLIMIT_NOFILE) is the process's, but it holds
// for each table by itself (net/reactor_threads.h).
#pragma once

#include <cstdint>
#include <limits>

namespace shoal::net {

inline constexpr std::uint64_t kNoDescriptorLimit = std::numeric_limits<std::uint64_t>::max();

// The soft limit; kNoDescriptorLimit when there is none.
std::uint64_t descriptor_limit();

// Raises the soft limit to the hard one, as far as the system lets us; returns descriptor_limit().
std::uint64_t raise_descriptor_limit();

// What a listener fills of a table with `limit`, 95 %: the rest is for connections that come home
// from other reactors, and for files.
std::uint64_t acceptable_descriptors(std::uint64_t limit);

// The kernel gives out the lowest free number, so a new one tells how many are taken, about.
// Errors are told as a full table: descriptor_limit().
std::uint64_t descriptors_in_use();

}  // namespace shoal::net
